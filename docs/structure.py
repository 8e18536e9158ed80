"""Write the tables of docs/structure.md: rival forms of the model, and which measurement would tell them apart best.

.venv/bin/python docs/structure.py --folder runs/calibration [--patients 2000]

The folder is that of a calibration whose rivals were fitted (`python -m calibration rivals`).
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm, rankdata

import sim
from calibration.rivals import RIVALS
from sim.trial.cohort import draw
from sim.trial.measures import is_share, measure, population
from sim.trial.scenario import Scenario
from sim.trial.scenario_io import load

__all__ = ["PAGE", "main", "patients_needed", "telling_apart"]

PAGE = Path(__file__).with_name("structure.md")
Floats = NDArray[np.float64]
SHOWN = 5


@dataclass(frozen=True)
class Form:
    """One of two rivals: a scenario, its arm, and what is changed."""

    name: str
    scenario: str
    arm: str
    changes: Mapping[str, Any]


@dataclass(frozen=True)
class Measurement:
    """What could be measured: an endpoint among whom, up to a day."""

    words: str
    endpoint: str
    among: str = "infused"
    at: float | None = None


MEASUREMENTS = (
    Measurement("complete remission", "cr"),
    Measurement("remission without residual disease", "mrd_negative", "evaluable"),
    Measurement("relapse by 12 months", "relapse", "responders", 365.0),
    Measurement("CD19-negative relapse by 6 months", "cd19_negative_relapse", "responders", 182.0),
    Measurement("CD19-negative relapse by 24 months", "cd19_negative_relapse", "responders", 730.0),
    Measurement("day of a relapse", "relapse_day", "relapsed"),
    Measurement("CD22 at relapse over that before", "cd22_ratio", "relapsed"),
    Measurement("peak of CAR T cells in blood", "cmax"),
    Measurement("day of the peak", "tmax"),
    Measurement("doubling time", "doubling_time"),
    Measurement("contraction half-life", "contraction_half_life"),
    Measurement("terminal half-life", "terminal_half_life"),
    Measurement("day on which B cells are back", "b_cell_recovery_day"),
)
CLONE = "CD19-negative share of the leukaemia before infusion above 1e-6"


def forms(folder: Path) -> list[tuple[str, Form, Form]]:
    """Return the pairs of rivals."""
    clone = next(one for one in RIVALS if one.name == "expanded clone")
    fitted = {
        "patients.posterior.folder": str(folder / "rivals" / "expanded-clone" / "posterior"),
        **clone.changes,
    }
    return [
        (
            "How two binders of one receptor add up",
            Form("additive", "dual-upfront", "tandem", {}),
            Form("OR", "dual-upfront", "tandem", {"products.tandem.recognition": "or"}),
        ),
        (
            "The same, second arm weak (strength 0.1)",
            Form("additive", "dual-upfront", "tandem", {"products.tandem.arm_strength.cd22": 0.1}),
            Form("OR", "dual-upfront", "tandem", {"products.tandem.arm_strength.cd22": 0.1, "products.tandem.recognition": "or"}),
        ),
        (
            "Where CD19-negative cells come from",
            Form("two hits", "turtle2016-cd19", "cd19", {}),
            Form("an expanded clone", "turtle2016-cd19", "cd19", fitted),
        ),
        (
            "Why disease in nodes does worse",
            Form("poor access", "marrow-against-node", "cll-access", {}),
            Form("poor fitness", "marrow-against-node", "cll-fitness", {}),
        ),
    ]  # fmt: skip


def patients_needed(one: Floats, other: Floats, share: bool) -> float:
    """Return how many patients with the measurement, half of each kind, tell two forms apart: two-sided 5 %, power 80 %.

    Shares by the normal approximation of two proportions, numbers by that of the rank-sum test (Noether, JASA 82 (1987) 645).

    >>> patients_needed(np.array([0.0, 1.0] * 50), np.array([0.0, 0.0, 0.0, 1.0] * 25), share=True)
    110.0
    """
    if min(len(one), len(other)) < 20:
        return float("inf")
    z = float(norm.ppf(0.975) + norm.ppf(0.8))
    if share:
        p, q = float(one.mean()), float(other.mean())
        gap, spread = abs(p - q), p * (1.0 - p) + q * (1.0 - q)
        return float("inf") if gap == 0.0 else float(np.ceil(2.0 * z**2 * max(spread, 0.01) / gap**2))
    ranks = rankdata(np.concatenate([one, other]))
    above = (ranks[: len(one)].sum() - len(one) * (len(one) + 1) / 2) / (len(one) * len(other))
    return float("inf") if above == 0.5 else float(np.ceil(z**2 / (3.0 * (above - 0.5) ** 2)))


def _scenario(form: Form, patients: int) -> Scenario:
    return load(form.scenario).with_({"patients.size": patients, **form.changes})


def telling_apart(first: Form, second: Form, patients: int) -> list[tuple[str, str, str, float]]:
    """Return measurements, what each form gives, and how many patients tell them apart, the fewest first."""
    found = []
    scenarios = [_scenario(one, patients) for one in (first, second)]
    results = [sim.run(one, seed=0) for one in scenarios]
    parts = [result.outcomes.arm(form.arm) for result, form in zip(results, (first, second), strict=True)]
    for what in MEASUREMENTS:
        values = [
            measure(part, what.endpoint, what.at)[population(part, what.among)]  # type: ignore[arg-type]
            for part in parts
        ]
        one, other = (each[np.isfinite(each)] for each in values)
        found.append(_row(what.words, one, other, is_share(what.endpoint)))
    shares = []
    for form, scenario in zip((first, second), scenarios, strict=True):
        told = draw(scenario, form.arm, 0, np.arange(patients)).covariates
        shares.append((told["cd19_negative_cells"] > 1e-6 * told["burden_cells"]).astype(np.float64))
    found.append(_row(CLONE, *shares, share=True))
    return sorted(found, key=lambda row: row[3])


def _row(words: str, one: Floats, other: Floats, share: bool) -> tuple[str, str, str, float]:
    def shown(values: Floats) -> str:
        if not len(values):
            return "-"
        return f"{100 * values.mean():.0f} %" if share else f"{np.median(values):.3g}"

    return words, shown(one), shown(other), patients_needed(one, other, share)


def _table(first: Form, second: Form, patients: int) -> str:
    lines = [f"| measurement | {first.name} | {second.name} | patients that tell them apart |", "|---|---|---|---|"]  # fmt: skip
    for words, one, other, needed in telling_apart(first, second, patients)[:SHOWN]:
        count = "more than 10,000" if needed > 1e4 else f"{needed:,.0f}"
        lines.append(f"| {words} | {one} | {other} | {count} |")
    return "\n".join(lines)


def main() -> None:
    """Write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("runs/calibration"))
    parser.add_argument("--patients", type=int, default=2000)
    given = parser.parse_args()
    parts = []
    for title, first, second in forms(given.folder.resolve()):
        parts.append(f"### {title}: {first.name} or {second.name}\n\n{_table(first, second, given.patients)}")
    page = PAGE.read_text(encoding="utf-8")
    pattern = re.compile(r"(<!-- rivals -->\n).*?(\n<!-- end rivals -->)", re.DOTALL)
    PAGE.write_text(pattern.sub(lambda m: m[1] + "\n\n".join(parts) + m[2], page), encoding="utf-8")


if __name__ == "__main__":
    main()
