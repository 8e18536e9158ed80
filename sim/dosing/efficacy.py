"""Remission by dose, simulated in a scenario: what a selected dose would bring."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from sim.errors import InputError
from sim.trial.courses import simulate_patients
from sim.trial.estimates import Estimate, binomial_interval
from sim.trial.scenario import Scenario

__all__ = ["remission_by_dose"]


def remission_by_dose(
    scenario: Scenario,
    path: str,
    doses: Sequence[float],
    *,
    seed: int = 0,
    threads: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Estimate]:
    """Simulate an arm at each of several doses, with the same patients, and return the share in remission.

    Parameters
    ----------
    scenario : Scenario
        With as many patients as are to be simulated at each dose.
    path : str
        Of the dose, such as ``arms.higher.infusions.0.dose``; its arm is the one that is looked at.
    doses : sequence of float
        In the unit of the path's canonical value.
    seed : int
    threads : int, optional
    progress : callable(done, total), optional

    Returns
    -------
    dict of str to Estimate
        By dose as text; of the infused who could be judged. Failed rows are in no share.

    Raises
    ------
    InputError
        When the path is not that of a dose of an arm, or a value is not valid.
    """
    parts = path.split(".")
    if len(parts) < 5 or parts[0] != "arms" or parts[-1] != "dose" or parts[1] not in scenario.arms:
        arm = next(iter(scenario.arms))
        raise InputError(
            f"dose path: '{path}'; must be the dose of an arm; give for example arms.{arm}.infusions.0.dose"
        )
    versions = [scenario.with_({path: float(dose)}) for dose in doses]
    places = np.arange(scenario.patients.size)
    found: dict[str, Estimate] = {}
    for number, (dose, version) in enumerate(zip(doses, versions, strict=True), 1):
        outcomes = simulate_patients(version, parts[1], seed, places, threads=threads)
        remission = outcomes.analysis_set("infused")["cr"]
        known = remission[np.isfinite(remission)]
        found[str(dose)] = binomial_interval(int(known.sum()), len(known))
        if progress is not None:
            progress(number * len(places), len(versions) * len(places))
    return found
