r"""What a share of patients is uncertain by: patients, trial, population.

Patients of a posterior come in groups (`sim.trial.populations`): those of one population, and among them those of one trial. The share of
patients with an event varies between populations because parameters are not known, between the trials of a population because trials differ, and
between patients by chance. The variances are estimated as in an analysis of variance with nested groups of any size (Searle, Casella and McCulloch,
Variance Components, Wiley 1992, chapter 5):

.. math:: E\,MS_w = \sigma_w^2, \quad E\,MS_t = \sigma_w^2 + k_1 \sigma_t^2, \quad E\,MS_p = \sigma_w^2 + k_2 \sigma_t^2 + k_3 \sigma_p^2
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Components", "Grouping", "Origin", "components"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class Origin(NamedTuple):
    """Number of each patient's population, and of his trial among those of the population."""

    population: Ints
    trial: Ints


class Grouping(NamedTuple):
    """How the patients of an arm are dealt to populations, and those of a population to trials: by their places within the arm, in turn."""

    populations: int
    trials: int

    def origin(self, patients: Ints) -> Origin:
        """Return where patients come from.

        Parameters
        ----------
        patients : ndarray of int64, shape (n,)
            Places within the arm.
        """
        return Origin(patients % self.populations, patients // self.populations % self.trials)


class Components(NamedTuple):
    """Variances of a share.

    Attributes
    ----------
    mean : float
        Over all patients.
    populations, trials : float
        Between populations, and between the trials of one; 0 where there is one alone. An estimate below 0 is 0.
    patients : float
        Between patients of one trial.
    """

    mean: float
    populations: float
    trials: float
    patients: float

    def of_trial(self, size: int) -> float:
        """Return the variance of the share in a new trial of so many patients."""
        return self.populations + self.trials + self.patients / size


def components(values: Floats, origin: Origin) -> Components:
    """Return what the mean of values varies by.

    Parameters
    ----------
    values : ndarray, shape (n,)
        1 and 0, or any number; none NaN.
    origin : Origin
        Of the same patients.

    Examples
    --------
    >>> population = np.repeat([0, 1], 50)
    >>> found = components(np.repeat([0.0, 1.0], 50), Origin(population, np.zeros(100, np.int64)))
    >>> found.patients, round(found.populations, 3)
    (0.0, 0.5)
    """
    n = len(values)
    if n == 0:
        return Components(float("nan"), 0.0, 0.0, float("nan"))
    mean = float(values.mean())
    _, place = np.unique(origin.population, return_inverse=True)
    pairs, inner = np.unique(np.stack([place, origin.trial]), axis=1, return_inverse=True)
    outer = pairs[0]
    within = np.bincount(inner).astype(np.float64)
    means = np.bincount(inner, weights=values) / within
    groups = np.bincount(place).astype(np.float64)
    of_group = np.bincount(place, weights=values) / groups
    free = (n - len(within), len(within) - len(groups), len(groups) - 1)
    # With one patient of each trial what patients do is not told from what trials do.
    patients = float(((values - means[inner]) ** 2).sum()) / free[0] if free[0] else float(values.var())
    shared = float((within**2 / groups[outer]).sum())
    trials = 0.0
    if free[1]:
        square = float((within * (means - of_group[outer]) ** 2).sum()) / free[1]
        trials = max(0.0, (square - patients) / ((n - shared) / free[1]))
    populations = 0.0
    if free[2]:
        square = float((groups * (of_group - mean) ** 2).sum()) / free[2]
        second = (shared - float((within**2).sum()) / n) / free[2]
        third = (n - float((groups**2).sum()) / n) / free[2]
        populations = max(0.0, (square - patients - second * trials) / third)
    return Components(mean, populations, trials, patients)
