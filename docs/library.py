"""Write the tables of scenarios/README.md: each scenario with its question, source, figure and run time, and what became of its patients.

.venv/bin/python docs/library.py             # runs every scenario as `cartsim run NAME` does, some minutes
.venv/bin/python docs/library.py --only NAME # prints the rows of one
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

import sim
from sim.dish.reading import load_assay
from sim.trial.fates import FATES, shares
from sim.trial.scenario_io import load, scenario_names

__all__ = ["PAGE", "main", "of_files"]

PAGE = Path(__file__).parents[1] / "scenarios" / "README.md"
_REST = "no remission, marrow clear"
_SHOWN = tuple(name for name in FATES if name not in (_REST, "unclassified"))


def of_files() -> list[tuple[str, str, str, str, str]]:
    """Return what the files of trials say: name, question, source, arms with those enrolled, figure."""
    rows = []
    for name in scenario_names("trial"):
        scenario = load(name)
        arms = [
            key + (f" ({arm.enrolled})" if arm.enrolled else "")
            + (", for its kinetics alone" if arm.kinetics_only else "")
            for key, arm in scenario.arms.items()
        ]  # fmt: skip
        rows.append(
            (f"`{name}`", scenario.question, scenario.source, "; ".join(arms), f"`{scenario.answer}`")
        )
    return rows


def of_assays() -> list[tuple[str, str, str, str, str]]:
    """Return the same of killing assays: products and ratios for arms."""
    rows = []
    for name in scenario_names("killing assay"):
        assay = load_assay(name)
        ratios = ", ".join(f"{one:g}" for one in assay.dish.ratios)
        arms = f"no patients: {', '.join(assay.products)}; effector to target {ratios}"
        rows.append(
            (f"`{name}`", assay.question, assay.source or "Design of this project", arms, "`killing`")
        )
    return rows


def timed(name: str, out: Path) -> float:
    """Run a scenario by its command; return the seconds that it took."""
    begun = time.perf_counter()
    command = [sys.executable, "-c", "from sim.cli import main; main()", "run", name, "-o", str(out)]
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - begun


def run(name: str) -> tuple[float, list[str]]:
    """Run a scenario by its command; return the seconds that it took and a row for each arm."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out"
        begun = time.perf_counter()
        command = [sys.executable, "-c", "from sim.cli import main; main()", "run", name, "-o", str(out)]
        subprocess.run(command, check=True, capture_output=True)
        taken = time.perf_counter() - begun
        result = sim.open(out)
        days = result.courses["day"]
        rows = []
        for arm in result.arms:
            kinetics_only = result.scenario.arms[arm].kinetics_only
            found = shares(result.outcomes.arm(arm), days, kinetics_only=kinetics_only)
            cells = [f"{100 * found.shares[one]:.0f} %" if found.shares else "-" for one in _SHOWN]
            peak = "-" if found.peak is None else f"{found.peak[2]:.3g}"
            last = "-" if found.lasting is None else "later" if np.isnan(found.lasting[1]) else f"{found.lasting[1]:.0f}"  # fmt: skip
            rows.append("| " + " | ".join((f"`{name}`", arm, *cells, peak, last)) + " |")
    return taken, rows


def main() -> None:
    """Write the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="")
    only = parser.parse_args().only
    if only:
        taken, rows = run(only)
        sys.stdout.write("\n".join([*rows, f"{taken:.0f} s", ""]))
        return
    first = ["| name | question | source | arms (enrolled) | figure that answers | run |", "|---|---|---|---|---|---|"]  # fmt: skip
    second = [
        "| scenario | arm | " + " | ".join(_SHOWN) + " | median peak, cells/uL | half have lost the cells by day |",
        "|---|" + "---|" * (len(_SHOWN) + 3),
    ]  # fmt: skip
    for name, *rest in of_files():
        taken, rows = run(name.strip("`"))
        first.append("| " + " | ".join((name, *rest, f"{taken:.0f} s")) + " |")
        second += rows
    for name, *rest in of_assays():
        with tempfile.TemporaryDirectory() as folder:
            taken = timed(name.strip("`"), Path(folder) / "out")
        first.append("| " + " | ".join((name, *rest, f"{taken:.0f} s")) + " |")
    page = PAGE.read_text(encoding="utf-8")
    for mark, lines in (("library", first), ("fates", second)):
        pattern = re.compile(rf"(<!-- {mark} -->\n).*?(\n<!-- end {mark} -->)", re.DOTALL)
        if not pattern.search(page):
            raise SystemExit(f"{PAGE}: no marks of {mark}; a part stands between two; write them")
        page = pattern.sub(lambda found, lines=lines: found[1] + "\n".join(lines) + found[2], page)  # type: ignore[misc]
    PAGE.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
