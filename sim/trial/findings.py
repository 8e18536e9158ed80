"""What the assays of a visit will find, as limits on the course: the luck of an examination is drawn before the course is known.

A test of residual disease counts a Poisson number of positive cells, the quantile at a uniform number that belongs to patient and visit.
For one such number the count passes the test's threshold exactly where its mean passes some value. A rule that reads the test is therefore
a limit on the marrow of that day, another one for each patient and visit, and the rule and the record of the trial agree on every result.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.special import pdtri

from sim.network.streams import PURPOSES, uniforms

if TYPE_CHECKING:
    from sim.trial.scenario_schema import Assay

__all__ = ["chances", "positive_from", "positive_limit"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def chances(seed: int, patients: Ints, examinations: int, replicate: int = 0) -> tuple[Floats, Floats]:
    """Return the uniform numbers of the stream ``assay``.

    Parameters
    ----------
    seed : int
    patients : ndarray of int, shape (n,)
    examinations : int
        Planned visits and what may come between them, in turn.
    replicate : int

    Returns
    -------
    measured : ndarray, shape (n,)
        Decides whether the patient's residual disease is measured.
    each : ndarray, shape (n, examinations, 2)
        For the residual disease and for the microscope of each examination.
    """
    u = uniforms(seed, patients, PURPOSES["assay"], replicate=replicate, count=1 + 2 * examinations)
    return u[:, 0], u[:, 1:].reshape(-1, examinations, 2)


def positive_from(assay: Assay) -> float:
    """Return the number of positive cells from which a test of residual disease is positive.

    Examples
    --------
    >>> from sim.trial.scenario_schema import Assay
    >>> positive_from(Assay(visits=(28.0,), mrd_limit=1e-4, cells_analysed=500_000))
    50.0
    """
    # The product 1e-4 * 1e6 is a little above 100 in floating point, and is meant to be 100.
    return max(1.0, float(math.ceil(assay.mrd_limit * assay.cells_analysed * (1.0 - 1e-12))))


def positive_limit(assay: Assay, visit: float, seed: int, patients: Ints) -> Floats:
    r"""Return the marrow blast fraction from which each patient's test at a visit is positive.

    With k positive cells needed, n cells analysed and the number u of patient and visit it is x/n, where x is the mean at which

    .. math:: P(K \le k - 1) = u

    Parameters
    ----------
    assay : Assay
    visit : float
        One of its visits.
    seed : int
    patients : ndarray of int, shape (n,)

    Returns
    -------
    ndarray, shape (n,)
        Infinite for those whose residual disease is not measured: a test that is not done is not positive.

    Examples
    --------
    Without the luck of a count it would be 1e-4 for everybody:

    >>> from sim.trial.scenario_schema import Assay
    >>> assay = Assay(visits=(28.0,), mrd_limit=1e-4, cells_analysed=500_000)
    >>> [f"{limit:.2e}" for limit in positive_limit(assay, 28.0, 1, np.arange(3))]
    ['1.25e-04', '9.61e-05', '1.01e-04']
    """
    visits: Sequence[float] = assay.visits
    measured, each = chances(seed, patients, 2 * len(visits))
    u = each[:, 2 * visits.index(visit), 0]
    limit = pdtri(positive_from(assay) - 1.0, u) / assay.cells_analysed
    return np.where(measured < assay.evaluable, limit, np.inf)
