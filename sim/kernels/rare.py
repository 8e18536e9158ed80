"""Counts of what hardly ever happens: one exponential clock for all of them.

Events of a Poisson process of rate one, run through the expected numbers one after the other, fall on each as often as a Poisson number
of its own would say. What is left of the time to the next event is exponential again, whatever has been looked at. So a hundred mutations
of a step that do not come cost a hundred subtractions and no random number.
"""

import math

import numpy as np

from sim.kernels._jit import jit
from sim.kernels.samplers import binomial_pair, exponential, poisson

COMMON = 4.0
"""From this expected number on a Poisson number is drawn on its own."""


@jit
def rare_poisson(state, clock, mean):
    """Return a Poisson number.

    Parameters
    ----------
    state : array of uint64
        The stream.
    clock : array of float64, shape (1,)
        Time to the next event; an `exponential` number before the first use.
    mean : float
        Expected number, >= 0.
    """
    if mean > COMMON:
        return poisson(state, mean)
    if mean < clock[0]:
        clock[0] -= mean
        return 0.0
    number = 0.0
    while mean >= clock[0]:
        mean -= clock[0]
        number += 1.0
        clock[0] = exponential(state)
    clock[0] -= mean
    return number


@jit
def rare_binomial(state, clock, n, chance):
    """Return a binomial number of n >= 0 trials; `state` and `clock` as for `rare_poisson`.

    The trials run the clock down one after the other, each by the exponent of its own failure. Where it ends is the first success; those
    after it are free.
    """
    if not (n > 0.0 and chance > 0.0):
        return 0.0
    if chance >= 1.0:
        return n
    exponent = -math.log1p(-chance)
    if n * exponent <= clock[0]:
        clock[0] -= n * exponent
        return 0.0
    behind = max(n - np.floor(clock[0] / exponent) - 1.0, 0.0)
    clock[0] = exponential(state)
    return 1.0 + binomial_pair(state, behind, chance, 1.0 - chance)
