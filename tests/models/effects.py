"""What the model must show, as effects with a size: each with its standard error over a cohort, and with its mechanism off.

`test_behaviour.py` asks them of small cohorts; `python -m tests.models.measure` prints them for large ones. All cohorts have one seed,
adults with overt disease unless said otherwise, and paired arms, so that a difference between arms is one between patients with the same
luck. Errors are those of 200 bootstrap samples of patients.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sim.network.simulation import ODE, Hybrid
from sim.network.trajectories import Trajectories
from sim.trial.cohort import Cohort, draw
from sim.trial.run import run
from sim.trial.scenario import Scenario
from sim.trial.scenario_io import load
from tests.models.trials import SEED, courses, infusion, populated, product, trial

__all__ = ["NEGATIVE", "Effect", "estimate"]

CD19, CD22 = {"cd19": product("cd19")}, {"cd22": product("cd22")}
TANDEM = {"tandem": product("cd19", "cd22")}
NEGATIVE = ("cd19-negative", "both", "switched")
RESAMPLES = 200

Floats = NDArray[np.float64]
Table = pd.DataFrame


class Effect(NamedTuple):
    """Size of an effect, its standard error, and the patients (or pairs) that it rests on; replicates of a patient are one."""

    value: float
    error: float
    patients: int

    def __str__(self) -> str:
        """Return value and error in digits that mean something."""
        if not np.isfinite(self.error):
            return "none to take it from" if np.isnan(self.value) else f"{self.value:.3g}"
        digits = 3 if self.error < 1e-3 else max(0, 1 - int(np.floor(np.log10(self.error))))
        return f"{self.value:.{digits}f} ± {self.error:.{digits}f}"


def estimate(statistic: Callable[..., float], *columns: Any) -> Effect:
    """Return a statistic of columns that share their patients, with its bootstrap error."""
    arrays = [np.asarray(column, dtype=np.float64) for column in columns]
    size = len(arrays[0])
    if size == 0:
        return Effect(float("nan"), float("nan"), 0)
    generator = np.random.default_rng(0)
    picks = [generator.integers(0, size, size) for _ in range(RESAMPLES)]
    with np.errstate(invalid="ignore", divide="ignore"):
        again = np.array([statistic(*(column[pick] for column in arrays)) for pick in picks])
    known = again[np.isfinite(again)]
    return Effect(float(statistic(*arrays)), float(known.std()) if len(known) else float("nan"), size)


def share(of: Any, among: Any) -> float:
    """Return the share of those among whom it is asked; 0 of none is NaN."""
    return float(np.sum(of * among) / np.sum(among)) if np.sum(among) else float("nan")


def share_of(event: pd.Series[bool], among: pd.Series[bool] | None = None) -> Effect:
    """Return a share with its error; its patients are those among whom it is taken."""
    chosen = np.ones(len(event)) if among is None else among.to_numpy(dtype=np.float64)
    found = estimate(share, event, chosen)
    return found._replace(patients=int(chosen.sum()))


def median_of(values: Any) -> Effect:
    """Return the median of what is known."""
    known = np.asarray(values, dtype=np.float64)
    return estimate(np.median, known[np.isfinite(known)])


def endpoints(scenario: Scenario, size: int) -> dict[str, Table]:
    """Endpoints of each arm, patients in order; a failed row fails whoever asks."""
    result = run(scenario, seed=SEED, patients=size)
    if result.failed:
        raise RuntimeError(f"{result.failed} rows of {scenario.name} failed")
    table = result.endpoints
    return {arm: table[table.arm == arm].set_index("patient") for arm in scenario.arms}


def relapses(arm: Table, *phenotypes: str) -> pd.Series[bool]:
    """Who relapsed, with blasts of these phenotypes if any are named."""
    return arm.relapse_phenotype.isin(phenotypes) if phenotypes else arm.relapse_day.notna()


def truth(column: pd.Series[Any]) -> pd.Series[bool]:
    """Return a nullable column with False for unknown."""
    return column.fillna(False).astype(bool)


def responds(arm: Table) -> pd.Series[bool]:
    """Who had a complete remission."""
    return truth(arm.cr)


# Points 1 and 2: kinetics, dose, burden, lymphodepletion, re-infusion.


@cache
def expansion(size: int, fitness: float | None = None, consumption: float | None = None) -> dict[str, Table]:
    """CD19 product at 1e6 and 1e7 cells/kg, and at 1e6 without lymphodepletion; with a short programme, or IL-7/15 that nobody consumes."""
    bare = {"infusions": [infusion("cd19", 1e6)], "lymphodepletion": "none"}
    arms = {"low": [infusion("cd19", 1e6)], "high": [infusion("cd19", 1e7)], "bare": bare}
    made = {} if fitness is None else {"fitness": fitness}
    set_to = {} if consumption is None else {"il7_15_consumption": consumption}
    products = {"cd19": product("cd19", **made)}
    return endpoints(trial(arms, products=products, horizon=365, parameters=set_to), size)


def peak_over_dose(size: int, fitness: float | None = None) -> Effect:
    """Median ratio of the peaks in the same patient at ten times the dose."""
    arms = expansion(size, fitness)
    return median_of(arms["high"].cmax / arms["low"].cmax)


@cache
def peak_over_burden(size: int, target: str, fitness: float | None = None) -> Effect:
    """Log-log slope of the peak on marrow blasts, log-uniform over three decades."""
    made = {} if fitness is None else {"fitness": fitness}
    burden = {"distribution": "loguniform", "low": 0.001, "high": 0.9}
    scenario = trial(
        {"one": [infusion(target, 1e6)]},
        products={target: product(target, **made)},
        patients={"burden": burden},
        horizon=90,
    )
    arm = endpoints(scenario, size)["one"]
    seen = arm[arm.cmax > 0.0]
    return estimate(
        lambda x, y: float(np.polyfit(x, y, 1)[0]), np.log10(seen.baseline_blasts), np.log10(seen.cmax)
    )


def bare_peak(size: int, consumption: float | None = None) -> Effect:
    """Median ratio of the peak without lymphodepletion to that with it."""
    arms = expansion(size, consumption=consumption)
    return median_of(arms["bare"].cmax / arms["low"].cmax)


def bare_delay(size: int, consumption: float | None = None) -> Effect:
    """Median of the days by which the peak is later without lymphodepletion."""
    arms = expansion(size, consumption=consumption)
    return median_of(arms["bare"].tmax - arms["low"].tmax)


class Second(NamedTuple):
    """Second infusion of those who relapsed with CD19: highest CAR T cells over those infused, leukaemia after 28 days over before."""

    expansion: dict[str, Floats]
    leukaemia: dict[str, Floats]
    immunity: dict[str, Floats]


@cache
def second_infusion(size: int) -> Second:
    """1e7 cells/kg at relapse with and without lymphodepletion; and without it, of another construct that nobody is primed against."""
    second = infusion("cd19", 1e7, 60.0, only_if="relapse")
    arms = {
        "with": [infusion("cd19"), second],
        "without": [infusion("cd19"), {**second, "lymphodepletion": "none"}],
        "another": [infusion("cd19"), {**second, "product": "other", "lymphodepletion": "none"}],
    }
    products = {"cd19": product("cd19"), "other": product("cd19")}
    scenario = trial(arms, products=products, horizon=500)
    days = np.arange(-5.0, 501.0)
    slots = {arm: "other" if arm == "another" else "cd19" for arm in arms}
    cohorts = {arm: draw(scenario, arm, SEED, np.arange(size)) for arm in arms}
    outputs = ("leukaemia_cells", "cd19_negative_cells", "anti_car_cd19", "anti_car_other")
    seen = (*outputs, "car_t_cells_cd19", "car_t_cells_other")
    found = {arm: courses(cohort, days, seen) for arm, cohort in cohorts.items()}
    given = {arm: found[arm].fired[f"reinfusion_{slots[arm]}_relapse_0"] for arm in arms}
    grown: dict[str, list[float]] = {arm: [] for arm in arms}
    change: dict[str, list[float]] = {arm: [] for arm in arms}
    immunity: dict[str, list[float]] = {arm: [] for arm in arms}
    for patient in np.flatnonzero(np.maximum.reduce(list(given.values())) < 455.0):
        start = {arm: int(np.ceil(given[arm][patient])) + 5 for arm in arms}
        before = {arm: found[arm]["leukaemia_cells"][patient, start[arm] - 1] for arm in arms}
        if any(found[a]["cd19_negative_cells"][patient, start[a] - 1] > 0.1 * before[a] for a in arms):
            continue
        for arm, slot in slots.items():
            infused = cohorts[arm].parameters[f"infusion_cells_{slot}_relapse_0"][patient]
            here = slice(start[arm], start[arm] + 45)
            grown[arm].append(float(found[arm][f"car_t_cells_{slot}"][patient, here].max() / infused))
            change[arm].append(float(found[arm]["leukaemia_cells"][patient, start[arm] + 28] / before[arm]))
            immunity[arm].append(float(found[arm][f"anti_car_{slot}"][patient, start[arm] - 1]))
    return Second(*({arm: np.array(v) for arm, v in kind.items()} for kind in (grown, change, immunity)))


# Points 3 to 6: single products, rescue, dual targeting.


@cache
def upfront(size: int, **parameters: float) -> dict[str, Table]:
    """Every arm of `dual-upfront`, with parameters set otherwise."""
    scenario = populated(load("dual-upfront"))
    return endpoints(scenario.with_({"parameters": parameters}) if parameters else scenario, size)


def persisting_at_relapse(arm: Table) -> tuple[Effect, Effect]:
    """Share with CAR T cells at an antigen-negative relapse, and at one that kept CD19."""
    persists = truth(arm.relapse_car_t_persisting)
    return (
        share_of(persists, relapses(arm, *NEGATIVE)),
        share_of(persists, relapses(arm, "positive", "cd22-low")),
    )


def recovered_at_relapse(arm: Table) -> tuple[Effect, Effect]:
    """Share with B cells, never lacking or back before the relapse, at an antigen-negative relapse and at one that kept CD19."""
    back = (arm.b_cell_recovery_day <= arm.relapse_day) | ~truth(arm.b_cell_aplasia)
    return share_of(back, relapses(arm, *NEGATIVE)), share_of(back, relapses(arm, "positive", "cd22-low"))


@cache
def cd22_alone(
    size: int,
    levels: int = 3,
    reach: float | None = None,
    spread: float | None = None,
    horizon: float = 545.0,
    **changes: float,
) -> Table:
    """CD22 product alone, on a ladder of so many levels; changes are those of the product."""
    grid = {"cd22_levels": levels} | ({} if reach is None else {"cd22_reach": reach})
    scenario = trial(
        {"cd22": [infusion("cd22")]},
        products={"cd22": product("cd22", **changes)},
        horizon=horizon,
        model={"antigen_grid": grid},
        parameters={} if spread is None else {"cd22_spread": spread},
    )
    return endpoints(scenario, size)["cd22"]


def cd22_at_relapse(arm: Table) -> Effect:
    """Median CD22 density at relapse over that before treatment."""
    return median_of(arm.cd22_ratio[relapses(arm)])


@cache
def cd22_after_relapse(size: int, relaxation: float = 300.0) -> Effect:
    """Median ratio of CD22 half a year after a relapse with low CD22 to that at relapse, in patients who are spared death."""
    scenario = trial(
        {"cd22": [infusion("cd22")]}, products=CD22, parameters={"cd22_relaxation_time": relaxation}
    )
    days = np.arange(-5.0, 731.0)
    found = courses(
        spared(draw(scenario, "cd22", SEED, np.arange(size))),
        days,
        ("marrow_blast_fraction", "cd22_mean_density"),
    )
    blasts, density = found["marrow_blast_fraction"], found["cd22_mean_density"]
    ratios = []
    for row in np.flatnonzero(blasts[:, days == 28.0][:, 0] < 0.05):
        relapse = np.flatnonzero((days > 28.0) & (blasts[row] > 0.25))
        if len(relapse) and relapse[0] + 180 < len(days):
            before, then, later = density[row, [0, relapse[0], relapse[0] + 180]]
            # Cells that lost CD22 for good are no dim cells.
            if 0.0 < then < 0.5 * before:
                ratios.append(later / then)
    return median_of(ratios)


@cache
def lacking_cd19(size: int) -> tuple[dict[str, Table], dict[str, Table]]:
    """Three products against leukaemia without a cell with CD19, and against the same leukaemia with it."""
    arms = {name: [infusion(name)] for name in ("cd19", "cd22", "tandem")}
    negative = {"cd19_negative_at_baseline": {"probability": 1.0}, "cd19_negative_share": 1.0}
    return endpoints(trial(arms, patients=negative, horizon=90), size), endpoints(
        trial(arms, horizon=90), size
    )


@cache
def rescue_at_relapse(size: int) -> dict[str, Effect]:
    """Remission after a second infusion, of CD19 or of CD22, among those whose relapse after CD19 had lost it.

    Left out are those who were infused before an examination had seen the relapse: what it had lost then is not on record.
    """
    arms = {
        name: [infusion("cd19"), infusion(name, 2e6, 60.0, only_if="relapse")] for name in ("cd19", "cd22")
    }
    products = {**CD19, **CD22}
    out = {}
    for name, arm in endpoints(trial(arms, products=products, horizon=545), size).items():
        seen = relapses(arm, "cd19-negative") & (arm.relapse_day <= arm.reinfusion_day)
        out[name] = share_of(truth(arm.rescued), seen)
    return out


@cache
def tandem_alone(
    size: int,
    horizon: float = 365.0,
    switch: float = 0.0,
    weak: float | None = None,
    **changes: float | str,
) -> Table:
    """Tandem product alone; `weak` is the strength of its CD22 arm when the CD19 arm has its full strength."""
    strength = {} if weak is None else {"arm_strength": {"cd19": 1.0, "cd22": weak}}
    scenario = trial(
        {"tandem": [infusion("tandem")]},
        products={"tandem": product("cd19", "cd22", **strength, **changes)},
        horizon=horizon,
        parameters={"lineage_switch_rate": switch},
    )
    return endpoints(scenario, size)["tandem"]


@cache
def cd19_alone(size: int) -> Table:
    """CD19 product alone, for a year."""
    return endpoints(trial({"cd19": [infusion("cd19")]}, products=CD19, horizon=365), size)["cd19"]


def negative_share(arm: Table) -> Effect:
    """Share of all patients who relapse without CD19."""
    return share_of(relapses(arm, *NEGATIVE))


# Points 7 and 11: extinction, and the untreated course.


def spared(cohort: Cohort) -> Cohort:
    """Let nobody of a cohort die."""
    for limit in [name for name in cohort.parameters if name.startswith("limit_")]:
        cohort.parameters[limit] = np.full(len(cohort.patients), 1e9)
    return cohort


class Extinction(NamedTuple):
    """Patients whose mean course relapses; the share of their replicates that end without leukaemia; the smallest mean number."""

    relapse: NDArray[np.bool_]
    extinct: Floats
    smallest: float


@cache
def extinction(size: int, replicates: int, threshold: float = 1e4) -> Extinction:
    """Tandem product, courses of the same patients in the mean and by chance."""
    scenario = trial({"tandem": [infusion("tandem")]}, products=TANDEM)
    cohort = spared(draw(scenario, "tandem", SEED, np.arange(size)))
    days = np.unique(np.concatenate([np.arange(-5.0, 60.0), np.arange(60.0, 731.0, 7.0)]))
    outputs = ("leukaemia_cells", "marrow_blast_fraction")
    mean: Trajectories = courses(cohort, days, outputs, ODE())
    rows = courses(cohort, days, outputs, Hybrid(threshold=threshold), n=replicates)
    blasts = mean["marrow_blast_fraction"]
    relapse = (blasts[:, days == 28.0][:, 0] < 0.05) & (blasts[:, days > 28.0] > 0.05).any(axis=1)
    extinct = (rows["leukaemia_cells"][:, -1] == 0.0).reshape(size, replicates).mean(axis=1)
    return Extinction(relapse, extinct, float(mean["leukaemia_cells"].min()))


@cache
def untreated(size: int, **parameters: float) -> Table:
    """The scenario without treatment, with parameters set otherwise."""
    scenario = populated(load("untreated"))
    return endpoints(scenario.with_({"parameters": parameters}) if parameters else scenario, size)[
        "untreated"
    ]
