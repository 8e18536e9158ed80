"""Laws of small networks by other means than simulation: generating functions, closed forms, and the master equation on a box.

A law is the probabilities of 0, 1, 2, ... of one species at one time. Nothing here reads a `Network` or calls a kernel: rates are
written a second time, as functions of arrays.

References: Kendall, Ann. Math. Stat. 19 (1948) 1, doi:10.1214/aoms/1177730285 (birth and death); Lea and Coulson, J. Genet. 49 (1949) 264,
doi:10.1007/BF02986080 (mutants of a growing clone); Munsky and Khammash, J. Chem. Phys. 124 (2006) 044104, doi:10.1063/1.2145882
(finite state projection).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import solve_ivp
from scipy.sparse import coo_array, csr_array
from scipy.sparse.linalg import expm_multiply

Floats = NDArray[np.float64]
Complex = NDArray[np.complex128]
Generating = Callable[[Complex], Complex]
Rate = Callable[..., Floats]

ROUNDING = 1e-14
"""Probabilities below it are rounding of the oracle, and no sample will meet them."""
SOLVED = 1e-13
"""Likewise for generating functions that are solutions of differential equations."""
BEYOND = 1e-11
"""Most that may be missing of a law: a sample of 100,000 meets what is missing once in a million."""


@dataclass(frozen=True)
class Law:
    """Probabilities of 0, 1, 2, ...; what is missing to one lies beyond."""

    p: Floats

    @property
    def values(self) -> Floats:
        return np.arange(len(self.p), dtype=float)

    @property
    def cumulative(self) -> Floats:
        return np.minimum(np.cumsum(self.p), 1.0)

    @property
    def is_whole(self) -> bool:
        """Whether so little lies beyond that sums over the law are its moments."""
        return bool(abs(1.0 - self.p.sum()) < BEYOND)

    @property
    def mean(self) -> float:
        return float(self.p @ self.values)

    @property
    def variance(self) -> float:
        return float(self.p @ (self.values - self.mean) ** 2)


def law(p: Floats, rounding: float = ROUNDING) -> Law:
    return Law(np.where(p > rounding, p, 0.0))


def from_generating(function: Generating, size: int, damping: float = 1.0, rounding: float = ROUNDING) -> Law:
    """Invert a generating function on a circle. ``damping`` (radius to the power size) holds off what lies beyond size: it wraps around."""
    radius = damping ** (1.0 / size)
    circle = radius * np.exp(2j * np.pi * np.arange(size) / size)
    p = np.fft.fft(function(circle)).real / size
    p = p * radius ** -np.arange(size)
    return law(p, rounding)


def kendall(decay: float, spread: float, start: float = 1) -> Generating:
    """Return the generating function F with 1/(1 - F) = decay/(1 - z) + spread, which has no pole on the circle, to the power ``start``."""

    def function(z: Complex) -> Complex:
        gone = (1.0 - z) / (decay + spread * (1.0 - z))
        # Of a million cells each digit of F counts: by its logarithm where it is close to one.
        near = np.where(np.abs(gone) < 0.1, gone, 0.0)
        size = 0.5 * np.log1p(np.abs(near) ** 2 - 2.0 * near.real)
        power = np.exp(start * (size + 1j * np.arctan2(-near.imag, 1.0 - near.real)))
        return np.where(near == gone, power, (1.0 - gone) ** start)

    return function


def line(birth: float, death: float, t: float, start: float = 1) -> Generating:
    """Generating function of the cells that one cell, or so many, have become: Kendall's law."""
    if birth == death:
        return kendall(1.0, birth * t, start)
    decay = float(np.exp(-(birth - death) * t))
    return kendall(decay, birth * (1.0 - decay) / (birth - death), start)


def line_in_time(birth: Callable[[float], float], death: Callable[[float], float], t: float) -> Generating:
    """Likewise for rates that depend on time: decay = exp(rho), rho the integral of death - birth, spread that of birth exp(rho)."""

    def slope(s: float, y: Floats) -> list[float]:
        return [death(s) - birth(s), birth(s) * np.exp(y[0])]

    rho, spread = solve_ivp(slope, (0.0, t), [0.0, 0.0], "DOP853", rtol=1e-12, atol=1e-13).y[:, -1]
    return kendall(float(np.exp(rho)), float(spread))


def lines(
    slope: Callable[[float, Sequence[Complex]], Sequence[Complex]], begin: Sequence[Complex], t: float
) -> list[Complex]:
    """Solve the backward equations of cells of several types: what one cell of each becomes, from its value at age 0 to that at age t."""
    begin = [np.asarray(one, complex) for one in np.broadcast_arrays(*begin)]

    def real(s: float, y: Floats) -> Floats:
        found = np.array(slope(s, list(y.view(complex).reshape(len(begin), -1))))
        return found.ravel().view(float)

    start = np.array(begin).ravel().view(float)
    end = solve_ivp(real, (0.0, t), start, "DOP853", rtol=1e-11, atol=1e-13).y[:, -1]
    return list(np.ascontiguousarray(end).view(complex).reshape(len(begin), -1))


def from_characteristic(function: Generating, unit: float, size: int) -> Law:
    """Invert a characteristic function of u into the law of a number in units, rounded to the nearest.

    It must have died away at pi/unit; what lies beyond ``size`` units wraps around.
    """
    place = np.fft.fftfreq(size, 1.0 / size)
    values = function(2.0 * np.pi * place / (size * unit)) * np.sinc(place / size)
    return law(np.fft.fft(values).real / size, SOLVED)


def birth_death(birth: float, death: float, start: int, t: float, size: int) -> Law:
    return from_generating(line(birth, death, t, start), size)


def extinct(birth: float, death: float, start: int, t: float = np.inf) -> float:
    """Probability that no cell is left by t, or ever."""
    if np.isinf(t):
        return min(1.0, death / birth) ** start
    grown = np.exp((birth - death) * t)
    return float((death * (grown - 1.0) / (birth * grown - death)) ** start)


def nodes(t: float, panels: int = 60, points: int = 12) -> tuple[Floats, Floats]:
    """Gauss-Legendre nodes and weights on (0, t), in panels that grow from 0 in a geometric way, where lines are young."""
    x, w = np.polynomial.legendre.leggauss(points)
    edges = np.concatenate(([0.0], np.geomspace(1e-6 * t, t, panels)))
    width = np.diff(edges)[:, None]
    return (edges[:-1, None] + 0.5 * width * (1.0 + x)).ravel(), (0.5 * width * w).ravel()


def newcomers(
    rate: Callable[[float], float],
    batch: int,
    birth: float,
    death: float,
    t: float,
    size: int,
    damping: float = 1.0,
) -> Law:
    """Law of the descendants, at t, of newcomers that come from none in batches at a rate that depends on time."""
    ages, weights = nodes(t)

    def function(z: Complex) -> Complex:
        total = np.zeros_like(z)
        for age, weight in zip(ages, weights, strict=True):
            total += weight * rate(t - age) * (line(birth, death, age)(z) ** batch - 1.0)
        return np.exp(total)

    return from_generating(function, size, damping)


def immigration_birth_death(source: float, birth: float, death: float, t: float, size: int) -> Law:
    """Negative binomial, from none at the start."""
    from scipy import stats

    spread = birth * (np.exp((birth - death) * t) - 1.0) / (birth - death)
    return law(stats.nbinom.pmf(np.arange(size), source / birth, 1.0 / (1.0 + spread)))


def mutants(
    wild: tuple[float, float],
    rate: float,
    mutant: tuple[float, float],
    start: int,
    t: float,
    size: int,
    damping: float = 1.0,
) -> Law:
    """Law of the mutants of a clone: wild cells divide, die and throw off mutants, which divide and die.

    One wild cell: f' = b f^2 + d - (b + d + u) f + u f g, with g the line of a mutant.
    """
    birth, death = wild

    def function(z: Complex) -> Complex:
        def slope(s: float, f: Sequence[Complex]) -> list[Complex]:
            rest = birth * f[0] + rate * line(*mutant, s)(z) - (birth + death + rate)
            return [f[0] * rest + death]

        return lines(slope, [np.ones_like(z)], t)[0] ** start

    return from_generating(function, size, damping, SOLVED)


def no_mutants(birth: float, rate: float, start: int, t: float) -> float:
    """Probability that a clone without death has thrown off no mutant."""
    both = birth + rate
    return float((both / (birth + rate * np.exp(both * t))) ** start)


def lea_coulson(mutations: float, size: int) -> Law:
    """Mutants that grow as fast as the wild cells, which follow their mean from one cell: p_n = m/n sum of p_i/(n - i + 1)."""
    p = np.zeros(size)
    p[0] = np.exp(-mutations)
    for n in range(1, size):
        p[n] = mutations / n * np.sum(p[:n] / (n - np.arange(n) + 1.0))
    return law(p)


@dataclass(frozen=True, eq=False)
class Master:
    """A master equation: changes and rates of reactions on a box of states, whose upper ends must not be reached."""

    reactions: Sequence[tuple[tuple[int, ...], Rate]]
    start: tuple[int, ...]
    shape: tuple[int, ...]

    def at(self, t: float, observed: int = 0) -> Law:
        """Return the law of one species at t; raise where the box is too small."""
        end = _state(self, t)
        others = tuple(axis for axis in range(len(self.shape)) if axis != observed)
        return law(end.sum(axis=others))

    def generator(self) -> csr_array:
        """Return the matrix of dp/dt = A p. What leaves the box is lost to p."""
        grid = np.indices(self.shape).reshape(len(self.shape), -1)
        states = grid.shape[1]
        rows, columns, entries = [], [], []
        for change, rate in self.reactions:
            a = np.broadcast_to(np.asarray(rate(*grid.astype(float)), float), (states,))
            target = grid + np.array(change)[:, None]
            assert not np.any(a[np.any(target < 0, axis=0)] > 0.0), "a rate takes a count below zero"
            inside = np.all(target < np.array(self.shape)[:, None], axis=0)
            here = np.flatnonzero(inside & (a > 0.0))
            rows += [np.ravel_multi_index(target[:, here], self.shape), np.arange(states)]
            columns += [here, np.arange(states)]
            entries += [a[here], -a]
        places = (np.concatenate(rows), np.concatenate(columns))
        return coo_array((np.concatenate(entries), places), shape=(states, states)).tocsr()

    def state(self, t: float) -> Floats:
        """Return the probabilities of all states of the box at t."""
        matrix = self.generator()
        begin = np.zeros(matrix.shape[0])
        begin[np.ravel_multi_index(self.start, self.shape)] = 1.0
        is_chain = len(self.shape) == 1 and all(abs(change[0]) == 1 for change, _ in self.reactions)
        end = along_chain(matrix, begin, t) if is_chain else expm_multiply(matrix * t, begin)
        assert abs(1.0 - end.sum()) < BEYOND, f"{1.0 - end.sum():.1e} of the law has left the box"
        return np.asarray(end).reshape(self.shape)


def driven(parts: Sequence[tuple[Master, Callable[[float], float]]], t: float) -> Law:
    """Return the law of one species at t where the rates of each part (on the same box) are multiplied by a function of time."""
    pieces = [(master.generator(), factor) for master, factor in parts]
    first = parts[0][0]
    begin = np.zeros(first.shape[0])
    begin[first.start[0]] = 1.0

    def slope(s: float, p: Floats) -> Floats:
        return np.asarray(sum(factor(s) * (matrix @ p) for matrix, factor in pieces))

    end = solve_ivp(slope, (0.0, t), begin, "DOP853", rtol=1e-12, atol=1e-15).y[:, -1]
    assert abs(1.0 - end.sum()) < BEYOND, f"{1.0 - end.sum():.1e} of the law has left the box"
    return law(end)


@cache
def _state(master: Master, t: float) -> Floats:
    """Species of one master equation share its solution."""
    return master.state(t)


def along_chain(matrix: csr_array, begin: Floats, t: float) -> Floats:
    """Return the solution at t of dp/dt = matrix p for a chain that moves by one, whose matrix has three diagonals."""
    below, here, above = (matrix.diagonal(k) for k in (-1, 0, 1))

    def slope(_: float, p: Floats) -> Floats:
        found = here * p
        found[1:] += below * p[:-1]
        found[:-1] += above * p[1:]
        return np.asarray(found)

    band = np.zeros((3, len(begin)))
    band[0, 1:], band[1], band[2, :-1] = above, here, below
    run = solve_ivp(
        slope, (0.0, t), begin, "LSODA", rtol=1e-10, atol=1e-14, lband=1, uband=1, jac=lambda _t, _p: band
    )
    return np.asarray(run.y[:, -1])
