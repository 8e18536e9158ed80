"""Measure what the options of a trial's hybrid kernel move in the endpoints of a cohort.

    .venv/bin/python docs/tolerance.py [--patients 1000] [--seed 1]

The same virtual patients of `fry2018-cd22` and `dual-upfront` are simulated with the options of a trial, with tighter ones, and once
more as they are with other luck (the next replicate). Each endpoint of an arm is printed with its value and, for every other run, its
difference and the standard error of that difference: patients are paired, and 400 bootstrap samples of patients give the error. The run
with other luck shows what chance alone does; what exceeds it is an effect of the options.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from sim.network.simulation import Hybrid
from sim.network.simulation import simulate as integrate
from sim.trial import courses as trial
from sim.trial.cohort import draw
from sim.trial.endpoints import endpoint_times
from sim.trial.observation import OUTPUTS, observe
from sim.trial.outcomes import Outcomes, assess
from sim.trial.scenario import Scenario
from sim.trial.scenario_io import load
from sim.trial.survival import kaplan_meier

Floats = NDArray[np.float64]

#: name -> kernel, replicate
RUNS = {
    "trial": (trial.HYBRID, 0),
    "other luck": (trial.HYBRID, 1),
    "tolerance 0.02": (replace(trial.HYBRID, tolerance=0.02), 0),
    "threshold 1e4": (replace(trial.HYBRID, threshold=1e4), 0),
    "rtol 1e-4": (replace(trial.HYBRID, rtol=1e-4), 0),
    "all three": (Hybrid(tolerance=0.02, threshold=1e4, rtol=1e-4), 0),
}
PHENOTYPES = ("positive", "cd19-negative", "cd22-low", "both")
RESAMPLES = 400


def simulate(scenario: Scenario, arm: str, size: int, seed: int, kernel: Hybrid, replicate: int) -> Outcomes:
    """Return the endpoints of one arm."""
    cohort = draw(scenario, arm, seed, np.arange(size))
    days = trial.save_days(scenario)
    courses = integrate(
        cohort.network,
        days,
        kernel,
        seed=seed,
        parameters=cohort.parameters,
        initial=cohort.initial,
        outputs=OUTPUTS,
        patients=cohort.patients,
        first_replicate=replicate,
    )
    # The assay's luck stays that of the first replicate: only the course differs.
    seen = observe(courses, scenario.assay, seed=seed, patients=cohort.patients, arm=arm)
    return assess(seen, scenario.criteria)


def endpoints(outcomes: Outcomes, chosen: NDArray[np.int64]) -> dict[str, float]:
    """Return the endpoints of the chosen patients."""
    some = outcomes.select(chosen)  # type: ignore[arg-type]
    relapse, phenotype = some["relapse_day"], some["relapse_phenotype"]
    out = {"CR": float(np.nanmean(some["cr"])), "MRD-negative": float(np.nanmean(some["mrd_negative"]))}
    for day, months in ((365.0, 12), (730.0, 24)):
        out[f"relapse by {months} months"] = float((relapse <= day).mean())
        for name in PHENOTYPES:
            share = float(((relapse <= day) & (phenotype == name)).mean())
            out[f"{name} relapse by {months} months"] = share
    times = endpoint_times(some, "remission")
    out["median remission, days"] = kaplan_meier(times.days, times.cause == 1).median().value
    out["median peak CAR T, cells/uL"] = float(np.nanmedian(some["cmax"]))
    out["median CD22 ratio at relapse"] = float(np.nanmedian(some["cd22_ratio"]))
    return out


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--patients", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    generator = np.random.default_rng(0)
    samples = [generator.integers(0, options.patients, options.patients) for _ in range(RESAMPLES)]
    everybody = np.arange(options.patients)
    for name in ("fry2018-cd22", "dual-upfront"):
        scenario = load(name)
        for arm in scenario.arms:
            found, seconds = {}, {}
            for run, (kernel, replicate) in RUNS.items():
                begun = time.perf_counter()
                found[run] = simulate(scenario, arm, options.patients, options.seed, kernel, replicate)
                seconds[run] = time.perf_counter() - begun
            base = endpoints(found["trial"], everybody)
            again = [endpoints(found["trial"], sample) for sample in samples]
            sys.stdout.write(f"\n{name}, {arm}: {options.patients} patients, seed {options.seed}\n")
            cells = [f"{run} ({seconds[run]:.0f} s)" for run in RUNS]
            sys.stdout.write(f"| endpoint | {' | '.join(cells)} |\n|---|{'---|' * len(cells)}\n")
            columns = {
                run: (endpoints(found[run], everybody), [endpoints(found[run], sample) for sample in samples])
                for run in list(RUNS)[1:]
            }
            for key, value in base.items():
                row = [f"{value:.3g}"]
                for values, resampled in columns.values():
                    apart = np.array([b[key] - a[key] for a, b in zip(again, resampled, strict=True)])
                    known = apart[np.isfinite(apart)]
                    both = np.isfinite(values[key]) and np.isfinite(value) and len(known) > 0
                    row.append(f"{values[key] - value:+.2g} ± {known.std():.2g}" if both else "not reached")
                sys.stdout.write(f"| {key} | {' | '.join(row)} |\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
