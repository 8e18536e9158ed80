"""Targets: reported outcomes that are fitted, and what each reads off the simulated patients of an arm under a population.

The rows are those of the scenarios' ``reported`` blocks, named here and written there. What is left out, and why, is `LEFT_OUT`.

A figure says also how well the patients know it: under some populations few patients of a bank weigh much, and a likelihood that took their figure for certain
would reward the luck of being few. So each likelihood is a mean over what they leave unknown, or is wider by it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, gammaln, logit, xlog1py, xlogy

from calibration.bank import ArmBank
from calibration.likelihoods import TWO_SIDED, MedianReport, band, censored_median, summary, unsure_binomial
from sim.trial.endpoints import endpoint_times
from sim.trial.measures import is_share, measure, population
from sim.trial.scenario import Scenario
from sim.trial.scenario_reported import Reported

__all__ = ["FITTED", "KINETICS", "LEFT_OUT", "Duration", "Kinetic", "Middle", "Share", "Target", "targets_of"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Arm = tuple[str, str]

MONTH = 365.25 / 12.0

FITTED: Mapping[str, tuple[str, ...]] = {
    "fry2018-cd22": ("cr-lowest-dose", "cr-higher-dose", "remission-duration", "cd22-lowered-not-lost"),
    "turtle2016-cd19": ("mrd-negative-remission", "antigen-immune-relapse"),
    "brentjens2013-bridge-to-transplant": ("cr", "molecular-remission", "in-remission-after-transplant"),
}
"""Scenario -> rows of its ``reported`` block that are fitted."""

LEFT_OUT: Mapping[tuple[str, str], str] = {
    ("turtle2016-cd19", "rescue-at-higher-dose"): "an anecdote of one patient; checked, not fitted",
    (
        "approved-cd19-products",
        "cd19-negative-relapse-6-months",
    ): "the same quantity as antigen-immune-relapse of turtle2016-cd19, which is fitted; checked, so that it counts once",
}
"""Rows that could be fitted and are not."""

BETWEEN_TRIALS_LOGIT = 0.5
"""SD of the logit of a share or ratio between trials, added to what a range says; assumed."""
FOLLOWED = 22.0 * MONTH
"""Days within which the remissions of the dose escalation could have been seen to end; assumed: the longest follow-up reported is 21 months, and
two years are simulated from the infusion."""
SELDOM = 1e-4
"""Patients, of one, who have an event in an interval in which nobody seems to have any, so that no point is impossible."""
NODES = 7
"""At which the likelihood of durations is asked for its mean over what is unknown."""
ROUNDED = MONTH
"""Days around a median of whole months that are reported as it."""


@dataclass(frozen=True)
class Kinetic:
    """A summary of kinetics from the literature: log-normal around it.

    Attributes
    ----------
    scenario, arm : str
        Whose patients are compared.
    column : str
        Of the outcomes; their median is compared.
    value, log_sd : float
    unit, source, note : str
    """

    scenario: str
    arm: str
    column: str
    value: float
    log_sd: float
    unit: str
    source: str
    note: str = ""


_STEIN = "Stein 2019, 90 patients, tisagenlecleucel"
KINETICS = (
    Kinetic("turtle2016-cd19", "cd19", "tmax", 9.3, 0.2, "day", _STEIN),
    Kinetic("turtle2016-cd19", "cd19", "doubling_time", 0.78, 0.2, "day", _STEIN, "while they expand"),
    Kinetic("turtle2016-cd19", "cd19", "contraction_half_life", 4.3, 0.3, "day", _STEIN),
    Kinetic("turtle2016-cd19", "cd19", "terminal_half_life", 220.0, 0.4, "day", _STEIN),
    Kinetic(
        "brentjens2013-bridge-to-transplant", "cd19", "terminal_half_life", 35.0, 0.4, "day", "assumed: 20-60 days with CD28, or where the cells are rejected",
        "of those without a transplant",
    ),
)  # fmt: skip
"""Times and ratios alone: concentrations are known to a factor of 13."""


class Target(Protocol):
    """A figure that was reported, and what the simulated patients say of it."""

    @property
    def name(self) -> str:
        """Scenario and row."""

    @property
    def arms(self) -> tuple[Arm, ...]:
        """Arms whose patients it asks."""

    def figure(self, weights: Mapping[Arm, Floats]) -> Floats:
        """Return what the patients say under each population, shape (points, numbers).

        Parameters
        ----------
        weights : mapping of arm to ndarray, shape (points, patients)
            That add up to 1 over the patients of each arm.
        """

    def numbers(self, figure: Floats) -> tuple[Floats, Floats]:
        """Return figures as numbers without bounds, shape (points, own numbers), and what variance their patients leave them; NaN where there is nothing."""

    def figure_of(self, numbers: Floats, variances: Floats) -> Floats:
        """Return the figures whose numbers and variances are these."""

    def log_likelihood(self, figure: Floats) -> Floats:
        """Return the log likelihood of what was reported under each figure, shape (points,)."""

    def replicate(self, figure: Floats, generator: np.random.Generator) -> Target:
        """Return this target with what another trial would have reported, had it been of that figure, shape (numbers,)."""


def _pool(
    banks: Mapping[Arm, ArmBank], arms: Sequence[Arm], among: Any, enrolled: Mapping[Arm, int | None]
) -> list[tuple[Arm, NDArray[np.int64], float]]:
    """Return for each arm the patients that count, and the share that it has in a figure that pools arms."""
    return [
        (arm, np.flatnonzero(population(banks[arm].outcomes, among)), float(enrolled.get(arm) or 1.0))
        for arm in arms
    ]


@dataclass(frozen=True, eq=False)
class Share:
    """Patients with an event among those who count: so many of so many, or a range of the share.

    The figure is the share and the effective number of patients behind it.
    """

    name: str
    arms: tuple[Arm, ...]
    patients: tuple[NDArray[np.int64], ...]
    events: tuple[Floats, ...]
    pooled: tuple[float, ...]
    report: tuple[int, int] | tuple[float, float]
    """Events and patients, or the ends of a range."""

    def figure(self, weights: Mapping[Arm, Floats]) -> Floats:
        """Return share and effective number of patients."""
        n = len(weights[self.arms[0]])
        with_, all_, square = np.zeros(n), np.zeros(n), np.zeros(n)
        for arm, patients, events, share in zip(
            self.arms, self.patients, self.events, self.pooled, strict=True
        ):
            own = share * weights[arm][:, patients]
            with_, all_, square = with_ + own @ events, all_ + own.sum(axis=1), square + (own**2).sum(axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.stack([with_ / all_, all_**2 / square], axis=1)

    def numbers(self, figure: Floats) -> tuple[Floats, Floats]:
        """Return the logit of the share."""
        p, error = self._known(figure)
        return logit(p)[:, None], error[:, None] ** 2

    @staticmethod
    def _known(figure: Floats) -> tuple[Floats, Floats]:
        """Return the share, half an event more and half one less since a bank cannot say that a chance is 0, and the error of its logit."""
        share, patients = figure[:, 0], figure[:, 1]
        p = (share * patients + 0.5) / (patients + 1.0)
        return p, 1.0 / np.sqrt((patients + 1.0) * p * (1.0 - p))

    def figure_of(self, numbers: Floats, variances: Floats) -> Floats:
        """Return share and number of patients."""
        p = expit(numbers[:, 0])
        patients = np.maximum(1.0 / (variances[:, 0] * p * (1.0 - p)) - 1.0, 1e-3)
        share = np.clip((p * (patients + 1.0) - 0.5) / patients, 0.0, 1.0)
        return np.stack([share, patients], axis=1)

    def log_likelihood(self, figure: Floats) -> Floats:
        """Return the binomial law's, or that of a range."""
        share, patients = figure[:, 0], figure[:, 1]
        first, second = self.report
        if isinstance(first, int) and isinstance(second, int):
            return unsure_binomial(first, second, share, patients)
        p, error = self._known(figure)
        return band(p, first, second, np.hypot(BETWEEN_TRIALS_LOGIT, error))

    def replicate(self, figure: Floats, generator: np.random.Generator) -> Share:
        """Return the counts, or the range, of another trial."""
        first, second = self.report
        if isinstance(first, int) and isinstance(second, int):
            drawn: tuple[int, int] | tuple[float, float] = (
                int(generator.binomial(second, min(1.0, figure[0]))),  # weights may add up to a rounding more
                second,
            )
        else:
            drawn = _moved_range(first, second, float(figure[0]), generator)
        return replace(self, report=drawn)


def _moved_range(low: float, high: float, x: float, generator: np.random.Generator) -> tuple[float, float]:
    """Return a range of the same width in logits around what another trial saw."""
    ends = logit(np.array([low, high]))
    half = 0.5 * float(ends[1] - ends[0])
    middle = float(logit(x)) + generator.normal(0.0, np.hypot(half / TWO_SIDED, BETWEEN_TRIALS_LOGIT))
    found = expit(np.array([middle - half, middle + half]))
    return float(found[0]), float(found[1])


@dataclass(frozen=True, eq=False)
class Middle:
    """Median of a number over the patients who have it: a range of a ratio, or a summary of kinetics.

    The figure is the median, and the values that lie half an SD of the median's rank below and above it.
    """

    name: str
    arms: tuple[Arm, ...]
    patients: tuple[NDArray[np.int64], ...]
    values: Floats
    """Of the patients of all arms, ascending."""
    order: NDArray[np.int64]
    pooled: tuple[float, ...]
    report: tuple[float, float]
    """Ends of a range, or value and SD of its logarithm."""
    ranged: bool

    def figure(self, weights: Mapping[Arm, Floats]) -> Floats:
        """Return the weighted median and its neighbours; NaN where nobody has the number."""
        if not len(self.values):
            return np.full((len(weights[self.arms[0]]), 3), np.nan)
        parts = [
            share * weights[arm][:, own]
            for arm, own, share in zip(self.arms, self.patients, self.pooled, strict=True)
        ]
        sorted_ = np.concatenate(parts, axis=1)[:, self.order]
        so_far = np.cumsum(sorted_, axis=1)
        found = np.full((len(so_far), 3), np.nan)
        with np.errstate(invalid="ignore", divide="ignore"):
            half = 0.25 * np.sqrt((sorted_**2).sum(axis=1)) / so_far[:, -1]
        for k in np.flatnonzero(np.isfinite(half)):
            own = so_far[k]
            ranks = own[-1] * (0.5 + half[k] * np.array([0.0, -1.0, 1.0]))
            found[k] = self.values[np.minimum(np.searchsorted(own, ranks), len(self.values) - 1)]
        return found

    def numbers(self, figure: Floats) -> tuple[Floats, Floats]:
        """Return the logit of a median that is ranged, the logarithm of another; the neighbours lie an SD apart."""
        number, error = self._known(figure)
        return number[:, None], error[:, None] ** 2

    def _known(self, figure: Floats) -> tuple[Floats, Floats]:
        """Return the number, and its error from the neighbours, which lie an SD apart."""
        if self.ranged:
            x = logit(np.clip(figure, 1e-6, 1.0 - 1e-6))
            return x[:, 0], x[:, 2] - x[:, 1]
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.log(figure[:, 0]), np.log(figure[:, 2] / figure[:, 1])

    def figure_of(self, numbers: Floats, variances: Floats) -> Floats:
        """Return median and neighbours."""
        half = 0.5 * np.sqrt(variances)
        x = np.concatenate([numbers, numbers - half, numbers + half], axis=1)
        return np.asarray(expit(x) if self.ranged else np.exp(x))

    def log_likelihood(self, figure: Floats) -> Floats:
        """Return the law's of a range, or of a summary, wider by the median's own error."""
        first, second = self.report
        number, error = self._known(figure)
        if self.ranged:
            return band(expit(number), first, second, np.hypot(BETWEEN_TRIALS_LOGIT, error))
        return summary(figure[:, 0], first, np.hypot(second, error))

    def replicate(self, figure: Floats, generator: np.random.Generator) -> Middle:
        """Return the range, or the summary, of another trial."""
        first, second = self.report
        if self.ranged:
            return replace(
                self,
                report=_moved_range(first, second, float(np.clip(figure[0], 1e-6, 1.0 - 1e-6)), generator),
            )
        return replace(self, report=(float(figure[0]) * float(np.exp(generator.normal(0.0, second))), second))


@dataclass(frozen=True, eq=False)
class Duration:
    """Durations with a censored median; the number of patients behind it is one of several, each as likely."""

    name: str
    arms: tuple[Arm, ...]
    patients: tuple[NDArray[np.int64], ...]
    order: NDArray[np.int64]
    days: Floats
    event: Bools
    pooled: tuple[float, ...]
    reports: tuple[MedianReport, ...]
    counts: tuple[int, ...] | None = None
    """Of a replicate: patients with the event before, in and after the median's interval and with none, and of those censored early, 1 for an event."""

    def figure(self, weights: Mapping[Arm, Floats]) -> Floats:
        """Return the probability of an event up to each of the report's cuts, by Kaplan and Meier, and the effective number of patients."""
        parts = [
            share * weights[arm][:, own]
            for arm, own, share in zip(self.arms, self.patients, self.pooled, strict=True)
        ]
        w = np.concatenate(parts, axis=1)[:, self.order]
        at_risk = np.cumsum(w[:, ::-1], axis=1)[:, ::-1]
        with np.errstate(divide="ignore", invalid="ignore"):
            free = np.cumsum(np.log1p(-np.where(self.event & (at_risk > 0.0), w / at_risk, 0.0)), axis=1)
        place = np.searchsorted(self.days, np.array(self.reports[0].cuts), side="right")
        before = np.concatenate([np.zeros((len(w), 1)), free], axis=1)[:, place]
        with np.errstate(divide="ignore", invalid="ignore"):
            patients = w.sum(axis=1) ** 2 / (w**2).sum(axis=1)
        return np.concatenate([-np.expm1(before), patients[:, None]], axis=1)

    @property
    def _more(self) -> Floats:
        """A quarter of a patient more in each of the four intervals: a bank cannot say that none falls into one."""
        return np.array([0.25, 0.5, 0.75] + [0.5] * len(self.reports[0].censored_at))

    def _so_far(self, figure: Floats) -> Floats:
        patients = figure[:, -1:]
        return np.asarray((figure[:, :-1] * patients + self._more) / (patients + 1.0))

    def numbers(self, figure: Floats) -> tuple[Floats, Floats]:
        """Return the logits of the probabilities of an event up to each of the cuts."""
        p = self._so_far(figure)
        return logit(p), 1.0 / ((figure[:, -1:] + 1.0) * p * (1.0 - p))

    def figure_of(self, numbers: Floats, variances: Floats) -> Floats:
        """Return the probabilities, none less than that of a day before, and the least number of patients that one of them rests on."""
        p = self._rising(numbers)
        patients = np.maximum((1.0 / (variances * p * (1.0 - p))).min(axis=1, keepdims=True) - 1.0, 1e-3)
        return np.concatenate([(p * (patients + 1.0) - self._more) / patients, patients], axis=1)

    def log_likelihood(self, figure: Floats) -> Floats:
        """Return the mean, over what the patients leave unknown, of that of the censored median, or of a replicate's counts."""
        numbers, variances = self.numbers(figure)
        nodes, weights = np.polynomial.hermite_e.hermegauss(NODES)
        each = [
            np.log(weight / weights.sum())
            + self._of_certain(self._rising(numbers + node * np.sqrt(variances)))
            for node, weight in zip(nodes, weights, strict=True)
        ]
        return np.asarray(np.logaddexp.reduce(each, axis=0))

    def _rising(self, numbers: Floats) -> Floats:
        """Return probabilities by their logits, none less than that of a day before."""
        days = np.argsort(self.reports[0].cuts, kind="stable")
        p = np.empty(numbers.shape)
        p[:, days] = np.maximum.accumulate(expit(numbers[:, days]), axis=1)
        return p

    def _of_certain(self, so_far: Floats) -> Floats:
        early = len(self.reports[0].censored_at)
        so_far = (1.0 - SELDOM) * so_far + SELDOM * self._more
        if self.counts is None:
            # Any of the patients may be those who were censored.
            ways = [gammaln(one.of + 1.0) - gammaln(one.of - early + 1.0) for one in self.reports]
            found = [
                censored_median(report, so_far) + way for report, way in zip(self.reports, ways, strict=True)
            ]
            return np.asarray(np.logaddexp.reduce(found, axis=0) - np.log(len(self.reports)))
        begin, end, until = so_far[:, 0], so_far[:, 1], so_far[:, 2]
        cells = np.stack([begin, end - begin, until - end, 1.0 - until], axis=1)
        whole = xlogy(self.counts[:4], np.maximum(cells, 0.0)).sum(axis=1)
        had = np.array(self.counts[4 : 4 + early])
        return np.asarray(whole + (xlogy(had, so_far[:, 3:]) + xlog1py(1 - had, -so_far[:, 3:])).sum(axis=1))

    def replicate(self, figure: Floats, generator: np.random.Generator) -> Duration:
        """Return the counts of another trial, followed as this one."""
        report = self.reports[0]
        begin, end, until = figure[:3]
        cells = np.maximum([begin, end - begin, until - end, 1.0 - until], 0.0)
        whole = generator.multinomial(report.of - len(report.censored_at), cells / cells.sum())
        early = (generator.random(len(report.censored_at)) < figure[3:-1]).astype(int)
        return replace(self, counts=(*whole.tolist(), *early.tolist()))


def targets_of(scenarios: Mapping[str, Scenario], banks: Mapping[Arm, ArmBank]) -> list[Target]:
    """Return all targets, with the patients of the bank that each asks.

    Parameters
    ----------
    scenarios : mapping of str to Scenario
        Those of `FITTED`.
    banks : mapping of (scenario, arm) to ArmBank
    """
    found: list[Target] = []
    for name, ids in FITTED.items():
        scenario = scenarios[name]
        rows = {row.id: row for row in scenario.reported}
        found += [_target(scenario, rows[wanted], banks) for wanted in ids]
    return found + [_kinetic(one, banks) for one in KINETICS]


def _target(scenario: Scenario, row: Reported, banks: Mapping[Arm, ArmBank]) -> Target:
    """Return the target of one row."""
    names = (row.arm,) if row.arm is not None else (row.arms or tuple(scenario.arms))
    arms = tuple((scenario.name, arm) for arm in names)
    enrolled = {arm: scenario.arms[arm[1]].enrolled for arm in arms}
    pool = _pool(banks, arms, row.among, enrolled)
    name = f"{scenario.name}, {row.id}"
    if row.kind == "survival" and row.median is not None and row.of is not None:
        return _duration(name, scenario, row, pool, banks)
    numbers = [measure(banks[arm].outcomes, row.endpoint, row.at)[own] for arm, own, _ in pool]
    known = [own[np.isfinite(values)] for (_, own, _), values in zip(pool, numbers, strict=True)]
    values = [one[np.isfinite(one)] for one in numbers]
    pooled = tuple(share for _, _, share in pool)
    if row.events is not None and row.of is not None:
        return Share(name, arms, tuple(known), tuple(values), pooled, (row.events, row.of))
    if row.low is None or row.high is None:
        raise ValueError(
            f"{name}: {row.kind}; a row that is fitted has counts, a median or a range; take it out of FITTED"
        )
    if is_share(row.endpoint):
        return Share(name, arms, tuple(known), tuple(values), pooled, (float(row.low), float(row.high)))
    joined = np.concatenate(values)
    order = np.argsort(joined, kind="stable")
    return Middle(
        name, arms, tuple(known), joined[order], order, pooled, (float(row.low), float(row.high)), ranged=True
    )


def _kinetic(one: Kinetic, banks: Mapping[Arm, ArmBank]) -> Middle:
    """Return the target of a summary of kinetics; of those without a transplant, which ends it."""
    arm = (one.scenario, one.arm)
    outcomes = banks[arm].outcomes
    values = np.asarray(outcomes[one.column], dtype=np.float64)
    known = np.flatnonzero(
        population(outcomes, "infused") & np.isfinite(values) & ~np.isfinite(outcomes["transplant_day"])
    )
    order = np.argsort(values[known], kind="stable")
    name = f"{one.scenario}, {one.column.replace('_', ' ')}"
    return Middle(
        name, (arm,), (known,), values[known][order], order, (1.0,), (one.value, one.log_sd), ranged=False
    )


def _duration(
    name: str,
    scenario: Scenario,
    row: Reported,
    pool: Sequence[tuple[Arm, NDArray[np.int64], float]],
    banks: Mapping[Arm, ArmBank],
) -> Duration:
    """Return the target of a median of durations, transplants counted by the trial's own rule."""
    patients, days, event = [], [], []
    for arm, own, _ in pool:
        times = endpoint_times(banks[arm].outcomes, "remission", transplant=scenario.criteria.transplant)
        counted = np.isin(times.row, own)
        patients.append(times.row[counted])
        days.append(times.days[counted])
        event.append(times.cause[counted] == 1)
    joined, had = np.concatenate(days), np.concatenate(event)
    order = np.lexsort((~had, joined))
    reports = tuple(
        MedianReport(n, float(row.median or 0.0), ROUNDED, tuple(row.censored_at), FOLLOWED)
        for n in (int(row.of or 0), int(row.of or 0) + 1)
    )
    arms = tuple(arm for arm, _, _ in pool)
    pooled = tuple(share for _, _, share in pool)
    return Duration(name, arms, tuple(patients), order, joined[order], had[order], pooled, reports)
