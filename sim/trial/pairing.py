r"""Who of one arm belongs with whom of another, and how far the difference of two estimates is from certain.

Arms that treat the same people with the same luck (common random numbers) are compared patient by patient: what a patient contributes to the error of
both estimates is subtracted before it is squared. Where patients come from the populations of a posterior, those of a population belong
together in both arms, and the variance holds what is not known of parameters and trials:

.. math:: \operatorname{var} = \frac{C}{C-1} \sum_c \Big(\sum_{i \in c} e_i\Big)^2 + \sigma_p^2 + \sigma_t^2

with :math:`e_i` the patients' terms (`sim.trial.influence`), c the patients or the populations, and :math:`\sigma_p^2, \sigma_t^2` the
variances between populations and between trials of one (`sim.trial.uncertainty`; none without a posterior).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_ndtr

from sim.trial.difference import Spread
from sim.trial.outcomes import Outcomes
from sim.trial.uncertainty import Grouping, Origin, components

__all__ = ["Pairing", "Side", "pair"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

# Fewer degrees of freedom than these would say more of the formula than of the populations.
_LEAST = 4.0


class Side(NamedTuple):
    """One arm of a comparison.

    Attributes
    ----------
    outcomes : Outcomes
        Rows of the arm, failed ones among them.
    offset : int
        Number that keys the streams of its first patient.
    seed : int
    grouping : Grouping or None
        How its patients are dealt to populations of a posterior.
    posterior : str
        Digest of that posterior.
    """

    outcomes: Outcomes
    offset: int
    seed: int
    grouping: Grouping | None = None
    posterior: str = ""


@dataclass(frozen=True, eq=False)
class Pairing:
    """The rows of two arms that are compared, and which patients belong together.

    Attributes
    ----------
    first, second : Outcomes
        Rows that were computed; where the arms are paired, without those whose partner failed.
    units : tuple of two ndarrays of int64
        The unit of each row: a patient, in both arms the same number where they belong together.
    places : ndarray of int64, shape (units,)
        Place of each unit within its arm.
    paired : bool
        Whether the arms treat the same people with the same luck.
    shared : Grouping or None
        Populations that both arms have in common.
    own : tuple of two (Grouping or None)
        Populations of each arm, where they are not the same.
    failed : tuple of int
        Rows that failed in each arm.
    left_out : int
        Computed rows that are left out because their partner failed.
    """

    first: Outcomes
    second: Outcomes
    units: tuple[Ints, Ints]
    places: Ints
    paired: bool
    shared: Grouping | None
    own: tuple[Grouping | None, Grouping | None]
    failed: tuple[int, int]
    left_out: int

    def spread(self, first: Floats, second: Floats) -> Spread:
        """Return the variances of two estimates and of the first less the second.

        Parameters
        ----------
        first, second : ndarray, shapes (rows of the first,) and (rows of the second,)
            Terms of the rows; 0 for rows that are not in an estimate.
        """
        size = len(self.places)
        one, two = (
            np.bincount(units, weights=terms, minlength=size).astype(np.float64)
            for units, terms in zip(self.units, (first, second), strict=True)
        )
        if self.paired or self.shared is not None:
            group = self.shared
            clusters = self._clusters(group, self.places)
            known = [self._unknown(values, group, self.places) for values in (one, two, one - two)]
            noise = [_clustered(values, clusters) for values in (one, two, one - two)]
            total = [a + b for a, b in zip(noise, known, strict=True)]
            freedom = _freedom(noise[2], known[2], len(np.unique(clusters)))
            return Spread(total[0], total[1], total[2], noise[2], freedom)
        parts = [self._alone(values, side) for side, values in enumerate((one, two))]
        variances = [noise + known for noise, known, _ in parts]
        return Spread(
            variances[0],
            variances[1],
            sum(variances),
            parts[0][0] + parts[1][0],
            _satterthwaite(variances, [free for _, _, free in parts]),
        )

    def clusters(self, side: int) -> int:
        """Return how many patients or populations an arm has that do not belong together."""
        group = self.shared or self.own[side]
        mine = np.unique(self.units[side])
        return len(np.unique(self._clusters(group, self.places[mine])))

    def _alone(self, values: Floats, side: int) -> tuple[float, float, float]:
        """Return variance by simulation, that of parameters and trials, and degrees of freedom of one arm."""
        mine = np.unique(self.units[side])
        group, places = self.own[side], self.places[mine]
        clusters = self._clusters(group, places)
        noise, known = _clustered(values[mine], clusters), self._unknown(values[mine], group, places)
        return noise, known, _freedom(noise, known, len(np.unique(clusters)))

    def _clusters(self, group: Grouping | None, places: Ints) -> Ints:
        return np.arange(len(places)) if group is None else group.origin(places).population

    def _unknown(self, values: Floats, group: Grouping | None, places: Ints) -> float:
        """Return the variance between populations and between trials of what a mean over one of them would be."""
        if group is None:
            return 0.0
        found = components(len(values) * values, Origin(*group.origin(places)))
        count = len(np.unique(group.origin(places).population))
        # Mean square of the populations' means, and the part of it that their patients and trials make.
        square = count * _clustered(values, self._clusters(group, places))
        within = found.trials / group.trials + found.patients * count / len(values)
        return found.trials + _positive(square - within, square * (2.0 / max(count - 1, 1)) ** 0.5)


def pair(first: Side, second: Side) -> Pairing:
    """Find who belongs with whom.

    Two arms are paired where the numbers that key the streams of their patients and the seeds are the same, in one run or in two.

    Parameters
    ----------
    first, second : Side

    Returns
    -------
    Pairing
    """
    one, two = first.outcomes, second.outcomes
    good = (one["status"] == 0, two["status"] == 0)
    same_posterior = first.posterior == second.posterior and first.grouping == second.grouping
    paired = first.seed == second.seed and first.offset == second.offset and same_posterior
    kept, left_out = good, 0
    if paired:
        kept = (good[0] & ~_failed_in(two, ~good[1], one), good[1] & ~_failed_in(one, ~good[0], two))
        left_out = int(sum((a & ~b).sum() for a, b in zip(good, kept, strict=True)))
    shared = first.grouping if same_posterior else None
    rows = (one.select(kept[0]), two.select(kept[1]))
    patients = [np.asarray(part["patient"], dtype=np.int64) for part in rows]
    if paired or shared is not None:
        places, unit = np.unique(np.concatenate(patients), return_inverse=True)
    else:
        # Beyond every place of the first arm, so that nobody shares a unit.
        apart = int(patients[0].max(initial=0)) + 1
        numbers, unit = np.unique(np.concatenate([patients[0], patients[1] + apart]), return_inverse=True)
        places = np.where(numbers >= apart, numbers - apart, numbers)
    split = len(patients[0])
    return Pairing(
        first=rows[0],
        second=rows[1],
        units=(unit[:split].astype(np.int64), unit[split:].astype(np.int64)),
        places=places,
        paired=paired,
        shared=shared,
        own=(None, None) if same_posterior else (first.grouping, second.grouping),
        failed=(int((~good[0]).sum()), int((~good[1]).sum())),
        left_out=left_out,
    )


def _failed_in(source: Outcomes, failed: Bools, target: Outcomes) -> Bools:
    """Return which rows of one arm have a partner that failed in the other."""
    lost = set(zip(source["patient"][failed].tolist(), source["replicate"][failed].tolist(), strict=True))
    keys = zip(target["patient"].tolist(), target["replicate"].tolist(), strict=True)
    return np.array([key in lost for key in keys], dtype=np.bool_)


def _clustered(values: Floats, clusters: Ints) -> float:
    """Return the variance of a sum whose terms are independent between clusters alone; NaN for one cluster."""
    _, place = np.unique(clusters, return_inverse=True)
    sums = np.bincount(place, weights=values)
    count = len(sums)
    return float((sums**2).sum()) * count / (count - 1) if count > 1 else float("nan")


def _positive(value: float, error: float) -> float:
    """Return the mean of a normal law cut at 0: what a variance may be whose estimate is ``value``, and may be below 0, with that error.

    An estimate that is set to 0 where it falls below would leave the interval too short in every other comparison.
    """
    if not error > 0.0:
        return max(value, 0.0)
    far = value / error
    # The inverse Mills ratio, by logarithms because its parts vanish far below 0.
    return value + error * float(np.exp(-0.5 * far**2 - 0.5 * np.log(2.0 * np.pi) - log_ndtr(far)))


def _freedom(noise: float, known: float, clusters: int) -> float:
    """Return the degrees of freedom of a variance by simulation and of what is not known of parameters (Satterthwaite).

    With m the mean square of the clusters, the noise is m/C and their sum m (1 + 1/C) less what patients vary by within them: the smaller
    that difference, the less is known of it.
    """
    most = float(max(clusters - 1, 1))
    if known == 0.0 or not noise > 0.0:
        return most
    free = most * ((noise + known) / (noise * (clusters + 1))) ** 2
    return min(max(free, _LEAST), most)


def _satterthwaite(variances: list[float], freedoms: list[float]) -> float:
    """Return the degrees of freedom of a sum of two independent variances (Welch and Satterthwaite)."""
    total = sum(variances)
    parts = sum(variance**2 / free for variance, free in zip(variances, freedoms, strict=True))
    return total**2 / parts if parts > 0.0 else min(freedoms)
