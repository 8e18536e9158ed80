"""A network for the reader: plain text, LaTeX, and Markdown for a notebook."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from sim.network import printing
from sim.network.elements import Event, Parameter, Species
from sim.network.nodes import Add, Expression, Number, Subtract
from sim.network.printing import latex_name, number_text

if TYPE_CHECKING:
    from sim.network.network import Network

WIDTH = 100
"""Characters after which a sum in text goes on in the next line."""
LATEX_WIDTH = 200
"""The same for LaTeX, whose markup is not seen."""
CONTINUED = " " * 6

__all__ = ["event_words", "to_latex", "to_markdown", "to_text"]


def to_text(network: Network) -> str:
    """Return the network as text in groups; a group that is empty is left out.

    Parameters
    ----------
    network : Network
        A network that is well formed.

    Returns
    -------
    str
        Species with kind, initial value and unit; parameters with value, unit, kind and source; definitions;
        reactions with their rates; one differential equation a species; events in words; and what the reactions allow kernel
        ``hybrid`` to do with each count when it is small.
    """
    parameters = [
        (one.name, f"= {number_text(one.value)}", one.unit, _grounds(one), one.description)
        for one in network.all_parameters
    ]
    reactions = [
        (f"{one.name}:", one.text, f"at  {printing.to_text(one.rate)}", one.description)
        for one in network.all_reactions
    ]
    definitions = [
        (one.name, f"= {_wrapped(one.expression)}", one.description) for one in network.all_definitions
    ]
    groups: list[tuple[str, Sequence[tuple[str, ...]]]] = [
        ("Species", [_species_row(one) for one in network.all_species]),
        ("Parameters", parameters),
        ("Definitions", definitions),
        ("Reactions", reactions),
        ("Equations", [(f"d {name}/dt", f"= {_wrapped(rate)}") for name, rate in network.drift().items()]),
        ("Events", [(f"{one.name}:", event_words(one), one.description) for one in network.all_events]),
        ("Populations under kernel hybrid, when small", _when_small(network)),
    ]
    lines = [f"{network.name}, time in {network.time_unit}"]
    for title, rows in groups:
        if rows:
            lines += ["", title, *_aligned(rows)]
    return "\n".join(lines) + "\n"


def _when_small(network: Network) -> list[tuple[str, ...]]:
    """Return the counts that have the law of a branching process given the rest, and those that are counted event by event."""
    from sim.network.classification import classify

    found = classify(network).species
    rows: list[tuple[str, ...]] = []
    for role, words in (("branching", "by their exact law:"), ("counted", "event by event:")):
        names = [one.name for one, its in zip(network.all_species, found, strict=True) if its == role]
        if names:
            listed = [*(f"{name}," for name in names[:-1]), names[-1]]
            rows.append((words, f"\n{CONTINUED}".join(_lines(listed, WIDTH))))
    return rows


def _species_row(species: Species) -> tuple[str, ...]:
    start = f"= {number_text(species.initial)} at the start"
    return species.name, start, species.unit, species.kind, species.description


def _grounds(parameter: Parameter) -> str:
    """Return what a parameter's value rests on."""
    return ": ".join(part for part in (parameter.kind, parameter.source) if part)


def _terms(expression: Expression, write: Callable[[Expression], str]) -> list[str]:
    """Return the terms of a sum, each but the first with its sign; sums within brackets stay whole."""
    later: list[str] = []
    while isinstance(expression, (Add, Subtract)):
        sign = "+" if isinstance(expression, Add) else "-"
        # Written behind a zero, the term gets the brackets that it needs.
        zero = Number(0)
        alone = type(expression)(zero, expression.right)
        later.append(f"{sign} {write(alone).removeprefix(write(zero)).strip().removeprefix(sign).strip()}")
        expression = expression.left
    return [write(expression), *reversed(later)]


def _lines(terms: list[str], width: int) -> list[str]:
    """Fill lines of about `width` characters with whole terms."""
    lines = [terms[0]]
    for term in terms[1:]:
        if len(lines[-1]) + len(term) < width:
            lines[-1] += f" {term}"
        else:
            lines.append(term)
    return lines


def _wrapped(expression: Expression) -> str:
    """Return the text of an expression, a long sum on several lines."""
    return f"\n{CONTINUED}".join(_lines(_terms(expression, printing.to_text), WIDTH))


def _aligned(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Return rows as lines with columns of even width; columns that are empty throughout vanish.

    A column does not grow beyond 40 characters for the sake of one long entry.
    """
    used = [i for i in range(len(rows[0])) if any(row[i] for row in rows)]
    widths = {i: min(40, max(len(row[i]) for row in rows)) for i in used}
    return ["  " + "  ".join(row[i].ljust(widths[i]) for i in used).rstrip() for row in rows]


def event_words(event: Event) -> str:
    """Return what an event does, in words.

    Examples
    --------
    >>> from sim.network import Network
    >>> net = Network("example")
    >>> net.event("chemo", at=3, survive={"X": 0.01}, if_="X > 10")
    >>> event_words(net.all_events[0])
    'at time 3, if X > 10: each X survives with probability 0.01'
    """
    moment = f"whenever {event.when} becomes true" if event.at is None else f"at time {event.at}"
    condition = "" if event.if_ is None else f", if {event.if_}"
    deeds = [f"{name} gains {amount}" for name, amount in event.add.items()]
    deeds += [f"{name} becomes {amount}" for name, amount in event.set.items()]
    together: dict[Expression, list[str]] = {}
    for name, chance in event.survive.items():
        together.setdefault(chance, []).append(name)
    deeds += [
        f"each {_listed(names)} survives with probability {chance}" for chance, names in together.items()
    ]
    if event.stop:
        deeds.append("the course ends")
    return f"{moment}{condition}: {', '.join(deeds)}"


def _listed(names: list[str]) -> str:
    """Return names as words: ``a``, ``a or b``, ``a, b or c``."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"


def to_latex(network: Network) -> str:
    r"""Return the differential equations, then the definitions, as a LaTeX ``aligned`` block.

    A long sum goes over several lines.
    """
    sides = [
        (rf"\frac{{\mathrm{{d}} {latex_name(name)}}}{{\mathrm{{d}} t}}", rate)
        for name, rate in network.drift().items()
    ]
    sides += [(latex_name(one.name), one.expression) for one in network.all_definitions]
    rows: list[str] = []
    for left, right in sides:
        first, *rest = _lines(_terms(right, printing.to_latex), LATEX_WIDTH)
        rows += [f"{left} &= {first}", *(rf"&\quad {{}} {line}" for line in rest)]
    body = " \\\\\n".join(rows)
    return f"\\begin{{aligned}}\n{body}\n\\end{{aligned}}"


def to_markdown(network: Network) -> str:
    """Return the network for a notebook: its equations, and tables of reactions, parameters and events.

    A network that is not yet well formed is shown with its problems instead, since a display must not raise.
    """
    from sim.network.checks import problems

    lines = [f"**{_escaped(network.name)}**, time in {_escaped(network.time_unit)}"]
    found = problems(network)
    if found:
        return "\n".join([*lines, "", *(f"- {_escaped(problem)}" for problem in found)])
    lines += ["", "$$", to_latex(network), "$$"]
    species = [(f"`{one.name}`", number_text(one.initial), one.unit, one.kind) for one in network.all_species]
    lines += _table(("species", "at the start", "unit", "kind"), species)
    reactions = [(one.name, f"`{one.text}`", f"`{one.rate}`") for one in network.all_reactions]
    lines += _table(("reaction", "change", "rate"), reactions)
    parameters = [
        (f"`{one.name}`", number_text(one.value), one.unit, one.kind, one.source)
        for one in network.all_parameters
    ]
    lines += _table(("parameter", "value", "unit", "kind", "source"), parameters)
    lines += _table(("event", "what happens"), [(one.name, event_words(one)) for one in network.all_events])
    return "\n".join(lines)


def _escaped(text: str) -> str:
    """Return text that Markdown does not take for markup."""
    return "".join(f"\\{sign}" if sign in "\\|*_<>$" else sign for sign in text)


def _table(header: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Return a Markdown table, nothing when it has no rows. Cells in backquotes are shown as they are."""
    if not rows:
        return []
    lines = ["", f"| {' | '.join(header)} |", "|" + "---|" * len(header)]
    for row in rows:
        cells = [cell.replace("|", "\\|") if cell.startswith("`") else _escaped(cell) for cell in row]
        lines.append(f"| {' | '.join(cells)} |")
    return lines
