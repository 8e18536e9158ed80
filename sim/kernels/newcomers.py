"""Cells that come to a discrete population within a step: in batches that wait to be followed to its end.

A batch has a number of newcomers, how many cells each of them is, and when in the step they come: between ``begin`` and ``end``, fractions
of the step, with a density proportional to exp(tilt v) for v from 0 to 1 over that time. Few newcomers come each at a time of
its own. Of many, each goes to one of two to four Gauss nodes of the arrivals' quantiles, where the step is short against what happens to
a cell; else the time is halved. Newcomers that they bring in turn are batches too, so that generations follow each other until none is left.
"""

import math

import numpy as np

from sim.kernels._jit import inline_jit, jit, jit_merged
from sim.kernels.random import uniform
from sim.kernels.samplers import binomial_pair
from sim.kernels.structure import CHANGE_BEGIN, CHANGE_END

# columns of Laws.batches
POPULATION, NUMBER, SIZE, BEGIN, END, TILT = range(6)
BATCHES = 1024
"""Batches that may wait, beside those that one population brings at once."""
ONE_BY_ONE = 16.0
"""Up to so many newcomers have each a time of their own where more than one part of a step would be needed to group them."""
PART = 1.5
"""Largest part of a step for which newcomers are grouped, in events of a cell or e-folds of the arrivals."""
FULL = -1

# Gauss-Legendre nodes and weights on (0, 1) with two, three and four points, one after the other.
NODES = np.concatenate([0.5 + 0.5 * np.polynomial.legendre.leggauss(points)[0] for points in (2, 3, 4)])
SHARES = np.concatenate([0.5 * np.polynomial.legendre.leggauss(points)[1] for points in (2, 3, 4)])


@inline_jit
def points_for(size):
    """Return how many nodes newcomers need that meet ``size`` events in the time in which they come.

    The generating function of a line is then wrong by less than 3e-4, at births, deaths and a growth of arrivals of that size.
    """
    if size <= 0.5:
        return 2
    return 3 if size <= 1.0 else 4


@inline_jit
def time_of(u, tilt):
    """Return the quantile u of the density proportional to exp(tilt v) on (0, 1)."""
    if abs(tilt) < 0.02:
        return u + 0.5 * tilt * u * (1.0 - u) * (1.0 + tilt / 6.0 * (1.0 - 2.0 * u))
    return math.log1p(u * math.expm1(tilt)) / tilt


@jit
def add_batch(batches, waiting, population, number, size, begin, end, tilt):
    """Let a batch wait; return how many do then, or `FULL`."""
    if waiting < 0 or waiting >= batches.shape[0]:
        return FULL
    row = batches[waiting]
    row[POPULATION], row[NUMBER], row[SIZE] = population, number, size
    row[BEGIN], row[END], row[TILT] = begin, end, min(tilt, 600.0)  # beyond, exp(tilt) is no number
    return waiting + 1


@jit_merged
def add_newcomers(r, number, begin, end, tilt, waiting, structure, laws):
    """Let batches of newcomers wait that reaction r brings between two fractions of the step; return how many do then, or `FULL`."""
    for k in range(structure.reaction[r, CHANGE_BEGIN], structure.reaction[r, CHANGE_END]):
        s, amount = structure.change_species[k], structure.change_amount[k]
        if amount > 0.0 and laws.discrete[s] == 1:
            waiting = add_batch(laws.batches, waiting, s, number, amount, begin, end, tilt)
    return waiting


@jit
def next_group(batches, waiting, events, state):
    """Take newcomers of the last batch that come at one time.

    Parameters
    ----------
    batches : array of float64, shape (`BATCHES`, 6)
        Those that wait first.
    waiting : int
        How many do, at least 1.
    events : float
        What may happen to a cell of that population in the whole step, at most.
    state : array of uint64
        The stream.

    Returns
    -------
    waiting : int
        How many batches wait then; `FULL` when there is no room.
    cells : float
        Zero when a batch was parted and nobody is to be followed yet.
    when : float
        Fraction of the step at which they come.
    """
    row = batches[waiting - 1]
    number, begin, width, tilt = row[NUMBER], row[BEGIN], row[END] - row[BEGIN], row[TILT]
    if not width > 0.0:
        return waiting - 1, number * row[SIZE], begin
    met = max(events * width, abs(tilt))
    points = points_for(met)
    if number <= (ONE_BY_ONE if met > PART else points):
        row[NUMBER] = number - 1.0
        return (
            waiting if number > 1.0 else waiting - 1,
            row[SIZE],
            begin + width * time_of(uniform(state), tilt),
        )
    population, size, end = row[POPULATION], row[SIZE], row[END]
    waiting -= 1
    if met > PART:
        middle, half = begin + 0.5 * width, math.exp(0.5 * tilt)
        early = binomial_pair(state, number, 1.0 / (1.0 + half), half / (1.0 + half))
        if number > early:
            waiting = add_batch(batches, waiting, population, number - early, size, middle, end, 0.5 * tilt)
        if early > 0.0:
            waiting = add_batch(batches, waiting, population, early, size, begin, middle, 0.5 * tilt)
        return waiting, 0.0, 0.0
    first = 0 if points == 2 else (2 if points == 3 else 5)
    rest = 1.0
    for node in range(first, first + points):
        here = number
        if node < first + points - 1:
            here = binomial_pair(state, number, SHARES[node] / rest, (rest - SHARES[node]) / rest)
        number -= here
        rest -= SHARES[node]
        if here > 0.0:
            when = begin + width * time_of(NODES[node], tilt)
            waiting = add_batch(batches, waiting, population, here, size, when, when, 0.0)
    return waiting, 0.0, 0.0
