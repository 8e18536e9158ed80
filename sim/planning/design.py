"""A design as its planner writes it down: arms, endpoint, test, looks, accrual, losses, and how a transplant and the analysis set are read."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal, get_args

from sim.errors import InputError
from sim.planning.binomial import TwoStage, two_stage
from sim.planning.boundaries import Spending
from sim.trial.outcomes import AnalysisSet
from sim.trial.problems import suggest

__all__ = ["ESTIMANDS", "RATES", "Accrual", "Endpoint", "Reading", "TrialDesign"]

Endpoint = Literal["cr", "mrd_negative", "efs", "rfs", "remission", "os"]
Test = Literal["log-rank", "milestone", "rmst", "proportions", "binomial"]
Reading = Literal["ignored", "event", "censored", "competing", "absent"]
Accrual = Literal["poisson", "uniform"]

RATES = ("cr", "mrd_negative")
"""Endpoints that a patient has or has not; the others are times."""

ESTIMANDS = {
    "ignored": "treatment policy",
    "event": "composite",
    "censored": "hypothetical, by censoring",
    "competing": "while not transplanted",
    "absent": "hypothetical, simulated without transplant",
}
"""Readings of a transplant, and the strategy for this intercurrent event in the words of ICH E9(R1)."""

_DEFAULT_AT = 365.0


@dataclass(frozen=True, kw_only=True)
class TrialDesign:
    """A trial whose operating characteristics are asked for.

    Attributes
    ----------
    arms : tuple of str
        Two to compare, the first against the second; or one, against `null_rate`.
    sizes : tuple of int
        Patients enrolled in each arm, several to compare; none where `two_stage` gives the number.
    endpoint : {"cr", "mrd_negative", "efs", "rfs", "remission", "os"}
    test : {"log-rank", "milestone", "rmst", "proportions", "binomial"}
        Of times in two arms the log-rank test, the difference at the day `at`, or that of restricted means until `at`; of rates the score test of
        two proportions. In one arm the exact test of a rate, and for times the milestone at `at` on the scale log(-log S). The first that fits
        unless given.
    at : float, optional
        Day of the milestone or the end of the restricted mean, from the start of the endpoint; 365 unless given.
    alpha : float
        Type-I error of all looks and sides together.
    sides : {1, 2}
        Two for two arms and one for one, unless given.
    null_rate : float, optional
        Of one arm: the rate, or the share free of the event at `at`, that is to be rejected.
    two_stage : {"optimal", "minimax"}, optional
        Simon's design against `null_rate`, with `power` at `target_rate`.
    target_rate : float, optional
    power : float
    looks : tuple of float
        Interim looks at shares of the information that is planned for the end: events of a log-rank test, patients whose response is known of
        proportions.
    spending : {"obrien-fleming", "pocock"}
        How the looks spend the type-I error.
    futility : float, optional
        Stop at an interim look with a statistic below it; the boundaries are not lowered for it.
    events : int, optional
        Events in both arms after which the last analysis of a log-rank test takes place; `follow_up` ends a trial that has fewer.
    accrual : float
        Patients a month, all arms together.
    accrual_law : {"poisson", "uniform"}
        Whether gaps between patients are exponential, or their days uniform over the time that the rate gives.
    dropout : float
        Share lost to follow-up within a year of enrolment, by an exponential law.
    follow_up : float
        Days from the last enrolment to the last analysis.
    readings : tuple of {"ignored", "event", "censored", "competing", "absent"}
        What a transplant does to a time; see `ESTIMANDS`. "absent" asks for patients simulated without any.
    analyses : tuple of {"enrolled", "infused", "evaluable"}
        Who is analysed; times are counted from enrolment in the first, from the infusion in the others.

    Raises
    ------
    InputError
        A line for each part that does not fit.

    Examples
    --------
    >>> TrialDesign(arms=("dual", "single"), sizes=(20, 40)).test
    'log-rank'
    >>> TrialDesign(arms=("only",), endpoint="cr", null_rate=0.1, target_rate=0.3, two_stage="optimal").sizes
    (29,)
    """

    arms: tuple[str, ...]
    sizes: tuple[int, ...] = ()
    endpoint: Endpoint = "efs"
    test: Test | Literal[""] = ""
    at: float | None = None
    alpha: float = 0.05
    sides: Literal[0, 1, 2] = 0
    null_rate: float | None = None
    two_stage: Literal["optimal", "minimax"] | None = None
    target_rate: float | None = None
    power: float = 0.8
    looks: tuple[float, ...] = ()
    spending: Spending = "obrien-fleming"
    futility: float | None = None
    events: int | None = None
    accrual: float = 4.0
    accrual_law: Accrual = "poisson"
    dropout: float = 0.0
    follow_up: float = 365.0
    readings: tuple[Reading, ...] = ("ignored",)
    analyses: tuple[AnalysisSet, ...] = ("enrolled",)

    def __post_init__(self) -> None:
        problems = [*self._words(), *self._numbers()]
        if problems:
            raise InputError(*problems)
        changes: dict[str, object] = {
            "test": self.test or self._tests()[0],
            "sides": self.sides or len(self.arms),
        }
        if self.at is None and changes["test"] in ("milestone", "rmst"):
            changes["at"] = _DEFAULT_AT
        for name, value in changes.items():
            object.__setattr__(self, name, value)
        problems = list(self._combinations())
        if problems:
            raise InputError(*problems)
        if self.two_stage is not None:
            object.__setattr__(self, "sizes", (self.stages.size,))

    @property
    def rate(self) -> bool:
        """Whether the endpoint is had or not had; otherwise it is a time."""
        return self.endpoint in RATES

    @property
    def stages(self) -> TwoStage:
        """Simon's design; only where `two_stage` names a criterion."""
        if self.two_stage is None or self.null_rate is None or self.target_rate is None:
            raise ValueError("two_stage: None; a criterion and two rates; ask only where it is given")
        return two_stage(self.null_rate, self.target_rate, self.alpha, self.power, self.two_stage)

    def of(self, reading: Reading, analysis: AnalysisSet) -> TrialDesign:
        """Return the same design with one reading and one analysis set."""
        sizes = () if self.two_stage else self.sizes
        return replace(self, readings=(reading,), analyses=(analysis,), sizes=sizes)

    def _tests(self) -> tuple[str, ...]:
        if len(self.arms) == 1:
            return ("binomial",) if self.rate else ("milestone",)
        return ("proportions",) if self.rate else ("log-rank", "milestone", "rmst")

    def _words(self) -> list[str]:
        """Return what is wrong with words."""
        allowed = {
            "endpoint": ((self.endpoint,), get_args(Endpoint)),
            "test": ((self.test,), ("", *get_args(Test))),
            "two_stage": ((self.two_stage or "optimal",), ("optimal", "minimax")),
            "spending": ((self.spending,), get_args(Spending)),
            "accrual_law": ((self.accrual_law,), get_args(Accrual)),
            "transplant": (self.readings, get_args(Reading)),
            "analysis": (self.analyses, get_args(AnalysisSet)),
        }
        found = []
        for place, (given, known) in allowed.items():
            for word in given:
                if word not in known:
                    listed = ", ".join(one for one in known if one)
                    found.append(
                        f"{place}: '{word}'; must be one of {listed}; {suggest(word, [one for one in known if one])}"
                    )
            if not given:
                found.append(f"{place}: none; at least one; name one of {', '.join(known)}")
        return found

    def _numbers(self) -> list[str]:
        """Return what is wrong with numbers."""
        bounds: dict[str, tuple[float | None, float, float]] = {
            "alpha": (self.alpha, 1e-6, 0.5),
            "null_rate": (self.null_rate, 1e-6, 1.0 - 1e-6),
            "target_rate": (self.target_rate, 1e-6, 1.0 - 1e-6),
            "power": (self.power, 0.05, 0.999),
            "at": (self.at, 1.0, 36525.0),
            "futility": (self.futility, -10.0, 10.0),
            "events": (self.events, 2, 1_000_000),
            "accrual": (self.accrual, 1e-3, 1e6),
            "dropout": (self.dropout, 0.0, 0.99),
            "follow_up": (self.follow_up, 0.0, 36525.0),
        }
        found = [
            f"{place}: {value:g}; must be from {low:g} to {high:g}; give a number between"
            for place, (value, low, high) in bounds.items()
            if value is not None and not (math.isfinite(value) and low <= value <= high)
        ]
        found += [
            f"n: {size}; must be from 2 to 100000; give patients per arm"
            for size in self.sizes
            if not 2 <= size <= 100_000
        ]
        if any(not 0.0 < share < 1.0 for share in self.looks) or list(self.looks) != sorted(set(self.looks)):
            given = ",".join(f"{share:g}" for share in self.looks)
            found.append(
                f"looks: {given}; must be increasing shares between 0 and 1; give for example 0.5,0.75"
            )
        return found

    def _combinations(self) -> list[str]:
        """Return what does not go together."""
        found = []
        if not 1 <= len(self.arms) <= 2 or len(set(self.arms)) != len(self.arms):
            found.append(
                f"arms: {', '.join(self.arms)}; must be one arm, or two different ones; name the arm and its control"
            )
            return found
        if self.test not in self._tests():
            told = "one arm" if len(self.arms) == 1 else "two arms"
            found.append(
                f"test: '{self.test}'; {self.endpoint} in {told} is tested by {', '.join(self._tests())}; choose one of these"
            )
        if len(self.arms) == 1 and self.null_rate is None:
            found.append(
                "null_rate: not given; one arm is tested against a rate; give it, or name a second arm"
            )
        if len(self.arms) == 1 and self.sides == 2:
            found.append("sides: 2; one arm is tested against a lower rate; give 1")
        if len(self.arms) == 2 and self.null_rate is not None:
            found.append(
                "null_rate: given with two arms; they are compared with each other; leave it out, or name one arm"
            )
        if self.looks and self.test not in ("log-rank", "proportions"):
            found.append(
                f"looks: given with {self.test}; interim looks are those of log-rank and proportions; leave them out"
            )
        if self.futility is not None and not self.looks:
            found.append(
                "futility: given without looks; a trial stops for it at interim looks; give looks too"
            )
        if self.events is not None and self.test != "log-rank":
            found.append(f"events: given with {self.test}; events time a log-rank test; leave it out")
        if self.two_stage is not None:
            found += self._two_stage_problems()
        elif not self.sizes:
            found.append("n: none; at least one number of patients per arm; give for example 20,40,60")
        return found

    def _two_stage_problems(self) -> list[str]:
        found = []
        if self.test != "binomial":
            found.append(
                f"two_stage: given with {self.test}; Simon's design is of a rate in one arm; name one arm and cr or mrd_negative"
            )
        if self.target_rate is None or (self.null_rate is not None and self.target_rate <= self.null_rate):
            found.append(
                "target_rate: must be above null_rate for a two-stage design; the power is held there; give it"
            )
        if self.sizes:
            found.append("n: given with two_stage; Simon's design gives the number of patients; leave n out")
        if self.analyses != ("enrolled",):
            found.append(
                "analysis: a two-stage design counts everybody who was enrolled; both stages have fixed numbers; leave it out"
            )
        return found
