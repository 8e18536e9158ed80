"""Write the tables of docs/calibration.md from the shipped posterior; what stands between the marks is theirs.

.venv/bin/python docs/calibration.py [--patients 4000]
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

import sim
from calibration.priors import EFFECTS, QUANTITIES
from calibration.targets import FITTED
from sim.trial.forest import interval_of, outcome_label, unit_of
from sim.trial.populations import SHIPPED
from sim.trial.result import Result
from sim.trial.scenario import Scenario
from sim.trial.scenario_io import load
from sim.trial.story import figure_text
from sim.trial.uncertainty import components

__all__ = ["PAGE", "main", "of_notes"]

PAGE = Path(__file__).with_name("calibration.md")


def table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """Return a table of Markdown."""
    return "\n".join("| " + " | ".join(row) + " |" for row in (head, ("---",) * len(head), *rows))


def notes(name: str = "provenance") -> dict[str, Any]:
    """Return what stands beside the tables."""
    return dict(json.loads((SHIPPED / f"{name}.json").read_text(encoding="utf-8")))


def of_notes() -> dict[str, str]:
    """Return the tables that need no simulation, by the name of their mark."""
    told = notes()
    return {
        "numbers": _numbers(told),
        "reliability": _reliability(told),
        "without": _without(told),
        "ridges": _ridges(told),
        "figures": _figures(told),
        "proof": _proof(notes("proof")),
        "rivals": _rivals(notes("rivals")),
    }


def _numbers(told: dict[str, Any]) -> str:
    rows = {row["name"]: row for row in told["table"]}
    power = {row["name"]: row for row in told["power_scaling"]}
    out = []
    for one in QUANTITIES:
        row = rows[one.name]
        middle, sd = np.log(one.median) + one.log_sd * row["mean"], one.log_sd * row["sd"]
        ends = [np.exp(np.log(one.median) + side * 1.96 * one.log_sd) for side in (-1, 1)]
        post = [np.exp(middle + side * 1.96 * sd) for side in (-1, 1)]
        scaled = power[one.name]
        out.append(
            (
                f"`{one.name}`",
                one.kind,
                f"{one.median:.3g} ({ends[0]:.2g} to {ends[1]:.2g})",
                f"{np.exp(middle):.3g} ({post[0]:.2g} to {post[1]:.2g})",
                f"{max(0.0, row['contraction']):.2f}",
                f"{scaled['prior']:.2f}",
                f"{scaled['likelihood']:.2f}",
                scaled["reading"],
            )
        )
    head = ("median of the law of", "prior's evidence", "prior (95 %)", "posterior (95 %)", "contraction", "power of the prior", "of the data", "reading")  # fmt: skip
    effects = [
        (f"`{one.name}`", f"{rows[f'{one.name} between trials']['sd']:.2f}",
         *(f"{rows[f'{one.name} of {trial}']['mean']:.2f} ± {rows[f'{one.name} of {trial}']['sd']:.2f}" for trial in told["trials"]))
        for one in EFFECTS
    ]  # fmt: skip
    second = table(("effect (0 ± 1 a priori)", "SD of its SD (1)", *told["trials"]), effects)
    return table(head, out) + "\n\n" + second


def _reliability(told: dict[str, Any]) -> str:
    worst = max(row["rhat"] for row in told["table"])
    least = min(row["effective"] for row in told["table"])
    effort = told["effort"]
    rows = [
        ("R-hat, greatest of all numbers", f"{worst:.3f}", "at most 1.01"),
        ("effective draws, least of all numbers", f"{least:.0f}", "at least 400"),
        *(
            (f"patients that would leave a figure as uncertain, {arm}: 5 % of the draws, median", f"{n['5 %']:.0f}, {n['median']:.0f}", "at least 300")
            for arm, n in told["effective_patients"].items()
        ),
        *(
            (f"effective patients of the bank itself, {arm}: 5 %, median", f"{n['5 %']:.0f}, {n['median']:.0f}", "")
            for arm, n in told["bank_patients"].items()
        ),
        ("SD of the log likelihood at the mode", f"{told['noise_at_mode']:.2f}", "at most 1"),
        *(
            (f"learned less weighed, {one['target']}: mean, root mean square", f"{one['bias']:+.1f}, {one['scatter']:.1f} SD", "at most 2")
            for one in told["learned"]
            if one["scatter"] is not None
        ),
        *(
            (f"learned less fresh patients, {one['target']}, in the logarithm", f"{one['bias']:+.3f} ± {one['error']:.3f}", f"chi-square {one['chi_square']:.0f} of {one['draws']}")
            for one in told["confirmation"]
        ),
    ]  # fmt: skip
    short = told["shortfalls"] or ["none"]
    what = f"{told['chains']} chains of {effort['draws']} draws on {told['parts'] * effort['patients']:,} patients an arm, seed {told['seed']}."
    return (
        what
        + "\n\n"
        + table(("question", "found", "asked"), rows)
        + "\n\nFalls short of: "
        + "; ".join(short)
        + "."
    )


def _without(told: dict[str, Any]) -> str:
    from scipy.stats import chi2

    rows = []
    for trial, one in told["without"].items():
        tests = [chi2.sf(two["chi_square"], two["draws"]) for two in one["confirmation"]]
        rows.append(
            (
                trial,
                f"{max(row['rhat'] for row in one['table']):.3f}",
                f"{min(row['effective'] for row in one['table']):.0f}",
                f"{min(n['5 %'] for n in one['effective_patients'].values()):.0f}",
                f"{min(n['5 %'] for n in one['bank_patients'].values()):.0f}",
                f"{one['noise_at_mode']:.2f}",
                f"{max(two['scatter'] for two in one['learned'] if two['scatter'] is not None):.1f}",
                f"{min(1.0, min(tests) * len(tests)):.2f}",
            )
        )
    head = (
        "posterior without", "R-hat", "effective draws", "patients worth", "effective patients of the bank", "SD at the mode", "learned beside weighed, SDs", "p of fresh patients, all figures",
    )  # fmt: skip
    return table(head, rows)


def _ridges(told: dict[str, Any]) -> str:
    return table(
        ("number", "with", "rank correlation"), [(a, b, f"{rho:+.2f}") for a, b, rho in told["ridges"]]
    )


def _figures(told: dict[str, Any]) -> str:
    rows = [
        (one["target"], f"{one['median']:.3g}", f"{one['5 %']:.3g} to {one['95 %']:.3g}")
        for one in told["figures"]
    ]
    return table(("figure that was fitted", "median of the draws", "90 %"), rows)


def _proof(told: dict[str, Any]) -> str:
    worst = min(told["p_values"].items(), key=lambda pair: pair[1])
    coverage = told["coverage_90"].values()
    agreement = told["agreement"]
    rows = [
        ("synthetic sets of trials; the others of those drawn had nobody of whom something was reported", f"{told['sets']} of {told['asked']}"),
        (f"alarms among the ranks (chance of any when all is right: {100 * told['level']:g} %)", ", ".join(told["alarms"]) or "none"),
        ("least p of uniform ranks", f"{worst[1]:.3f}, {worst[0]}"),
        ("90 % intervals that hold the truth, least and greatest of all numbers", f"{min(coverage):.2f}, {max(coverage):.2f}"),
        ("effective draws behind a set: least, 5 %, median", ", ".join(f"{n:.0f}" for n in told["effective_draws"])),
        ("effective patients of the arm that has fewest: 5 %, median of the prior's draws", ", ".join(f"{n:.0f}" for n in told["effective_patients"])),
        (f"chains beside weighed draws, {agreement['sets']} sets: greatest difference of means, mean square, in standard errors", f"{agreement['largest']:.1f}, {agreement['mean_square']:.2f}"),
        ("alarms when the likelihood is counted twice (negative control)", ", ".join(told["twice"]) or "none"),
    ]  # fmt: skip
    known = sorted(told["correlation"].items(), key=lambda pair: -pair[1])[:14]
    second = table(("number", "correlation of posterior mean and truth"), [(a, f"{b:.2f}") for a, b in known])
    return table(("", "found"), rows) + "\n\n" + second


def _rivals(told: dict[str, Any]) -> str:
    rows = [
        (
            name,
            one["meaning"],
            f"{one['mean']:.1f} ± {one['sd']:.1f}",
            f"{one['best']:.1f}",
            "-" if one["noise"] is None else f"{one['noise']:.2f}",
            f"{one['rhat']:.3f}, {one['effective']:.0f}",
            ("worse, as it must" if one["worse"] else "**must fit worse; not beyond what is unknown**")
            if one["control"]
            else "",
            _worst(one["each"], told["as shipped"]["each"]),
        )
        for name, one in told.items()
    ]
    head = ("form", "meaning", "log likelihood over its posterior", "at its mode", "SD by what is unknown of the figures", "R-hat, effective draws", "", "loses most at")  # fmt: skip
    return table(head, rows)


def _worst(each: dict[str, float], base: dict[str, float]) -> str:
    lost = {name: base[name] - value for name, value in each.items()}
    name = max(lost, key=lambda key: lost[key])
    return f"{name} ({-lost[name]:+.1f})" if lost[name] > 0.5 else "-"


def simulated(patients: int) -> Iterator[tuple[str, str]]:
    """Yield the tables that are simulated, by the name of their mark."""
    yield "reported", _reported(patients)
    yield "transplant", _transplant(patients)
    yield "between", _between(patients)


def _run(scenario: Scenario, patients: int, changes: dict[str, Any]) -> Result:
    return sim.run(scenario.with_({"patients.size": patients, **changes}), seed=0)


def _reported(patients: int) -> str:
    rows = []
    for name in FITTED:
        scenario = load(name)
        own = _run(scenario, patients, {})
        unseen = _run(
            scenario,
            patients,
            {"patients.posterior.without": name, "patients.posterior.trial": "new"},
        )
        for found, foretold in zip(own.comparisons, unseen.comparisons, strict=True):
            if found.kind == "qualitative":
                continue
            rows.append(
                (name, outcome_label(own, found), found.reported, *_beside(found), *_beside(foretold))
            )
    head = ("trial", "outcome", "reported", "fitted (95 % of such trials)", "mid-p", "", "predicted without it (95 %)", "mid-p", "")  # fmt: skip
    return table(head, rows)


def _beside(found: Any) -> tuple[str, str, str]:
    unit = unit_of(found) or found.unit
    low, high = (figure_text(end, unit) for end in interval_of(found))
    value = figure_text(found.simulated.value, unit)
    tail = "-" if found.predictive is None or np.isnan(found.predictive.tail) else f"{found.predictive.tail:.2f}"  # fmt: skip
    inside = {None: "-", True: "inside", False: "**outside**"}[found.inside]
    return (value if found.predictive is None else f"{value} ({low} to {high})"), tail, inside


WAYS = (
    (
        "treatment policy, as the trial told it: followed through the transplant",
        {"criteria.transplant": "ignored"},
    ),
    ("nobody transplanted", {"transplant": None}),
    ("multi-state: a transplant competes", {"criteria.transplant": "competing"}),
)


def _transplant(patients: int) -> str:
    rows = []
    for name in (one for one in FITTED if load(one).transplant is not None):
        for words, changes in WAYS:
            result = _run(load(name), patients, dict(changes))
            for arm in result.arms:
                said = {row.name: row for row in result.rows if row.arm == arm}
                cells = [_line(said, key) for key in ("remission_median", "efs_12m", "efs_24m", "os_24m")]
                rows.append((name, arm, words, *cells))
    return table(("trial", "arm", "transplant", "median remission", "event-free at 12 months", "at 24 months", "alive at 24 months"), rows)  # fmt: skip


def _line(said: dict[str, Any], key: str) -> str:
    row = said.get(key)
    return "-" if row is None else f"{figure_text(row.value, row.unit)}"


def _between(patients: int) -> str:
    rows = []
    for name, arm in (
        ("turtle2016-cd19", "cd19"),
        ("dual-upfront", "cd19"),
        ("dual-upfront", "cd22"),
        ("dual-upfront", "tandem"),
    ):
        for sd in (0.0, 0.3, 0.6):
            scenario = load(name)
            result = _run(
                scenario,
                patients,
                {"patients.posterior.trial": "new", "patients.posterior.between_trials": sd},
            )
            part = result.outcomes.arm(arm)
            values, seen = np.asarray(part["cr"], dtype=np.float64), np.asarray(part["patient"], dtype=np.int64)  # fmt: skip
            known = np.isfinite(values)
            assert result.grouping is not None  # noqa: S101
            found = components(values[known], result.grouping.origin(seen[known]))
            of = 20
            rows.append(
                (
                    name,
                    arm,
                    f"{sd:g}",
                    f"{found.mean:.2f}",
                    *(f"{np.sqrt(v):.3f}" for v in (found.populations, found.trials, found.patients / of, found.of_trial(of))),
                )
            )  # fmt: skip
    head = ("scenario", "arm", "SD between trials", "complete remission", "SD: parameters", "trial", f"{20} patients", "all")  # fmt: skip
    return table(head, rows)


def put(page: str, name: str, content: str) -> str:
    """Return a page with a part between its marks put anew."""
    pattern = re.compile(rf"(<!-- {name} -->\n).*?(\n<!-- end {name} -->)", re.DOTALL)
    if not pattern.search(page):
        raise ValueError(f"{name}: no such marks in {PAGE.name}; write <!-- {name} --> and its end")
    return pattern.sub(lambda found: found[1] + content + found[2], page)


def main() -> None:
    """Write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--patients", type=int, default=4000, help="of an arm; 0 leaves what is simulated as it is"
    )
    given = parser.parse_args()
    page = PAGE.read_text(encoding="utf-8")
    for name, content in of_notes().items():
        page = put(page, name, content)
    if given.patients:
        for name, content in simulated(given.patients):
            page = put(page, name, content)
    PAGE.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
