"""Who enters a virtual trial, when, in which arm, and when he is lost: keyed by seed and number of the trial alone.

A trial draws different people for its arms, without replacement, from one block of the pool: so that each trial is that many independent patients
of the model, whatever the size of the pool, while a draw with replacement would repeat some. The blocks do not share patients; trial k draws from
block k mod their number. Where patients come from a posterior, a block is those of one population, and there of one trial.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sim.errors import InputError
from sim.network.streams import uniforms
from sim.planning.design import TrialDesign
from sim.planning.pool import Pool

__all__ = ["DAYS_PER_MONTH", "LEAST_BLOCKS", "Blocks", "Enrolment", "blocks_of", "enrol", "usual_patients"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

DAYS_PER_MONTH = 365.25 / 12.0
YEAR = 365.25
LEAST_BLOCKS = 4
"""Blocks from which the error of a pool can be told."""
_MOST_BLOCKS = 20
_USUAL_BLOCKS = 16
# Where there are enough patients a block has those of two trials: trials of a block that all took the same people would be one trial. More than
# those of eight would only cost time.
_ROOM, _MOST_ROOM = 2, 8

_FIRST_PURPOSE = 5_000_000
# Numbers beyond those of `sim.network.streams.PURPOSES` and of the quantities of patients. Append only.
_PURPOSES = {"places": 0, "accrual": 1, "allocation": 2, "dropout": 3}
# The trials that plan the looks are others than those that are counted.
_PILOT = 100


class Blocks(NamedTuple):
    """The pool, cut into parts from which trials draw.

    Attributes
    ----------
    places : ndarray of int, shape (blocks, most)
        Places of each block, filled up with -1.
    cluster : ndarray of int, shape (blocks,)
        Population of each block; of a pool without a posterior the block itself.
    trial : ndarray of int, shape (blocks,)
        Trial of the population, 0 without a posterior.
    """

    places: Ints
    cluster: Ints
    trial: Ints


class Enrolment(NamedTuple):
    """Patients of each trial, those of the first arm before those of the second.

    Attributes
    ----------
    block : ndarray of int, shape (trials,)
    place : ndarray of int, shape (trials, patients)
        In the pool of the arm.
    entry : ndarray, shape (trials, patients)
        Day of enrolment, from the opening of the trial.
    dropout : ndarray, shape (trials, patients)
        Days from enrolment until the patient is lost; infinite where nobody is.
    """

    block: Ints
    place: Ints
    entry: Floats
    dropout: Floats


def usual_patients(patients: int, populations: int) -> int:
    """Return how many patients of each arm a pool has unless somebody asks for more.

    Parameters
    ----------
    patients : int
        Of the largest trial, all arms together.
    populations : int
        Populations of a posterior times the trials of each; 0 without one.
    """
    if populations:
        # Some fail to compute.
        return max(1000, math.ceil(1.05 * populations * patients))
    return max(1000, _USUAL_BLOCKS * _ROOM * patients)


def blocks_of(pool: Pool, patients: int) -> Blocks:
    """Cut a pool into blocks of which each has enough patients for a trial.

    Parameters
    ----------
    pool : Pool
    patients : int
        Of a trial, all arms together.

    Raises
    ------
    InputError
        It has too few; the line says how many it takes.
    """
    usable = pool.usable()
    if pool.grouping is None:
        count = max(
            LEAST_BLOCKS,
            min(_MOST_BLOCKS, len(usable) // (_ROOM * patients)),
            len(usable) // (_MOST_ROOM * patients),
        )
        if len(usable) // count < patients:
            raise InputError(
                f"patients: {pool.patients}, of whom {len(usable)} were computed; {LEAST_BLOCKS} trials of {patients} patients must not share "
                f"any; simulate at least {LEAST_BLOCKS * patients} per arm"
            )
        part = np.arange(len(usable)) % count
        return Blocks(_listed(usable, part, count), np.arange(count), np.zeros(count, dtype=np.int64))
    origin = pool.grouping.origin(usable)
    count = pool.grouping.populations * pool.grouping.trials
    part = origin.population + pool.grouping.populations * origin.trial
    fewest = int(np.bincount(part, minlength=count).min())
    if fewest < patients or pool.grouping.populations < LEAST_BLOCKS:
        raise InputError(
            f"patients: {pool.patients}; each of {pool.grouping.populations} populations of the posterior, {pool.grouping.trials} trials of each, must "
            f"have the {patients} patients of a trial, and there must be {LEAST_BLOCKS} populations; simulate {math.ceil(1.02 * count * patients)} per "
            "arm, or set patients.posterior.draws"
        )
    each = np.arange(count)
    return Blocks(
        _listed(usable, part, count), each % pool.grouping.populations, each // pool.grouping.populations
    )


def enrol(
    design: TrialDesign, size: int, trials: Ints, seed: int, blocks: Blocks, *, pilot: bool = False
) -> Enrolment:
    """Enrol the patients of some trials.

    Parameters
    ----------
    design : TrialDesign
    size : int
        Patients per arm.
    trials : ndarray of int, shape (trials,)
        Their numbers; a trial is the same whatever others there are.
    seed : int
    blocks : Blocks
    pilot : bool
        Whether these are the trials that plan the looks, which have luck of their own.
    """
    arms = len(design.arms)
    whole = arms * size

    def luck(what: str, count: int) -> Floats:
        return uniforms(seed, trials, _FIRST_PURPOSE + _PURPOSES[what] + _PILOT * pilot, count=count)

    block = trials % len(blocks.places)
    members = blocks.places[block]
    key = np.where(members >= 0, luck("places", members.shape[1]), 2.0)
    chosen = np.argsort(key, axis=1, kind="stable")[:, :whole]
    place = np.take_along_axis(members, chosen, axis=1)
    days = _accrual(design, luck("accrual", whole))
    if arms == 2:
        # Blocks of two: of each pair, in the order of enrolment, one patient goes to either arm.
        heads = luck("allocation", size) < 0.5
        pairs = days.reshape(len(trials), size, 2)
        earlier, later = pairs[:, :, 0], pairs[:, :, 1]
        days = np.concatenate((np.where(heads, earlier, later), np.where(heads, later, earlier)), axis=1)
    lost = np.full((len(trials), whole), np.inf)
    if design.dropout > 0.0:
        rate = -math.log1p(-design.dropout) / YEAR
        lost = -np.log(luck("dropout", whole)) / rate
    return Enrolment(block, place, days, lost)


def _accrual(design: TrialDesign, u: Floats) -> Floats:
    """Return the days of enrolment of each trial, in order."""
    gap = DAYS_PER_MONTH / design.accrual
    if design.accrual_law == "poisson":
        return np.cumsum(-np.log(u) * gap, axis=1)
    return np.sort(u * gap * u.shape[1], axis=1)


def _listed(usable: Ints, part: Ints, count: int) -> Ints:
    """Return the places of each part as rows filled up with -1."""
    sizes = np.bincount(part, minlength=count)
    found = np.full((count, int(sizes.max())), -1, dtype=np.int64)
    order = np.argsort(part, kind="stable")
    column = np.arange(len(part)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    found[part[order], column] = usable[order]
    return found
