"""Write the tables of docs/published-models.md from the records of the models; what stands between the marks is theirs.

.venv/bin/python -m tests.models.page
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from sim.models.catalogue import published_models

__all__ = ["PAGE", "main", "text"]

PAGE = Path(__file__).parents[2] / "docs" / "published-models.md"


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def _parts() -> dict[str, str]:
    """Return what stands between the marks of each name."""
    models = published_models()
    figures = [
        [f"`{model.name}`", one.what, one.published, f"{one.ours:.4g}", one.unit, one.verdict]
        for model in models
        for one in model.headlines
    ]
    notes = [f"- `{model.name}`: {note}" for model in models for note in model.notes]
    return {
        "models": _table(
            ["model", "describes", "equations in words", "source"],
            [[f"`{model.name}`", model.title, model.terms, model.source] for model in models],
        ),
        "figures": _table(["model", "figure", "published", "here", "unit", ""], figures),
        "notes": "\n".join(notes),
    }


def text() -> str:
    """Return the page with the tables of today."""
    page = PAGE.read_text("utf-8")
    for name, part in _parts().items():
        mark = re.compile(rf"(<!-- {name}: [^\n]*-->\n).*?(\n<!-- end -->)", re.DOTALL)
        page, found = mark.subn(lambda match, part=part: f"{match[1]}{part}{match[2]}", page)
        assert found == 1, name
    return page


def main() -> None:
    """Write the page."""
    PAGE.write_text(text(), "utf-8")


if __name__ == "__main__":
    main()
