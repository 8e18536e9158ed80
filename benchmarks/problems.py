"""Networks as problems for peers, and how far a peer's answer is from the truth."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from benchmarks.peers.protocol import Addition, Problem, Reaction
from sim.network.elements import Reaction as NetworkReaction
from sim.network.network import Network

__all__ = ["mean_error", "problem_of", "trajectory_errors", "worst_deviation"]

Floats = npt.NDArray[np.float64]


def problem_of(
    build: Callable[[], Network],
    saves: Floats,
    parameters: dict[str, Floats] | None = None,
    initial: dict[str, Floats] | None = None,
) -> Problem:
    """Return a network and its ensemble as peers are given them.

    Parameters
    ----------
    build : callable
        A function at the top of a module, which builds the network.
    saves : ndarray, shape (n_times,)
    parameters, initial : dict of str to ndarray, shape (rows,), optional
        The network's own values by default, one row.

    Returns
    -------
    Problem
    """
    network = build()
    parameters = parameters or {p.name: np.array([float(p.value)]) for p in network.all_parameters}
    initial = initial or {s.name: np.array([float(s.initial)]) for s in network.all_species}
    return Problem(
        source=f"{build.__module__}:{build.__name__}",
        species=list(initial),
        parameters=list(parameters),
        definitions=[(one.name, str(one.expression)) for one in network.definition_order()],
        reactions=[_reaction(one, parameters) for one in network.all_reactions],
        addition=_addition(network),
        parameter_values=np.stack(list(parameters.values()), axis=1),
        initial=np.stack(list(initial.values()), axis=1),
        saves=saves,
    )


def _reaction(one: NetworkReaction, parameters: dict[str, Floats]) -> Reaction:
    """Return a reaction; its constant is named where the rate is a parameter times each reactant."""
    reactants = {name: int(amount) for name, amount in one.reactants.items()}
    products = {name: int(amount) for name, amount in one.products.items()}
    first, *others = str(one.rate).split("*")
    taking_part = [name for name, count in reactants.items() for _ in range(count)]
    constant = first if first in parameters and sorted(others) == sorted(taking_part) else None
    return Reaction(reactants, products, str(one.rate), constant)


def _addition(network: Network) -> Addition | None:
    """Return the one timed addition that a problem may have."""
    for event in network.all_events:
        ((species, amount),) = event.add.items()
        return Addition(float(str(event.at)), species, float(str(amount)))
    return None


def trajectory_errors(values: Floats, reference: Floats, floor: Floats) -> Floats:
    """Return each patient's error: the largest |value - reference|/(|reference| + floor) over saves and species.

    Parameters
    ----------
    values, reference : ndarray, shape (rows, n_times, n_species)
    floor : ndarray, shape (n_species,)
        What counts as nothing.

    Returns
    -------
    ndarray, shape (rows,)
        Infinite where a value is no number.

    Examples
    --------
    >>> values = np.array([[[1.0, 11.0]]])
    >>> print(trajectory_errors(values, np.array([[[1.0, 9.0]]]), np.array([1.0, 1.0])))
    [0.2]
    """
    relative = np.abs(values - reference) / (np.abs(reference) + floor)
    worst: Floats = np.nan_to_num(relative, nan=np.inf).max(axis=(1, 2))
    return worst


def mean_error(values: Floats, exact: Floats, least: float = 100.0, spread: float = 0.2) -> float:
    """Return the root mean square over saves and species of the relative error of means, less what chance alone makes of it.

    Parameters
    ----------
    values, exact : ndarray, shape (rows, n_times, n_species)
        Trajectories of a leap, and exact ones, two rows or more.
    least, spread : float
        Smallest mean and largest coefficient of variation, among exact trajectories, of what is judged: else chance decides.

    Returns
    -------
    float
        Square root of the mean of squared differences minus squared standard errors, zero where that is negative: without bias, so that
        few rows are no disadvantage.
    """
    mean = exact.mean(axis=0)
    judged = (mean >= least) & (exact.std(axis=0, ddof=1) <= spread * mean)
    square = (values.mean(axis=0) - mean) ** 2
    chance = values.var(axis=0, ddof=1) / len(values) + exact.var(axis=0, ddof=1) / len(exact)
    relative = (square[judged] - chance[judged]) / mean[judged] ** 2
    return float(np.sqrt(max(0.0, float(np.mean(relative)))))


def worst_deviation(values: Floats, others: Floats) -> float:
    """Return the largest difference of final means of two samples, in standard errors of that difference.

    Parameters
    ----------
    values, others : ndarray, shape (rows, n_times, n_species)
        Independent trajectories of one law, three or more each.

    Returns
    -------
    float
        Of the last save; species without spread are left out.
    """
    first, second = values[:, -1], others[:, -1]
    error = np.sqrt(first.var(axis=0, ddof=1) / len(first) + second.var(axis=0, ddof=1) / len(second))
    spread = error > 0
    if not spread.any():
        return 0.0
    difference = np.abs(first.mean(axis=0) - second.mean(axis=0))
    return float((difference[spread] / error[spread]).max())
