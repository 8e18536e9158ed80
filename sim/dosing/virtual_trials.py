"""Virtual phase 1 trials, all at once: each cohort of every trial is one step over arrays.

Patient k of trial j is toxic at a dose where his own uniform number lies below its probability, so that designs and doses are compared on
the same patients. Streams are keyed by seed, trial and purpose: neither the number of trials nor the order changes one.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sim.dosing.designs import Decisions
from sim.network.streams import uniforms

__all__ = ["Trials", "concatenate", "run_decisions", "run_three_plus_three"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

# Purposes of streams, beyond those of patients and of the kernels (`sim.network.streams`). Append only.
_TOXICITY, _ARRIVAL = 7_000_000, 7_000_001

_NONE = -1
# So small that it decides between equal distances alone: of two doses below the target the higher one, above it the lower.
_TIE = 1e-10


class Trials(NamedTuple):
    """What happened in each trial.

    Attributes
    ----------
    selected : ndarray of int64, shape (trials,)
        Place of the dose that was selected; -1 for none.
    patients, toxicities : ndarray of int64, shape (trials, doses)
        At each dose.
    days : ndarray, shape (trials,)
        From the first patient who is looked for to the end of the last one's observation.
    """

    selected: Ints
    patients: Ints
    toxicities: Ints
    days: Floats


def concatenate(parts: list[Trials]) -> Trials:
    """Return the trials of all parts, one after the other."""
    return Trials(*(np.concatenate([getattr(part, name) for part in parts]) for name in Trials._fields))


def run_decisions(
    decisions: Decisions,
    toxicity: Floats,
    target: float,
    *,
    numbers: Ints,
    seed: int,
    cohort: int,
    cohorts: int,
    start: int,
    window: float,
    gap: float,
) -> Trials:
    """Run trials by a table of decisions, and select the dose nearest to the target by isotonic regression.

    Parameters
    ----------
    decisions : Decisions
    toxicity : ndarray, shape (doses,)
        Probability at each dose.
    target : float
    numbers : ndarray of int64, shape (trials,)
        Numbers of the trials, which key their streams.
    seed : int
    cohort, cohorts : int
        Patients of a cohort, and the most cohorts.
    start : int
        Place of the first dose.
    window : float
        Days for which a cohort is observed before the next one begins.
    gap : float
        Mean days between two patients who could be enrolled; they come as a Poisson process.
    """
    trials = _Begun(len(numbers), toxicity, start)
    luck = uniforms(seed, numbers, _TOXICITY, count=cohort * cohorts)
    doses = len(toxicity)
    # The lowest dose that is given up, and with it all above.
    limit = np.full(len(numbers), doses)
    for step in range(cohorts):
        row = np.flatnonzero(trials.going)
        if not len(row):
            break
        n, y = trials.treat(row, luck[row, step * cohort : (step + 1) * cohort])
        at = trials.dose[row]
        limit[row] = np.where(decisions.eliminate[n, y], np.minimum(limit[row], at), limit[row])
        wanted = at + decisions.step[n, y]
        trials.dose[row] = np.clip(wanted, 0, np.maximum(limit[row] - 1, 0))
        trials.going[row] = limit[row] > 0
    selected = _select(trials.patients, trials.toxicities, limit, target)
    return trials.finish(selected, seed, numbers, cohort, cohorts, window, gap)


def run_three_plus_three(
    toxicity: Floats, *, numbers: Ints, seed: int, start: int, window: float, gap: float
) -> Trials:
    """Run trials of the 3+3 design: the highest dose with at most one toxicity among six patients.

    Three patients begin at a dose. None toxic: three more at the next one; one: three more at the same; two or more, or two of six: the dose is
    too high, and the one below gets three more unless it has six. The highest dose of all gets six before it is selected.

    Parameters
    ----------
    toxicity, numbers, seed, start, window, gap
        As in `run_decisions`.

    References
    ----------
    Storer BE (1989). Biometrics 45:925-937. doi:10.2307/2531693
    """
    trials = _Begun(len(numbers), toxicity, start)
    doses = len(toxicity)
    most = 2 * doses
    luck = uniforms(seed, numbers, _TOXICITY, count=3 * most)
    selected = np.full(len(numbers), _NONE)
    limit = np.full(len(numbers), doses)
    for step in range(most):
        row = np.flatnonzero(trials.going)
        if not len(row):
            break
        n, y = trials.treat(row, luck[row, 3 * step : 3 * step + 3])
        at = trials.dose[row]
        passed = np.where(n == 3, y == 0, y <= 1)
        again = (n == 3) & ((y == 1) | (passed & (at + 1 >= limit[row])))
        up = passed & (at + 1 < limit[row])
        down = ~again & ~passed
        limit[row] = np.where(down, at, limit[row])
        # Six patients, and no dose above to go to; or the dose below has six already, of whom at most one was toxic.
        below = np.maximum(at - 1, 0)
        settled = down & (at > 0) & (trials.patients[row, below] == 6)
        chosen = np.where(settled, below, np.where(passed & ~up & ~again, at, _NONE))
        over = (chosen != _NONE) | (down & (at == 0))
        selected[row] = np.where(over, chosen, selected[row])
        trials.going[row] = ~over
        trials.dose[row] = np.where(up, at + 1, np.where(down, below, at))
    return trials.finish(selected, seed, numbers, 3, most, window, gap)


class _Begun:
    """Trials that are going on."""

    def __init__(self, trials: int, toxicity: Floats, start: int) -> None:
        self.toxicity = toxicity
        self.dose = np.full(trials, start)
        self.going: Bools = np.ones(trials, dtype=np.bool_)
        self.patients = np.zeros((trials, len(toxicity)), dtype=np.int64)
        self.toxicities = np.zeros_like(self.patients)

    def treat(self, row: Ints, luck: Floats) -> tuple[Ints, Ints]:
        """Treat one cohort of each of some trials, and return patients and toxicities at its dose so far."""
        at = self.dose[row]
        self.patients[row, at] += luck.shape[1]
        self.toxicities[row, at] += (luck < self.toxicity[at][:, None]).sum(axis=1)
        return self.patients[row, at], self.toxicities[row, at]

    def finish(
        self, selected: Ints, seed: int, numbers: Ints, cohort: int, most: int, window: float, gap: float
    ) -> Trials:
        """Return what happened, with the time that it took."""
        waits = -gap * np.log(uniforms(seed, numbers, _ARRIVAL, count=cohort * most))
        size = self.patients.sum(axis=1)
        # Patients who come while a cohort is observed go elsewhere: the next is looked for when it is over.
        waited = np.where(np.arange(cohort * most) < size[:, None], waits, 0.0).sum(axis=1)
        return Trials(selected, self.patients, self.toxicities, waited + window * (size / cohort))


def _select(patients: Ints, toxicities: Ints, limit: Ints, target: float) -> Ints:
    """Return the dose whose share of toxicity, increasing by isotonic regression, is nearest to the target; -1 for none.

    Doses count that treated somebody and were not given up. Shares are (y + 0.05)/(n + 0.1), weighted by the inverse of their beta variance.
    """
    doses = patients.shape[1]
    known = (patients > 0) & (np.arange(doses) < limit[:, None])
    toxic, well = toxicities + 0.05, patients - toxicities + 0.05
    n = toxic + well
    weight = np.where(known, n**2 * (n + 1.0) / (toxic * well), 0.0)
    share = toxic / n
    # Max over the left of min over the right of the means of all blocks that hold the dose.
    total = np.concatenate([np.zeros((len(n), 1)), np.cumsum(weight, axis=1)], axis=1)
    sums = np.concatenate([np.zeros((len(n), 1)), np.cumsum(weight * share, axis=1)], axis=1)
    distance = np.full(n.shape, np.inf)
    for place in range(doses):
        best = np.full(len(n), -np.inf)
        for left in range(place + 1):
            least = np.full(len(n), np.inf)
            for right in range(place, doses):
                mass = total[:, right + 1] - total[:, left]
                mean = np.divide(
                    sums[:, right + 1] - sums[:, left], mass, out=np.full(len(n), np.inf), where=mass > 0
                )
                least = np.minimum(least, mean)
            best = np.maximum(best, least)
        distance[:, place] = np.where(known[:, place], np.abs(best + _TIE * (place + 1) - target), np.inf)
    return np.where(known.any(axis=1), distance.argmin(axis=1), _NONE)
