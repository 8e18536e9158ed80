"""Write the parameter tables of docs/single-cells.md from the networks; what stands between the marks is theirs.

.venv/bin/python docs/single_cells.py
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import partial
from pathlib import Path

from sim.models.agents import agent_model, told
from sim.models.design import Design, ProductDesign
from sim.models.dish import DISH_PARAMETERS
from sim.models.leukaemia import build
from sim.network.elements import Parameter
from sim.network.network import Network

__all__ = ["PAGE", "main", "parts", "text"]

PAGE = Path(__file__).with_name("single-cells.md")
COLUMNS = ("name", "default", "unit", "kind", "source", "meaning")

# Everything that a design may have, once: a product P with two targets, a further site, a slot of each treatment.
PRODUCTS = (ProductDesign("P", ("cd19", "cd22"), "additive"),)
BODY = Design(PRODUCTS, agents=True, extramedullary=("node",), chemotherapies=1, transplant=True)
DISH = Design(PRODUCTS, agents=True, host=False, car_t_agents=True)


def _parameters(design: Design) -> dict[str, Parameter]:
    """Return the parameters of a design's network by name, without those that the cells tell."""
    own = set(told(design))
    return {p.name: p for p in build(design).all_parameters if p.name not in own}


def _behind(net: Network, names: Iterable[str]) -> set[str]:
    """Return the names that these are computed from, through definitions, and these themselves; what a species comes from is not followed."""
    defined = {d.name: d.expression.symbols for d in net.all_definitions}
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += defined.get(name, ())
    return found


def _number(value: float) -> str:
    text = f"{value:g}"
    assert float(text) == value, text  # noqa: S101 - a table must not round
    return text


def _table(parameters: Iterable[Parameter]) -> str:
    rows = [(f"`{p.name}`", _number(p.value), p.unit, p.kind, p.source, p.description) for p in parameters]
    assert not any("|" in cell for row in rows for cell in row)  # noqa: S101 - it would end a cell
    return "\n".join("| " + " | ".join(row) + " |" for row in (COLUMNS, ("---",) * len(COLUMNS), *rows))


def parts() -> dict[str, str]:
    """Return the table of each mark: every parameter of either network stands in one of them."""
    body, dish = _parameters(BODY), _parameters(DISH)
    assert all(dish[name] == body[name] for name in set(body) & set(dish))  # noqa: S101 - one row serves both
    cells, killers = agent_model(BODY, build(BODY)), agent_model(DISH, build(DISH))
    told_to_cells = _behind(cells.surroundings, cells.signals)
    told_to_killers = _behind(killers.surroundings, (name for k in killers.killers for name in k.told))
    every = {**body, **dish}

    def group(name: str) -> str:
        if name in DISH_PARAMETERS:
            return "dish"
        if name in told_to_cells:
            return "leukaemia cells"
        return "car t cells" if name in told_to_killers else "surroundings"

    names = ("leukaemia cells", "car t cells", "dish", "surroundings")
    return {one: _table(p for p in every.values() if group(p.name) == one) for one in names}


def _between(part: str, match: re.Match[str]) -> str:
    return f"{match[1]}{part}{match[2]}"


def text() -> str:
    """Return the page with the tables of today."""
    page = PAGE.read_text("utf-8")
    for name, part in parts().items():
        mark = re.compile(rf"(<!-- {name}: [^\n]*-->\n).*?(\n<!-- end -->)", re.DOTALL)
        page, found = mark.subn(partial(_between, part), page)
        if found != 1:
            raise ValueError(f"{PAGE}: {found} marks {name!r}; there must be one")
    return page


def main() -> None:
    """Write the page."""
    PAGE.write_text(text(), "utf-8")


if __name__ == "__main__":
    main()
