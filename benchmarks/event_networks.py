"""The networks that event-by-event simulators are compared on: a circadian oscillator, CAR T cells against leukaemia, and a ladder of antigen classes.

All are of mass action with whole counts, so that every simulator runs them as they are. They differ in what is dear: few species and fast
switching of genes (`oscillator`), large counts and few reactions (`car_t`), many reactions (`ladder`).
"""

from __future__ import annotations

import numpy as np

from sim.network.network import Network

__all__ = ["SAVES", "car_t", "ladder", "oscillator"]

Reactions = list[tuple[list[str], list[str], float]]
"""Reactants, products, constant."""

CLASSES = 10


def oscillator() -> Network:
    """Return the circadian oscillator of Vilar, Kueh, Barkai and Leibler, PNAS 99 (2002) 5988, doi:10.1073/pnas.092133899; hours.

    Returns
    -------
    Network
        Nine species, 16 reactions, constants of the paper's figure 1.

    Examples
    --------
    >>> len(oscillator().all_reactions)
    16
    """
    reactions: Reactions = [
        (["A", "R"], ["AR"], 2.0),
        (["AR"], ["R"], 1.0),
        (["A"], [], 1.0),
        (["R"], [], 0.2),
        (["DA", "A"], ["DAA"], 1.0),
        (["DAA"], ["DA", "A"], 50.0),
        (["DR", "A"], ["DRA"], 1.0),
        (["DRA"], ["DR", "A"], 100.0),
        (["DA"], ["DA", "MA"], 50.0),
        (["DAA"], ["DAA", "MA"], 500.0),
        (["DR"], ["DR", "MR"], 0.01),
        (["DRA"], ["DRA", "MR"], 50.0),
        (["MA"], ["MA", "A"], 50.0),
        (["MR"], ["MR", "R"], 5.0),
        (["MA"], [], 10.0),
        (["MR"], [], 0.5),
    ]
    start = dict.fromkeys(("A", "R", "AR", "DAA", "DRA", "MA", "MR"), 0.0)
    return mass_action("oscillator", {"DA": 1.0, "DR": 1.0, **start}, reactions, "hour")


def car_t() -> Network:
    """Return CAR T cells (effector, memory, exhausted) against sensitive and resistant leukaemia; days.

    Returns
    -------
    Network
        Five species, 13 reactions, some three million events in 60 days.

    Examples
    --------
    >>> len(car_t().all_reactions)
    13
    """
    reactions: Reactions = [
        (["S"], ["S", "S"], 0.3),
        (["S"], [], 0.1),
        (["S"], ["R"], 1e-4),
        (["R"], ["R", "R"], 0.3),
        (["R"], [], 0.1),
        (["E", "S"], ["E"], 1e-4),
        (["E", "S"], ["E", "E", "S"], 3e-5),
        (["E"], [], 0.2),
        (["E"], ["M"], 0.02),
        (["M", "S"], ["E", "S"], 1e-5),
        (["M"], [], 0.01),
        (["E"], ["X"], 0.05),
        (["X"], [], 0.15),
    ]
    return mass_action("car_t", {"S": 20_000.0, "R": 0.0, "E": 1_000.0, "M": 0.0, "X": 0.0}, reactions, "day")


def ladder() -> Network:
    """Return leukaemia in ten classes of falling antigen that cells move between, and killers that see ever less of them; days.

    Returns
    -------
    Network
        Eleven species, 60 reactions.

    Examples
    --------
    >>> len(ladder().all_reactions)
    60
    """
    names = [f"B{i}" for i in range(CLASSES)]
    reactions: Reactions = [(["E"], [], 0.25), (["E"], ["E", "E"], 0.05)]
    for i, name in enumerate(names):
        sight = 0.6**i
        reactions += [
            ([name], [name, name], 0.30),
            ([name], [], 0.15),
            (["E", name], ["E"], 2e-5 * sight),
            (["E", name], ["E", "E", name], 2e-6 * sight),
        ]
        if i + 1 < CLASSES:
            reactions += [([name], [names[i + 1]], 0.05), ([names[i + 1]], [name], 0.03)]
    start = {"E": 8_000.0, **{name: 40_000.0 * 0.5**i for i, name in enumerate(names)}}
    return mass_action("ladder", start, reactions, "day")


SAVES = {oscillator: np.arange(401.0), car_t: np.arange(61.0), ladder: np.arange(21.0)}


def mass_action(name: str, start: dict[str, float], reactions: Reactions, unit: str) -> Network:
    """Return a network whose rates are a constant times each reactant.

    Parameters
    ----------
    name : str
    start : dict of str to float
    reactions : list of (reactants, products, constant)
        No reactant twice.
    unit : str
        Of time.

    Returns
    -------
    Network
        Constants are parameters ``k0``, ``k1``, ...
    """
    net = Network(name, time_unit=unit)
    for species, value in start.items():
        net.species(species, value)
    for number, (reactants, products, constant) in enumerate(reactions):
        net.parameter(f"k{number}", constant)
        change = f"{' + '.join(reactants) or '0'} -> {' + '.join(products) or '0'}"
        net.reaction(f"{number}: {change}", change, "*".join([f"k{number}", *reactants]))
    net.check()
    return net
