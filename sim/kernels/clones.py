"""Clones that grew from mutants before the treatment: how many lines of a rare class stand, with how many cells.

The history of a leukaemia is a row of phases. In phase i the wild type grows at r = birth - death to ``sizes[i]``; at its end a
treatment spares the fraction ``survival[i]`` of the wild type and of one-copy cells and ``variant_survival[i]`` of the variant
(an earlier drug against the lost antigen spares more of it). Wild type and one-copy cells are many and follow their means,

    dN/dt = r N,        dM/dt = r M + 2 u1 birth N,

while founders of variant lines come one by one, at the rate u2 birth M(t) for two hits and u birth N(t) for one. A line
is a birth-death process with the same rates, thinned at the treatments.

The generating function F of such a line is linear-fractional, and so is a composition of several:
1/(1 - F(z)) = a/(1 - z) + c, with (a, c) = (exp(-r t), birth (1 - exp(-r t))/r) for growth, (1/q, 0) for thinning to q and
(a1 a2, c1 + a1 c2) for the one followed by the other. Hence a line stands at the end with probability 1/(a + c), and has then a
geometric number of cells 1, 2, ... with mean (a + c)/a = 1 + c/a. Everything is positive: there is no cancellation.

Only lines that stand at the end are drawn. Their founders are a Poisson process in time, whose intensity is concentrated in
Gauss nodes: three in each stretch of half a mean time between divisions, the scale on which the fate of a line is decided. The
expected number of lines, and the generating function of their sizes, is then wrong by less than 1e-6 of itself; the cost is
bounded whatever the number of lines.

References: Kendall, Ann. Math. Stat. 19 (1948) 1-15, doi:10.1214/aoms/1177730285; Antal and Krapivsky, J. Stat. Mech. (2011)
P08018, doi:10.1088/1742-5468/2011/08/P08018.
"""

import math

import numpy as np
import numpy.typing as npt

from sim.kernels._jit import jit, jit_allocating
from sim.kernels.random import STATE_WORDS, State, seed_stream
from sim.kernels.samplers import negative_binomial, poisson

Floats = npt.NDArray[np.float64]

STRETCHES_PER_DIVISION = 2.0
MOST_STRETCHES = 4000.0
"""Of a phase: reached when birth is some 75 times the net growth; beyond, the error grows."""

_GAUSS_OFFSET = math.sqrt(0.15)


@jit
def _phase_start(phase: int, start: float, sizes: Floats, survival: Floats) -> float:
    """Return the wild-type cells at the start of a phase."""
    return start if phase == 0 else float(sizes[phase - 1] * survival[phase - 1])


@jit
def _phase_length(phase: int, rate: float, start: float, sizes: Floats, survival: Floats) -> float:
    """Return the duration of a phase; a phase that would shrink the population takes no time."""
    first = _phase_start(phase, start, sizes, survival)
    return math.log(sizes[phase] / first) / rate if sizes[phase] > first else 0.0


@jit
def history_is_valid(
    birth: float, death: float, start: float, sizes: Floats, survival: Floats, variant_survival: Floats
) -> bool:
    """Return whether a history is one: growth above death, cells at the start, survival in (0, 1]."""
    if not (0.0 <= death < birth < math.inf and 0.0 < start < math.inf and sizes.size > 0):
        return False
    if survival.size != sizes.size or variant_survival.size != sizes.size:
        return False
    for i in range(sizes.size):
        if not (0.0 < sizes[i] < math.inf and 0.0 < survival[i] <= 1.0 and 0.0 < variant_survival[i] <= 1.0):
            return False
    return True


@jit
def line_law(
    phase: int,
    time_left: float,
    birth: float,
    death: float,
    start: float,
    sizes: Floats,
    survival: Floats,
    variant_survival: Floats,
) -> tuple[float, float]:
    """Return (a, c) of the line of one variant cell from a moment of the history to its end.

    Parameters
    ----------
    phase
        Index of the phase in which the cell is.
    time_left
        Time from the moment to the end of that phase.
    birth, death, start, sizes, survival, variant_survival
        The history, as for `two_hit_clones`.

    Returns
    -------
    a, c
        The line stands at the end with probability 1/(a + c) and has then a geometric number of cells with mean 1 + c/a.
    """
    rate = birth - death
    a = 1.0
    c = 0.0
    # From the end backwards: what is done in a later phase is the second of two maps.
    for i in range(sizes.size - 1, phase - 1, -1):
        c /= variant_survival[i]
        a /= variant_survival[i]
        length = time_left if i == phase else _phase_length(i, rate, start, sizes, survival)
        fade = math.exp(-rate * length)
        a *= fade
        c = -birth * math.expm1(-rate * length) / rate + fade * c
    return a, c


@jit
def _lines_of_phase(
    state: State,
    length: float,
    rate: float,
    birth: float,
    level: float,
    slope: float,
    a_end: float,
    c_end: float,
) -> tuple[float, float, float]:
    """Draw the lines founded in one phase that stand at the end of the history.

    Founders come at the intensity (level + slope s) exp(rate s), s the time since the start of the phase; (a_end, c_end) is the
    law of a line from the end of the phase on.

    Returns
    -------
    cells, lines, expected
        The cells and the lines drawn, and the expected number of lines.
    """
    cells = 0.0
    lines = 0.0
    expected = 0.0
    if length <= 0.0 or (level <= 0.0 and slope <= 0.0):
        return cells, lines, expected
    stretches = int(min(np.ceil(STRETCHES_PER_DIVISION * birth * length), MOST_STRETCHES))
    width = length / stretches
    for stretch in range(stretches):
        for node in range(3):
            s = width * (stretch + 0.5 + (node - 1) * _GAUSS_OFFSET)
            weight = width * (8.0 / 18.0 if node == 1 else 5.0 / 18.0)
            fade = math.exp(-rate * (length - s))
            a = fade * a_end
            c = -birth * math.expm1(-rate * (length - s)) / rate + fade * c_end
            mean = weight * (level + slope * s) * math.exp(rate * s) / (a + c)
            expected += mean
            founded = poisson(state, mean)
            if founded > 0.0:
                lines += founded
                cells += founded + negative_binomial(state, founded, c / a)
    return cells, lines, expected


@jit
def two_hit_clones(
    state: State,
    birth: float,
    death: float,
    u1: float,
    u2: float,
    start: float,
    sizes: Floats,
    survival: Floats,
    variant_survival: Floats,
) -> tuple[float, float, float, float]:
    """Draw the cells that have lost both copies of a gene by the end of a history.

    Parameters
    ----------
    state
        The stream.
    birth, death
        Rates per cell in 1/time, birth > death >= 0.
    u1, u2
        Probabilities per division of losing the first (of two) and the second copy.
    start
        Wild-type cells at the start of the first phase, > 0; 1 for growth from one cell.
    sizes
        shape (phases,): wild-type cells at the end of each phase.
    survival, variant_survival
        shape (phases,), in (0, 1]: fractions of wild type and one-copy cells, and of the variant, that the treatment at the end
        of each phase spares. The last is 1 where the history ends without a treatment.

    Returns
    -------
    cells : float
        Variant cells at the end, a whole number.
    lines : float
        Founders whose lines stand at the end, a whole number.
    one_copy : float
        Expected one-copy cells at the end, not rounded.
    expected : float
        Expected ``lines``.

    Notes
    -----
    All four are NaN when the history is not valid (`history_is_valid`) or a probability is not in [0, 1].
    """
    one_copy = 0.0
    cells = 0.0
    lines = 0.0
    expected = 0.0
    if not (0.0 <= u1 <= 1.0 and 0.0 <= u2 <= 1.0) or not history_is_valid(
        birth, death, start, sizes, survival, variant_survival
    ):
        return math.nan, math.nan, math.nan, math.nan
    rate = birth - death
    for phase in range(sizes.size):
        wild = _phase_start(phase, start, sizes, survival)
        length = _phase_length(phase, rate, start, sizes, survival)
        slope = 2.0 * u1 * birth * wild
        a, c = line_law(phase, 0.0, birth, death, start, sizes, survival, variant_survival)
        founded = _lines_of_phase(state, length, rate, birth, u2 * birth * one_copy, u2 * birth * slope, a, c)
        cells += founded[0]
        lines += founded[1]
        expected += founded[2]
        one_copy = (one_copy + slope * length) * math.exp(rate * length) * survival[phase]
    return cells, lines, one_copy, expected


@jit
def single_hit_clones(
    state: State,
    birth: float,
    death: float,
    u: float,
    start: float,
    sizes: Floats,
    survival: Floats,
    variant_survival: Floats,
) -> tuple[float, float, float]:
    """Draw the cells of a class that one hit makes (the law of Luria and Delbrueck, with death).

    Parameters
    ----------
    u
        Probability per division of the wild type that a founder appears, in [0, 1].
    state, birth, death, start, sizes, survival, variant_survival
        As for `two_hit_clones`.

    Returns
    -------
    cells, lines, expected
        Variant cells at the end, founders whose lines stand then, and their expected number; NaN for an invalid argument.
    """
    cells = 0.0
    lines = 0.0
    expected = 0.0
    if not (0.0 <= u <= 1.0) or not history_is_valid(birth, death, start, sizes, survival, variant_survival):
        return math.nan, math.nan, math.nan
    rate = birth - death
    for phase in range(sizes.size):
        wild = _phase_start(phase, start, sizes, survival)
        length = _phase_length(phase, rate, start, sizes, survival)
        a, c = line_law(phase, 0.0, birth, death, start, sizes, survival, variant_survival)
        founded = _lines_of_phase(state, length, rate, birth, u * birth * wild, 0.0, a, c)
        cells += founded[0]
        lines += founded[1]
        expected += founded[2]
    return cells, lines, expected


@jit_allocating
def two_hit_cohort(
    seed: int,
    patients: npt.NDArray[np.int64],
    replicate: int,
    purpose: int,
    birth: Floats,
    death: Floats,
    u1: Floats,
    u2: Floats,
    start: Floats,
    sizes: Floats,
    survival: Floats,
    variant_survival: Floats,
    out: Floats,
) -> None:
    """Draw the two-hit clones of a cohort, each patient from the stream of his own key.

    Parameters
    ----------
    seed, patients, replicate, purpose
        The key, as for `sim.kernels.random.seed_stream` (``seed`` a ``uint64``); patients of shape (n,).
    birth, death, u1, u2, start
        shape (n,): as for `two_hit_clones`.
    sizes, survival, variant_survival
        shape (n, phases).
    out
        shape (n, 4): receives cells, lines, one_copy and expected of each patient.
    """
    state = np.zeros(STATE_WORDS, dtype=np.uint64)
    for i in range(patients.size):
        seed_stream(state, seed, patients[i], replicate, purpose)
        cells, lines, one_copy, expected = two_hit_clones(
            state, birth[i], death[i], u1[i], u2[i], start[i], sizes[i], survival[i], variant_survival[i]
        )
        out[i, 0] = cells
        out[i, 1] = lines
        out[i, 2] = one_copy
        out[i, 3] = expected


@jit
def expected_surviving_founders(birth: float, death: float, u1: float, u2: float, cells: float) -> float:
    """Return the expected number of two-hit founders whose line never dies out, for one growth from one cell.

    2 u1 u2 birth^2 [cells (T - 1/r) + 1/r]/r (1 - death/birth) with r = birth - death and T = log(cells)/r: the integral of the
    founders' rate u2 birth M(t), M(t) = 2 u1 birth t exp(r t), times the probability that a line survives for ever.

    Parameters
    ----------
    birth, death
        Rates per cell in 1/time, birth > death >= 0.
    u1, u2
        Probabilities per division of the first and the second hit.
    cells
        Cells at the end of the growth, >= 1.
    """
    rate = birth - death
    if not (0.0 <= death < birth < math.inf and 1.0 <= cells < math.inf):
        return math.nan
    time = math.log(cells) / rate
    integral = (cells * (time - 1.0 / rate) + 1.0 / rate) / rate
    return 2.0 * u1 * u2 * birth * birth * integral * (rate / birth)
