"""Two arms beside each other: differences with intervals, of one run or of two.

    rows of two arms -> who belongs with whom (`pairing`) -> estimates with patients' terms (`influence`) -> differences (`difference`)

Differences of response, of survival at a time and of the mean time up to a limit, and of the share that has relapsed by phenotype, with death and
no remission competing. A hazard ratio is told where the test of proportional hazards does not refuse it, and nowhere else: CAR T cells act for weeks, so that hazards of
two arms seldom keep their proportion.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from sim.errors import InputError
from sim.trial.cohort import patient_numbers
from sim.trial.difference import mean_difference, share_difference, two_sided_p
from sim.trial.endpoints import CompetingTimes, Rule, endpoint_times, relapse_causes
from sim.trial.hazard_ratio import compare_hazards
from sim.trial.influence import Terms, incidence_terms, restricted_mean_terms, share_terms
from sim.trial.outcomes import Outcomes
from sim.trial.pairing import Pairing, Side, pair
from sim.trial.problems import suggest
from sim.trial.response import PHENOTYPES
from sim.trial.summary import MILESTONES, RELAPSES

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from sim.trial.result import Result

__all__ = [
    "DEFAULT_ENDPOINTS",
    "Contrast",
    "CurveDifference",
    "Endpoint",
    "Line",
    "Ratio",
    "contrast",
    "differing",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

Endpoint = Literal["cr", "mrd_negative", "efs", "os", "rfs", "remission", "relapse", "relapse_of_responders"]

DEFAULT_ENDPOINTS: tuple[Endpoint, ...] = ("cr", "mrd_negative", "efs", "os", "relapse")
#: From this p-value of the test on, hazards pass for proportional.
PROPORTIONAL = 0.05
_DAYS = 121

_SHARES = {"cr": "complete remission", "mrd_negative": "MRD-negative remission"}
_SURVIVAL = {
    "efs": ("event-free survival", "time free of events"),
    "os": ("overall survival", "time alive"),
    "rfs": ("relapse-free survival of responders", "time alive without relapse of responders"),
    "remission": ("still in remission, of responders", "time in remission of responders"),
}
_AMONG_RESPONDERS = ("rfs", "remission", "relapse_of_responders")


class Line(NamedTuple):
    """One quantity in both arms.

    Attributes
    ----------
    name, label : str
        In code and in words.
    unit : {"share", "days"}
    first, second : float
        In each arm; NaN where nobody was followed so long.
    difference, lower, upper : float
        First less second, with its interval: what more virtual patients would change, and where they come from a posterior what is not
        known of parameters and trials.
    simulation_sd : float
        SD of the difference by the number of virtual patients alone.
    n_first, n_second : int
        Patients behind each.
    of_responders : bool
        Whether only those who responded count, who are not the same people in both arms.
    """

    name: str
    label: str
    unit: str
    first: float
    second: float
    difference: float
    lower: float
    upper: float
    simulation_sd: float
    n_first: int
    n_second: int
    of_responders: bool


class Ratio(NamedTuple):
    """A hazard ratio beside the test on which it rests.

    Attributes
    ----------
    endpoint : str
    value, lower, upper : float
        First over second with its interval; NaN where it is not told.
    proportional_p : float
        Of the test of proportional hazards (`sim.trial.hazard_ratio`).
    events_first, events_second : int
    note : str
        Why there is none, or what the test cannot see.
    """

    endpoint: str
    value: float
    lower: float
    upper: float
    proportional_p: float
    events_first: int
    events_second: int
    note: str


class CurveDifference(NamedTuple):
    """The curves of both arms and their difference, with the pointwise interval; arrays of shape (days,)."""

    name: str
    label: str
    day: Floats
    first: Floats
    second: Floats
    difference: Floats
    lower: Floats
    upper: Floats


@dataclass(frozen=True, eq=False)
class Contrast:
    """Two arms beside each other.

    Attributes
    ----------
    arms : tuple of str
        What the two are called, the first less the second.
    lines : list of Line
    ratios : list of Ratio
    curves : list of CurveDifference
    pairing : Pairing
        Who belongs with whom, and how many rows failed.
    apart : dict of str to (value, value)
        Paths at which the two arms, or their scenarios, differ.
    at, until, level : float
        Day of the milestones, limit of the mean times, confidence level.
    transplant : {"ignored", "censored", "event", "competing"}
        What a transplant does to a time.
    since : str
        What days are counted from.
    """

    arms: tuple[str, str]
    lines: list[Line]
    ratios: list[Ratio]
    curves: list[CurveDifference]
    pairing: Pairing
    apart: Mapping[str, tuple[Any, Any]]
    at: float
    until: float
    level: float
    transplant: Rule
    since: str = "first infusion"

    def __getitem__(self, name: str) -> Line:
        """Return the line of that name."""
        for line in self.lines:
            if line.name == name:
                return line
        raise KeyError(name)

    def table(self) -> pd.DataFrame:
        """Return the lines as a pandas table; columns as in `Line`."""
        import pandas as pd

        return pd.DataFrame(self.lines, columns=list(Line._fields))

    def plot(self) -> list[Axes]:
        """Draw the curves of both arms, and below them their difference with its band.

        Raises
        ------
        InputError
            Where no endpoint with a curve was asked for, or nobody has it.
        """
        from sim import contrast_plots

        if not self.curves:
            raise InputError(
                "compare: no curve to draw; a figure needs an endpoint over time; ask for efs, os, rfs, remission or relapse"
            )
        return contrast_plots.curve_differences(self.curves, self.arms, level=self.level, since=self.since)

    def _repr_html_(self) -> str:
        """Return the view of a notebook."""
        from sim.trial.contrast_view import html

        return html(self)


def contrast(
    first: tuple[Result, str],
    second: tuple[Result, str],
    on: Endpoint | Sequence[Endpoint] | None = None,
    *,
    at: float = 365.0,
    until: float | None = None,
    transplant: Rule | None = None,
    level: float = 0.95,
) -> Contrast:
    """Compare an arm of one result with an arm of the same or of another.

    Parameters
    ----------
    first, second : tuple of (Result, str)
        Result and name of the arm.
    on, at, until, transplant, level
        As in `Result.compare`.

    Returns
    -------
    Contrast

    Raises
    ------
    InputError
        As `Result.compare`; also where the two results treat a transplant differently and nothing was asked for.
    """
    asked = _asked(on)
    names = _names(first, second)
    rule = _rule((first[0], second[0]), transplant)
    limit = at if until is None else until
    followed = min(result.scenario.engine.horizon for result, _ in (first, second))
    for what, day in (("at", at), ("until", limit)):
        if not 0.0 < day <= followed:
            raise InputError(
                f"{what}: {day:g}; must be above 0 and at most {followed:g}, the follow-up; give another day"
            )
    if not 0.0 < level < 1.0:
        raise InputError(f"level: {level:g}; must be between 0 and 1; give 0.95")
    pairing = pair(_side(*first), _side(*second))
    for name, rows in zip(names, (pairing.first, pairing.second), strict=True):
        if len(np.unique(rows["patient"])) < 2:
            raise InputError(
                f"{name}: fewer than 2 patients left to compare; simulate more; look at failures.csv"
            )
    work = _Work(pairing, at, limit, rule, level)
    lines, ratios, curves = [], [], []
    for endpoint in asked:
        lines += list(work.lines(endpoint))
        if endpoint in _SURVIVAL:
            ratios += work.ratio(endpoint)
        if endpoint not in _SHARES:
            curves += work.curve(endpoint)
    since = first[0].scenario.day_zero
    return Contrast(
        names, lines, ratios, curves, pairing, differing(first, second), at, limit, level, rule, since
    )


def differing(first: tuple[Result, str], second: tuple[Result, str]) -> dict[str, tuple[Any, Any]]:
    """Return at which paths two arms and their scenarios differ, with both values; None where one has no such path.

    ``arm`` stands for the arm's own block; other arms, sizes and words do not count.
    """
    flat = []
    for result, name in (first, second):
        document = result.scenario.numbers()
        document["arm"] = document.pop("arms")[name]
        document["arm"].pop("enrolled", None)
        document["patients"].pop("size", None)
        document |= {"seed": result.seed, "cartsim": result.provenance.get("versions", {}).get("cartsim")}
        flat.append(dict(_leaves(document)))
    paths = sorted(set(flat[0]) | set(flat[1]))
    pairs = {path: (flat[0].get(path), flat[1].get(path)) for path in paths}
    return {path: both for path, both in pairs.items() if both[0] != both[1]}


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    # A list of numbers, such as a mix of doses, is one value.
    if value and (isinstance(value, dict) or (isinstance(value, list) and isinstance(value[0], dict))):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, item in items:
            yield from _leaves(item, f"{path}.{key}" if path else str(key))
    else:
        yield path, value


def _asked(on: Endpoint | Sequence[Endpoint] | None) -> tuple[Endpoint, ...]:
    known = get_args(Endpoint)
    asked = DEFAULT_ENDPOINTS if on is None else ((on,) if isinstance(on, str) else tuple(dict.fromkeys(on)))
    wrong = [one for one in asked if one not in known]
    if wrong or not asked:
        given = wrong[0] if wrong else ""
        raise InputError(f"on: '{given}'; must be one of {', '.join(known)}; {suggest(str(given), known)}")
    return asked


def _names(first: tuple[Result, str], second: tuple[Result, str]) -> tuple[str, str]:
    """Check both arms, and return what they are called."""
    found = []
    for result, arm in (first, second):
        if result.scenario.arm(arm).kinetics_only:
            raise InputError(
                f"{arm}: shown for its kinetics alone; an arm with outcomes is needed; choose another"
            )
        found.append(result.labels[arm])
    if first[0] is second[0] and first[1] == second[1]:
        raise InputError(f"{first[1]}: named twice; two different arms are compared; name another")
    if found[0] == found[1]:
        places = [
            str(result.path or f"{result.scenario.name}, {n}")
            for n, (result, _) in enumerate((first, second), 1)
        ]
        found = [f"{name} ({place})" for name, place in zip(found, places, strict=True)]
    return found[0], found[1]


def _rule(results: tuple[Result, Result], transplant: Rule | None) -> Rule:
    rules = [result.scenario.criteria.transplant for result in results]
    if transplant is not None:
        if transplant not in get_args(Rule):
            raise InputError(
                f"transplant: '{transplant}'; must be one of {', '.join(get_args(Rule))}; choose one"
            )
        return transplant
    if rules[0] != rules[1]:
        raise InputError(
            f"transplant: {rules[0]} in one scenario, {rules[1]} in the other; both must be read alike; choose with transplant (--transplant)"
        )
    return rules[0]


def _side(result: Result, arm: str) -> Side:
    offset = int(patient_numbers(result.scenario, arm, np.zeros(1, dtype=np.int64))[0])
    dealt = result.provenance.get("posterior")
    digest = "" if dealt is None else str(dealt["digest"])
    return Side(result.outcomes.arm(arm), offset, result.seed, result.grouping, digest)


class _Found(NamedTuple):
    """An estimate of one arm, with a term for every row of the arm."""

    terms: Terms
    size: int


class _Work(NamedTuple):
    """What every quantity of a comparison is estimated from."""

    pairing: Pairing
    at: float
    until: float
    rule: Rule
    level: float

    @property
    def _sides(self) -> tuple[Outcomes, Outcomes]:
        return self.pairing.first, self.pairing.second

    def lines(self, endpoint: Endpoint) -> Iterator[Line]:
        """Yield the lines of an endpoint."""
        if endpoint in _SHARES:
            yield self._line(
                endpoint, endpoint, _SHARES[endpoint], [_share(side, endpoint) for side in self._sides]
            )
            return
        times = [self._times(side, endpoint) for side in self._sides]
        sizes = [side.rows for side in self._sides]
        if endpoint in _SURVIVAL:
            share, time = _SURVIVAL[endpoint]
            found = [_free(one, [1], self.at, size) for one, size in zip(times, sizes, strict=True)]
            yield self._line(endpoint, f"{endpoint}_at", f"{share} at {_when(self.at)}", found)
            found = [_mean(one, [1], self.until, size) for one, size in zip(times, sizes, strict=True)]
            yield self._line(
                endpoint, f"{endpoint}_mean", f"{time}, mean up to {_when(self.until)}", found, "days"
            )
            return
        for name, label, wanted in _kinds(times[0].causes):
            found = [_had(one, wanted, self.at, size) for one, size in zip(times, sizes, strict=True)]
            among = "responders" if endpoint == "relapse_of_responders" else "everybody"
            yield self._line(
                endpoint, f"{endpoint}_{name}", f"{label} by {_when(self.at)}, of {among}", found
            )

    def ratio(self, endpoint: Endpoint) -> list[Ratio]:
        """Return the hazard ratio of an endpoint; none where an arm has nobody."""
        times = [self._times(side, endpoint) for side in self._sides]
        if not all(len(one.days) for one in times):
            return []
        days, cause = (np.concatenate([getattr(one, what) for one in times]) for what in ("days", "cause"))
        split = len(times[0].days)
        found = compare_hazards(days, cause == 1, np.arange(len(days)) < split)
        few = min(found.events)
        if np.isnan(found.log_ratio.value):
            nan = float("nan")
            return [
                Ratio(
                    endpoint,
                    nan,
                    nan,
                    nan,
                    nan,
                    *found.events,
                    "no ratio: an arm has no event, or all of them first",
                )
            ]

        def spread(terms: Terms) -> Any:
            parts = terms.error[:split], -terms.error[split:]
            return self.pairing.spread(
                *(
                    _rows(part, one.row, side.rows)
                    for part, one, side in zip(parts, times, self._sides, strict=True)
                )
            )

        departure = spread(found.departure)
        p = two_sided_p(found.departure.value, departure.simulation, departure.freedom)
        if p < PROPORTIONAL:
            nan = float("nan")
            return [
                Ratio(
                    endpoint,
                    nan,
                    nan,
                    nan,
                    p,
                    *found.events,
                    "not told: hazards are not proportional; read the mean times instead",
                )
            ]
        log = mean_difference(found.log_ratio.value, 0.0, spread(found.log_ratio), self.level)
        note = "few events: the test of proportional hazards sees little" if few < 20 else ""
        ratio, low, high = (float(end) for end in np.exp(log))
        return [Ratio(endpoint, ratio, low, high, p, *found.events, note)]

    def curve(self, endpoint: Endpoint) -> list[CurveDifference]:
        """Return the curves of an endpoint and their difference, up to the limit; none where an arm has nobody."""
        times = [self._times(side, endpoint) for side in self._sides]
        if not all(len(one.days) for one in times):
            return []
        estimate = _free if endpoint in _SURVIVAL else _had
        wanted = [1] if endpoint in _SURVIVAL else list(range(1, len(PHENOTYPES) + 2))
        label = (
            _SURVIVAL[endpoint][0]
            if endpoint in _SURVIVAL
            else "relapse" + (" of responders" if endpoint in _AMONG_RESPONDERS else "")
        )
        day = np.linspace(0.0, self.until, _DAYS)
        lines = [
            self._line(
                endpoint,
                "",
                "",
                [
                    estimate(one, wanted, float(at), side.rows)
                    for one, side in zip(times, self._sides, strict=True)
                ],
            )
            for at in day
        ]
        columns = {
            name: np.array([getattr(line, name) for line in lines]) for name in CurveDifference._fields[3:]
        }
        return [CurveDifference(endpoint, label, day, **columns)]

    def _line(
        self, endpoint: Endpoint, name: str, label: str, found: Sequence[_Found], unit: str = "share"
    ) -> Line:
        one, two = found
        spread = self.pairing.spread(one.terms.error, two.terms.error)
        if unit == "share":
            # Where nothing varies the groups that belong together say how much it might have.
            sizes = [min(each.size, self.pairing.clusters(side)) for side, each in enumerate(found)]
            ends = share_difference(
                one.terms.value, two.terms.value, (sizes[0], sizes[1]), spread, self.level
            )
        else:
            ends = mean_difference(one.terms.value, two.terms.value, spread, self.level)
        noise = float(spread.simulation**0.5)
        return Line(
            name,
            label,
            unit,
            one.terms.value,
            two.terms.value,
            *ends,
            noise,
            one.size,
            two.size,
            endpoint in _AMONG_RESPONDERS,
        )

    def _times(self, side: Outcomes, endpoint: Endpoint) -> CompetingTimes:
        """Return the times to an endpoint and its causes; of relapse since the start of the trial."""
        if endpoint in ("relapse", "relapse_of_responders"):
            return _relapses(side, self.rule, everybody=endpoint == "relapse")
        times = endpoint_times(side, endpoint, transplant=self.rule)  # type: ignore[arg-type]
        return CompetingTimes(times.days, times.cause, ("event", "transplant"), times.row)


def _counted(outcomes: Outcomes) -> NDArray[np.bool_]:
    """Return the rows of which a response is a share: the infused, or all where nobody was."""
    infused = np.asarray(outcomes["infused"] == 1)
    return infused if infused.any() else np.ones(outcomes.rows, dtype=np.bool_)


def _share(outcomes: Outcomes, name: str) -> _Found:
    row = np.flatnonzero(_counted(outcomes) & np.isfinite(outcomes[name]))
    found = share_terms(outcomes[name][row])
    return _Found(Terms(found.value, _rows(found.error, row, outcomes.rows)), len(row))


def _relapses(outcomes: Outcomes, rule: Rule, *, everybody: bool) -> CompetingTimes:
    """Return the times to relapse since the start of the trial; where everybody counts, no remission is a cause of its own on day 0."""
    times = relapse_causes(outcomes, by="phenotype", transplant=rule)
    days = times.days + outcomes["cr_day"][times.row]
    if not everybody:
        return times._replace(days=days)
    without = np.flatnonzero(_counted(outcomes) & (outcomes["cr"] == 0))
    causes = (*times.causes, "no remission")
    return CompetingTimes(
        np.concatenate([days, np.zeros(len(without))]),
        np.concatenate([times.cause, np.full(len(without), len(causes))]),
        causes,
        np.concatenate([times.row, without]),
    )


def _kinds(causes: Sequence[str]) -> Iterator[tuple[str, str, list[int]]]:
    """Yield name, label and numbers of the causes of each kind of relapse."""
    number = {name: place for place, name in enumerate(causes, 1)}
    yield "any", "relapse", [number[name] for name in (*PHENOTYPES, "unclassified")]
    yield (
        "antigen_loss",
        "relapse with antigen loss",
        [number[name] for name in PHENOTYPES if name != "positive"],
    )
    for name in PHENOTYPES:
        yield name.replace("-", "_"), RELAPSES[name], [number[name]]


def _free(times: CompetingTimes, wanted: Sequence[int], at: float, rows: int) -> _Found:
    found = _had(times, wanted, at, rows)
    return _Found(Terms(1.0 - found.terms.value, -found.terms.error), found.size)


def _had(times: CompetingTimes, wanted: Sequence[int], at: float, rows: int) -> _Found:
    if not len(times.days):
        return _Found(Terms(float("nan"), np.full(rows, np.nan)), 0)
    found = incidence_terms(times.days, times.cause, wanted, at)
    return _Found(Terms(found.value, _rows(found.error, times.row, rows)), len(times.days))


def _mean(times: CompetingTimes, wanted: Sequence[int], until: float, rows: int) -> _Found:
    if not len(times.days):
        return _Found(Terms(float("nan"), np.full(rows, np.nan)), 0)
    found = restricted_mean_terms(times.days, times.cause, wanted, until)
    return _Found(Terms(found.value, _rows(found.error, times.row, rows)), len(times.days))


def _rows(error: Floats, row: Ints, rows: int) -> Floats:
    """Return a term for every row of an arm: 0 for those who are not in the estimate."""
    return np.bincount(row, weights=error, minlength=rows).astype(np.float64)


def _when(day: float) -> str:
    months = next((months for months, meant in MILESTONES.items() if meant == day), None)
    return f"{months} months" if months is not None else f"day {day:g}"
