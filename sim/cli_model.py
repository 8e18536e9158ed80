"""`cartsim show` of a model: what it is, its network, and a paper's figures beside ours."""

from __future__ import annotations

import sys
from textwrap import fill
from typing import TYPE_CHECKING

from sim.cli_output import print_json, print_table, terminal_width

if TYPE_CHECKING:
    from sim.models.published.record import PublishedModel
    from sim.network import Network

__all__ = ["show_model"]


def show_model(name: str, *, equations: bool, parameters: bool, as_json: bool) -> None:
    """Print a model: all of it, or its network as text, or its parameters.

    Parameters
    ----------
    name : str
        One of `sim.models.catalogue.model_names`.
    equations, parameters : bool
        Whether one of these views is wanted alone.
    as_json : bool
        Write JSON instead of text.
    """
    from sim.models import list_models, load_model
    from sim.models.catalogue import published_model

    (entry,) = (entry for entry in list_models() if entry.name == name)
    net, paper = load_model(name), published_model(name)
    if equations:
        print_json({"model": name, "equations": net.equations()}) if as_json else print(net.equations())
    elif parameters:
        _show_parameters(name, net, as_json)
    elif as_json:
        print_json(
            {
                "model": name,
                "title": entry.title,
                "source": entry.source,
                "terms": paper.terms if paper else "",
                "notes": list(paper.notes) if paper else [],
                "initial": {one.name: one.initial for one in net.all_species},
                "parameters": _parameter_rows(net),
                "equations": net.equations(),
                "headlines": [vars(one) for one in paper.headlines] if paper else [],
            }
        )
    else:
        print(f"{name}: {entry.title}\n{entry.source}\n")
        print(net.equations())
        if paper is not None:
            _show_figures(paper)


def _parameter_rows(net: Network) -> list[dict[str, str | float]]:
    """Return one row a parameter; JSON has no infinity, and "never" is what an infinite time means."""
    return [
        {
            "name": one.name,
            "value": "never" if one.value == float("inf") else one.value,
            "unit": one.unit,
            "kind": one.kind,
            "source": one.source,
            "description": one.description,
        }
        for one in net.all_parameters
    ]


def _show_parameters(name: str, net: Network, as_json: bool) -> None:
    rows = _parameter_rows(net)
    if as_json:
        print_json(rows)
        return
    cells = [
        [f"{value:.10g}" if isinstance(value, float) else str(value) for value in row.values()]
        for row in rows
    ]
    print_table(f"{name}: parameters", tuple(rows[0]) if rows else (), cells)


def _show_figures(paper: PublishedModel) -> None:
    """Print the paper's figures beside ours, and what to know of them."""
    rows = [[one.what, one.published, f"{one.ours:.4g}", one.unit, one.verdict] for one in paper.headlines]
    print_table("Figures", ("", "published", "here", "unit", ""), rows)
    if paper.notes:
        print("Notes")
        # As with a table, a note is one line in a file or a pipe.
        width = terminal_width() if sys.stdout.isatty() else sys.maxsize
        for note in paper.notes:
            print(fill(note, width, initial_indent="  ", subsequent_indent="    "))
