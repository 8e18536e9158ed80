"""A sensitivity analysis of a scenario: which of its unknown numbers decide its outcomes, and on what evidence they rest.

=========  =================================================================================================================
step       what is done
=========  =================================================================================================================
screen     points over all factors, each simulated with the same patients (the same luck); PRCC of every factor
variance   Sobol' indices of the strongest factors, and of all factors of one kind of evidence together; nothing is fixed meanwhile
draws      where draws of a posterior are given: the same patients at each, and indices from given data
=========  =================================================================================================================

A point's outcome is an average over its patients, taken first; `Study.noise` says what share of the variance over points is the error of that
average. A row that fails is in no average; a point at which more than `FAILED` of an arm's rows failed is in no estimate.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from calibration.factors import Opened
from calibration.outcomes import OUTCOMES, averages
from calibration.sensitivity import Index, given_data, noise_share, pages, prcc, sobol
from sim.errors import InputError
from sim.trial.courses import simulate_patients
from sim.trial.draws import Score

__all__ = ["FAILED", "NOISY", "Effort", "Estimate", "Study", "analyse"]

Floats = NDArray[np.float64]
Progress = Callable[[int, int], None]
Method = Literal["prcc", "sobol_first", "sobol_total", "given_data"]

FAILED = 0.1
"""Share of an arm's rows beyond which a point that failed in them says nothing."""
NOISY = 0.5
"""Share of averaging error in the variance beyond which an outcome's figures are not to be read."""
PIECE = 2048
"""Rows simulated between two reports of progress."""


@dataclass(frozen=True)
class Effort:
    """How much is computed.

    Attributes
    ----------
    points : int
        Of the screen, a power of two; half as many are the rows of the Sobol' indices.
    patients : int
        Of an arm, at each point.
    single : int
        Factors with Sobol' indices of their own.
    """

    points: int = 256
    patients: int = 32
    single: int = 8


class Estimate(NamedTuple):
    """One line of the results.

    Attributes
    ----------
    arm, outcome, method : str
    factor : str
        A factor, or a kind of evidence: all factors of it together.
    kind : str
        Of evidence.
    together : bool
        Whether the line is of all factors of a kind.
    value, low, high : float
        Estimate and 95 % interval; NaN where the outcome does not vary.
    null : float
        Probability of a value as high by chance; NaN where it is not asked.
    n : int
        Points (rows of a Sobol' design) behind it.
    """

    arm: str
    outcome: str
    method: Method
    factor: str
    kind: str
    together: bool
    value: float
    low: float
    high: float
    null: float
    n: int

    @property
    def known(self) -> bool:
        """Whether there is an estimate."""
        return bool(np.isfinite(self.value))


@dataclass(frozen=True, eq=False)
class Study:
    """What came out.

    Attributes
    ----------
    opened : Opened
    effort : Effort
    asked : tuple of (str, str)
        Arm and outcome.
    estimates : list of Estimate
    noise : mapping of (arm, outcome) to float
        Share of the variance over the points of the screen that is averaging error.
    spread : mapping of (arm, outcome) to (float, float, float)
        Mean, SD and number of known points of the screen.
    constant : tuple of (str, str)
        Arms and outcomes that are the same at all points.
    rows, failed : int
        Simulated patients, and those that failed.
    points, left_out : int
        Arms of points, and those left out because too many rows failed.
    """

    opened: Opened
    effort: Effort
    asked: tuple[tuple[str, str], ...]
    estimates: list[Estimate]
    noise: Mapping[tuple[str, str], float]
    spread: Mapping[tuple[str, str], tuple[float, float, int]]
    constant: tuple[tuple[str, str], ...]
    rows: int
    failed: int
    points: int
    left_out: int

    def tells(self, arm: str, outcome: str) -> bool:
        """Say whether an outcome varies over the points, and not by averaging error for the most part."""
        return (arm, outcome) not in self.constant and self.noise[arm, outcome] <= NOISY

    def find(self, arm: str, outcome: str, method: Method) -> list[Estimate]:
        """Return the lines of one outcome and method, the strongest first."""
        found = [
            one for one in self.estimates if (one.arm, one.outcome, one.method) == (arm, outcome, method)
        ]
        return sorted(found, key=lambda one: -abs(one.value) if np.isfinite(one.value) else np.inf)


def analyse(
    opened: Opened,
    seed: int,
    effort: Effort | None = None,
    outcomes: Sequence[str] = tuple(OUTCOMES),
    draws: Mapping[str, Floats] | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Study:
    """Ask which factors decide a scenario's outcomes.

    Parameters
    ----------
    opened : Opened
        From `calibration.factors.factors_of`.
    seed : int
        Of patients, designs and resampling.
    effort : Effort, optional
    outcomes : sequence of str
        Of `OUTCOMES`.
    draws : mapping of str to ndarray, shape (n,), optional
        Draws of a posterior: medians between patients of some factors, in the model's units, one draw at each place of all arrays. The other
        factors keep their law a priori, independent of them.
    threads : int, optional
        Changes no byte.
    progress : callable(done, total), optional
        Counts simulated patients.

    Raises
    ------
    InputError
        When the points are too few for the factors, or the draws are not of factors.
    """
    effort = effort or Effort()
    needed = len(opened.factors) + 5
    if effort.points < needed:
        raise InputError(
            f"--points: {effort.points}; must be at least {needed}, as there are {len(opened.factors)} factors; "
            f"give {2 ** int(np.ceil(np.log2(needed)))}"
        )
    return _Analysis(opened, seed, effort, tuple(outcomes), draws or {}, threads, progress).run()


@dataclass(eq=False)
class _Analysis:
    """An analysis at work."""

    opened: Opened
    seed: int
    effort: Effort
    outcomes: tuple[str, ...]
    draws: Mapping[str, Floats]
    threads: int | None
    progress: Progress | None
    rows: int = 0
    failed: int = 0
    points: int = 0
    left_out: int = 0
    total: int = 0
    found: list[Estimate] = field(default_factory=list)

    def run(self) -> Study:
        """Go through all steps."""
        names, arms = self.opened.names, list(self.opened.scenario.arms)
        self.asked = [(arm, outcome) for outcome in self.outcomes for arm in arms]
        kinds = sorted({one.kind for one in self.opened.factors})
        single = min(self.effort.single, len(names))
        half = self.effort.points // 2
        given = self._given_points()
        each = self.effort.patients * len(arms)
        self.total = each * (self.effort.points + half * (len(kinds) + single) + len(given))
        both = pages(half, len(names), [], self.seed)
        design = np.concatenate([both.a, both.b])
        halves = self._simulate(design)
        y = halves.mean(axis=0)
        told = [k for k in range(len(self.asked)) if np.unique(y[k][np.isfinite(y[k])]).size > 1]
        self._screen(design, y)
        strongest = self._strongest(single)
        self._variance(y, half, kinds, strongest)
        if len(given):
            self._given(given)
        known = np.isfinite(y)
        spread = {
            one: (float(y[k][known[k]].mean()), float(y[k][known[k]].std()), int(known[k].sum()))
            for k, one in enumerate(self.asked)
            if known[k].any()
        }
        constant = tuple(one for k, one in enumerate(self.asked) if k not in told)
        noise = {one: noise_share(halves[:, k]) for k, one in enumerate(self.asked)}
        return Study(
            self.opened, self.effort, tuple(self.asked), self.found, noise, spread, constant,
            self.rows, self.failed, self.points, self.left_out,
        )  # fmt: skip

    def _screen(self, design: Floats, y: Floats) -> None:
        """Tell the partial rank correlations."""
        for k, one in enumerate(self.asked):
            known = np.isfinite(y[k])
            if known.any():
                self._tell(one, "prcc", self._singles(), prcc(design[known], y[k][known]), int(known.sum()))

    def _strongest(self, count: int) -> list[int]:
        """Return the places of the factors whose partial rank correlation with some outcome is surest to be far from 0.

        By the end of the interval that is nearer to 0, so that an outcome known at few points does not choose.
        """
        best = dict.fromkeys(self.opened.names, -1.0)
        for one in self.found:
            if np.isfinite(one.value):
                nearer = one.low if one.value > 0.0 else -one.high
                best[one.factor] = max(best[one.factor], nearer)
        order = sorted(range(len(best)), key=lambda j: (-best[self.opened.names[j]], j))
        return sorted(order[:count])

    def _variance(self, y: Floats, half: int, kinds: Sequence[str], strongest: list[int]) -> None:
        """Tell Sobol' indices of kinds of evidence and of single factors."""
        factors = self.opened.factors
        groups = [[j for j, one in enumerate(factors) if one.kind == kind] for kind in kinds]
        groups += [[j] for j in strongest]
        design = pages(half, len(factors), groups, self.seed)
        f_ab = np.stack([self._simulate(page).mean(axis=0) for page in design.ab])
        labels: list[tuple[str, str, bool]] = [(kind, kind, True) for kind in kinds]
        labels += [(factors[j].name, factors[j].kind, False) for j in strongest]
        for k, one in enumerate(self.asked):
            f_a, f_b = y[k, :half], y[k, half:]
            whole = np.isfinite(f_a) & np.isfinite(f_b) & np.isfinite(f_ab[:, k]).all(axis=0)
            # With few of the rows left, those are not like the others.
            n = int(whole.sum()) if whole.sum() >= 0.5 * half else 0
            first, total = sobol(
                f_a[: half if n else 0], f_b[: half if n else 0], f_ab[:, k, : half if n else 0], self.seed
            )
            self._tell(one, "sobol_first", labels, first, n)
            self._tell(one, "sobol_total", labels, total, n)

    def _given_points(self) -> Floats:
        """Return the points of the draws: where a factor is drawn its place is not used."""
        sizes = {len(values) for values in self.draws.values()}
        unknown = [name for name in self.draws if name not in self.opened.names]
        fixed = [one.name for one in self.opened.factors if one.name in self.draws and one.between is None]
        if unknown or fixed or len(sizes) > 1:
            what = f"'{(unknown or fixed)[0]}'" if unknown or fixed else f"columns of {sorted(sizes)} rows"
            raise InputError(
                f"draws: {what}; a column is the median between patients of a factor, all of one length; "
                f"factors are for example {', '.join(self._movable()[:3])}"
            )
        if not sizes:
            return np.zeros((0, len(self.opened.factors)))
        # The second page of a design of its own: it shares no point with the screen.
        size = 2 ** int(np.ceil(np.log2(max(sizes.pop(), 2))))
        rest = pages(size, len(self.opened.factors), [], self.seed + 1).b
        return rest[: len(next(iter(self.draws.values())))]

    def _movable(self) -> list[str]:
        return [one.name for one in self.opened.factors if one.between is not None]

    def _given(self, points: Floats) -> None:
        """Tell the indices of draws."""
        y = self._simulate(points, self.draws).mean(axis=0)
        x = points.copy()
        for j, name in enumerate(self.opened.names):
            if name in self.draws:
                x[:, j] = self.draws[name]
        for k, one in enumerate(self.asked):
            known = np.isfinite(y[k])
            if known.any():
                index = given_data(x[known], y[k][known], self.seed)
                self._tell(one, "given_data", self._singles(), index, int(known.sum()))

    def _singles(self) -> list[tuple[str, str, bool]]:
        return [(one.name, one.kind, False) for one in self.opened.factors]

    def _tell(
        self, one: tuple[str, str], method: Method, labels: list[tuple[str, str, bool]], index: Index, n: int
    ) -> None:
        null = np.full(len(labels), np.nan) if index.null is None else index.null
        for j, (factor, kind, together) in enumerate(labels):
            numbers = (float(index.value[j]), float(index.low[j]), float(index.high[j]), float(null[j]))
            self.found.append(Estimate(*one, method, factor, kind, together, *numbers, n))

    def _simulate(self, u: Floats, draws: Mapping[str, Floats] | None = None) -> Floats:
        """Return the outcomes at points, averaged over each half of the patients, shape (2, asked, points)."""
        scenario, m = self.opened.scenario, self.effort.patients
        out = np.full((2, len(self.asked), len(u)), np.nan)
        at_once = max(1, PIECE // m)
        for arm in scenario.arms:
            mine = [k for k, one in enumerate(self.asked) if one[0] == arm]
            for begin in range(0, len(u), at_once):
                piece = slice(begin, begin + at_once)
                count = len(u[piece])
                moved = {name: values[piece] for name, values in (draws or {}).items()}
                patients = np.tile(np.arange(m, dtype=np.int64), count)
                rows = simulate_patients(
                    scenario, arm, self.seed, patients, self._scores(u[piece], moved), self.threads
                )
                ok = (rows["status"] == 0).reshape(count, m)
                bad = (~ok).mean(axis=1) > FAILED
                self.rows += rows.rows
                self.failed += int((~ok).sum())
                self.points += count
                self.left_out += int(bad.sum())
                for k in mine:
                    found = averages(rows, self.asked[k][1], scenario.treats(arm), scenario.engine.horizon, m)
                    found[:, bad] = np.nan
                    out[:, k, piece] = found
                if self.progress is not None:
                    self.progress(self.rows, self.total)
        return out

    def _scores(self, u: Floats, draws: Mapping[str, Floats]) -> dict[str, Score]:
        """Return how the patients of some points are drawn, one after the other."""
        found = {}
        for j, factor in enumerate(self.opened.factors):
            score = factor.score_of(draws[factor.name]) if factor.name in draws else factor.score(u[:, j])
            found[factor.name] = Score(np.repeat(score.shift, self.effort.patients), score.scale)
        return found
