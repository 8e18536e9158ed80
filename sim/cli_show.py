"""`cartsim show` of a scenario file, a trial or a killing assay: its tables, equations, parameters, or all of it as YAML or JSON."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sim.cli_output import print_json, print_table

if TYPE_CHECKING:
    from sim.network import Network
    from sim.network.network import Parameter
    from sim.trial.document import Document
    from sim.trial.laws import Law
    from sim.trial.scenario import Scenario

__all__ = ["Views", "parameter_row", "show_document", "views_of_trial"]

Row = dict[str, Any]


@dataclass(frozen=True)
class Views:
    """What can be shown of a document.

    Parameters
    ----------
    document : Document
    kind : str
        The word for it, also the key in JSON.
    equations : callable
        Returns the text of the network, or a text for each name.
    parameters : callable
        Returns a row for each parameter.
    tables : callable
        Returns titles with their rows of three cells.
    """

    document: Document
    kind: str
    equations: Callable[[], str | dict[str, str]]
    parameters: Callable[[], list[Row]]
    tables: Callable[[], list[tuple[str, list[tuple[str, str, str]]]]]


def show_document(views: Views, *, equations: bool, parameters: bool, resolved: bool, as_json: bool) -> None:
    """Print one view of a document: its tables where no other is asked for."""
    document = views.document
    if equations:
        text = views.equations()
        if as_json:
            print_json({views.kind: document.name, "equations": text})
        else:
            print(text if isinstance(text, str) else "\n\n".join(text.values()))
    elif parameters:
        _print_parameters(views, as_json)
    elif as_json:
        print_json({"hash": document.content_hash(), views.kind: document.resolved()})
    elif resolved:
        from sim.trial.scenario_io import to_yaml

        print(to_yaml(document), end="")
    else:
        print(f"{document.name}: {document.title}")
        answer = getattr(document, "answer", None)
        answered = "" if answer is None else f"Answered by the figure: {answer}"
        print("\n".join(text for text in (document.question, answered, document.source) if text), end="\n\n")
        for title, rows in views.tables():
            print_table(title, ("", "", ""), rows)


def _print_parameters(views: Views, as_json: bool) -> None:
    rows = views.parameters()
    if as_json:
        # JSON has no infinity; "never" is what an infinite time means.
        print_json(
            [{**row, "value": "never" if row["value"] == float("inf") else row["value"]} for row in rows]
        )
        return
    cells = [[f"{row[key]:g}" if key == "value" else str(row[key]) for key in row] for row in rows]
    print_table(f"{views.document.name}: parameters of the model", tuple(rows[0]) if rows else (), cells)


def parameter_row(parameter: Parameter, law: Law | None, kind: str) -> Row:
    """Return what is known of a parameter, by the law that a document gives it where it gives one."""
    return {
        "name": parameter.name,
        "value": parameter.value,
        "unit": parameter.unit,
        "kind": parameter.kind if law is None else law.kind,
        "source": parameter.source if law is None else law.source,
        "description": parameter.description,
        kind: "" if law is None else law.describe(),
    }


def views_of_trial(scenario: Scenario) -> Views:
    """Return what can be shown of a trial."""
    from sim.trial.scenario_view import sections

    return Views(
        scenario,
        "scenario",
        lambda: _network(scenario).equations(),
        lambda: _parameters(scenario),
        lambda: sections(scenario),
    )


def _network(scenario: Scenario) -> Network:
    from sim.models.leukaemia import build
    from sim.trial.regimen import design_of

    return build(design_of(scenario))


def _parameters(scenario: Scenario) -> list[Row]:
    """Return the network's parameters, and for those that the scenario sets its law."""
    from sim.trial.quantities import base_name, default_law

    products, rows = scenario.used_products(), []
    for parameter in _network(scenario).all_parameters:
        law = scenario.parameters.get(parameter.name) or scenario.parameters.get(
            base_name(parameter.name, products)
        )
        spread = (
            default_law(parameter.name, parameter.value, parameter.unit, products) if law is None else None
        )
        row = parameter_row(parameter, law, "scenario")
        rows.append({**row, "between patients": "" if spread is None else _with_evidence(spread)})
    return rows


def _with_evidence(law: Law) -> str:
    """Describe a law with its kind of evidence, source and note."""
    return "; ".join(part for part in (law.describe(), law.kind, law.source, law.note) if part)
