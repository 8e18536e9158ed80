"""Random parameter sets of every shipped model: the kernel `ode` against SciPy, in units of what each species has at that time.

An error is a share of the value itself, of one cell as of 1e12, so that nadirs and relapses count as much as peaks. The kernel is given no
absolute tolerance to speak of (`ATOL`); only what is below `LEAST` is measured in units of that, since a thousandth of a cell is no cell.

The oracle (tests/reference/course.py) integrates at 1e-12 by DOP853, of order 8, or by Radau where DOP853 would take minutes. Another of SciPy's
methods at another tolerance checks it in some sets of each model: Radau at 1e-10, or LSODA at 1e-11 where Radau is the oracle.

What is asked. `ASKED`, a hundred tolerances, is what the errors of some hundred to some thousand steps, each within `RTOL` and mostly of either
sign, may add up to; nearly all sets are within a third of it. Where a course is beyond it, the model must be seen to amplify: a trough of
an orbit, and a relapse from a few cells, carry the error of every rate before them in their exponent. The oracle is then run again with all parameters
and initial values moved by a millionth (`conditioning`), and the kernel must be as near as parameters within `BACKWARD` of the true ones
would be. Neither bound is a model's own: on a neutral orbit (chaudhury2020-lotka-volterra) errors grow with each turn by as much as the oracle says.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

import sim
from sim.models.catalogue import published_models
from sim.network.network import Network
from sim.network.simulation import ODE, simulate
from sim.trial.cohort import draw
from tests.reference.course import Course, Floats

RTOL = 1e-8
ATOL = 1e-20
LEAST = {"count": 1e-3, "concentration": 1e-6}
"""Values below which an error is one in units of these: cells, and the unit of a concentration."""
ASKED = 100.0 * RTOL
BACKWARD = 30.0 * RTOL
"""Thirty tolerances: three hundred steps whose errors have one sign, seen through exponents of ten. A fifth of it is the most that was measured."""
MOVED = 1e-6
PUBLISHED = {model.name: model for model in published_models()}
DAYS = {
    "hanson2016": (0.0, 480.0),
    "barros2021-raji": (0.0, 21.0),
    "owens-bozic2021": (-4.0, 60.0),
    "leon-triana2021-dual-target": (0.0, 60.0),
}
STIFF = ("barros2021-raji",)
"""Memory cells become effectors within a second there."""
ENDS = {"barros2021-raji": ("no E left", "no M left")}
"""Events after which the oracle is not asked: effectors come back from memory at once, and the rule that sets the last of them to zero
fires without end."""
SPREAD = 0.3
"""Standard deviation of the logarithm of each parameter, about the published one."""
BOUNDS = {("owens-bozic2021", "l"): (1.0, math.inf)}
"""Below a power of one, killing by the first cell is infinitely steep: the equations have no Jacobian where the model starts, without CAR T
cells."""


def floor(net: Network) -> Floats:
    return np.array([LEAST[one.kind] for one in net.all_species])


def error(found: Floats, expected: Floats, least: Floats) -> Floats:
    """Error in units of the value, and of the least that counts; zero after the oracle's end."""
    share = np.abs(found - expected) / (np.abs(expected) + least)
    return np.where(np.isnan(expected), 0.0, share)


def kernel(
    net: Network, times: Floats, parameters: Mapping[str, Any], initial: Mapping[str, Any], **options: float
) -> Floats:
    species = [one.name for one in net.all_species]
    chosen = ODE(**{"rtol": RTOL, "atol": ATOL, **options})
    out = simulate(net, times, chosen, parameters=parameters, initial=initial, threads=1)
    assert out.ok.all()
    return np.stack([out[name] for name in species], axis=-1)


class Case:
    """One set of parameters and its true course."""

    def __init__(
        self, net: Network, parameters: Mapping[str, float], start: Floats, times: Floats, name: str = ""
    ) -> None:
        self.net, self.parameters, self.start, self.times = net, parameters, start, times
        self.method, self.other = ("Radau", "LSODA") if name in STIFF else ("DOP853", "Radau")
        self.ends = ENDS.get(name, ())
        self.least = floor(net)
        self.expected = self.oracle(parameters, start, self.method, rtol=1e-12, atol=1e-20)
        assert np.isfinite(self.expected[: len(times) // 4]).all()

    def oracle(
        self, parameters: Mapping[str, float], start: Floats, method: str, **tolerances: float
    ) -> Floats:
        return Course(self.net, parameters).run(self.times, start, method, ends=self.ends, **tolerances)

    def disagreement(self) -> float:
        """Largest difference of another method of SciPy."""
        rtol, atol = (1e-11, 1e-12) if self.method == "Radau" else (1e-10, 1e-14)
        other = self.oracle(self.parameters, self.start, self.other, rtol=rtol, atol=atol)
        return float(error(other, self.expected, self.least)[~np.isnan(other)].max())

    def conditioning(self) -> Floats:
        """By how much the course, in units of itself, moves more than the parameters: the most of three random directions."""
        most = np.zeros_like(self.expected)
        for direction in range(3):
            random = np.random.default_rng([2, direction])
            moved = {
                key: value * math.exp(MOVED * random.standard_normal())
                for key, value in self.parameters.items()
            }
            start = self.start * np.exp(MOVED * random.standard_normal(len(self.start)))
            course = self.oracle(moved, start, self.method, rtol=1e-12, atol=1e-20)
            most = np.maximum(most, np.nan_to_num(error(course, self.expected, self.least)) / MOVED)
        return most

    def of_asked(self, found: Floats) -> tuple[float, float]:
        """Return the largest error, and the largest in units of what is asked."""
        errors = error(found, self.expected, self.least)
        worst = float(np.max(errors))
        if worst <= ASKED:
            return worst, worst / ASKED
        return worst, float(np.max(errors / np.maximum(ASKED, BACKWARD * self.conditioning())))


def random_set(name: str, net: Network, number: int) -> dict[str, float]:
    random = np.random.default_rng([1, number])
    return {
        one.name: float(
            np.clip(
                one.value * math.exp(SPREAD * random.standard_normal()),
                *BOUNDS.get((name, one.name), (-math.inf, math.inf)),
            )
        )
        for one in net.all_parameters
    }


def report(name: str, found: list[tuple[float, float]], apart: float) -> None:
    """Printed with `pytest -s`, and where a test fails."""
    amplified = [of for worst, of in found if worst > ASKED]
    print(
        f"{name}: {len(found)} courses, median and largest error {np.median([worst for worst, _ in found]):.1e} and"
        f" {max(worst for worst, _ in found):.1e}; {len(amplified)} beyond {ASKED:.0e}, the worst at"
        f" {max(amplified, default=0.0):.2f} of what its conditioning allows; SciPy's methods differ by {apart:.1e}"
    )


def published_errors(name: str, numbers: range, checked: int) -> list[tuple[float, float]]:
    """Return error and share of what is asked of each set; the oracle is checked in the first ones."""
    net = PUBLISHED[name].build()
    times = np.linspace(*DAYS.get(name, (0.0, 200.0)), 41)
    sets = [random_set(name, net, number) for number in numbers]
    start = np.array([one.initial for one in net.all_species])
    found = kernel(net, times, {key: np.array([one[key] for one in sets]) for key in sets[0]}, {})
    cases = [Case(net, one, start, times, name) for one in sets]
    apart = max(case.disagreement() for case in cases[:checked])
    out = [case.of_asked(mine) for case, mine in zip(cases, found, strict=True)]
    report(name, out, apart)
    assert apart < 0.1 * ASKED, "SciPy's two methods differ"
    return out


ARMS = (
    ("fry2018-cd22", "higher"),
    ("turtle2016-cd19", "cd19"),
    ("dual-upfront", "tandem"),
    ("dual-upfront", "sequential"),
    ("untreated", "untreated"),
)


def patients_errors(scenario: str, arm: str, numbers: range, checked: int) -> list[tuple[float, float]]:
    """As `published_errors`. Odd patients are not let die, so that relapse is followed for a year whatever it does."""
    cohort = draw(sim.load(scenario), arm, 1, np.array(numbers))
    net = cohort.network
    early = np.arange(cohort.start, 61.0, 3.0)
    times = np.concatenate([early, np.arange(75.0, 366.0, 15.0)])
    parameters = {
        one.name: np.full(len(numbers), one.value) for one in net.all_parameters
    } | cohort.parameters
    for name in parameters:
        if name.startswith("limit_"):
            parameters[name] = np.where(np.array(numbers) % 2, math.inf, parameters[name])
    found = kernel(net, times, parameters, cohort.initial)
    cases = [
        Case(
            net,
            {key: float(values[i]) for key, values in parameters.items()},
            np.array(
                [float(cohort.initial.get(s.name, np.full(i + 1, s.initial))[i]) for s in net.all_species]
            ),
            times,
        )
        for i in range(len(numbers))
    ]
    apart = max((case.disagreement() for case in cases[:checked]), default=0.0)
    out = [case.of_asked(mine) for case, mine in zip(cases, found, strict=True)]
    report(f"{scenario}, {arm}", out, apart)
    assert apart < 0.1 * ASKED, "SciPy's two methods differ"
    return out


@pytest.mark.parametrize("name", ["kimmel2021", "barros2021-hdlm2", "liu2022-remission", "hanson2016"])
def test_two_random_sets_of_some_published_models(name: str) -> None:
    assert max(of for _, of in published_errors(name, range(2), checked=1)) < 1.0


@pytest.mark.verify
@pytest.mark.parametrize("name", PUBLISHED)
def test_fifty_random_sets_of_each_published_model(name: str) -> None:
    assert max(of for _, of in published_errors(name, range(50), checked=3)) < 1.0


@pytest.mark.parametrize(("scenario", "arm"), [ARMS[0], ARMS[4]])
def test_two_patients_of_two_scenarios(scenario: str, arm: str) -> None:
    assert max(of for _, of in patients_errors(scenario, arm, range(2), checked=0)) < 1.0


@pytest.mark.verify
@pytest.mark.parametrize(("scenario", "arm"), ARMS)
def test_forty_patients_of_each_of_five_arms(scenario: str, arm: str) -> None:
    assert max(of for _, of in patients_errors(scenario, arm, range(40), checked=2)) < 1.0


def hdlm2(**options: float) -> tuple[float, float]:
    """Return errors of the published set; options are of the kernel, and gamma."""
    net = PUBLISHED["barros2021-hdlm2"].build()
    start, times = np.array([one.initial for one in net.all_species]), np.linspace(0.0, 200.0, 41)
    case = Case(net, {one.name: one.value for one in net.all_parameters}, start, times)
    gamma = options.pop("gamma", case.parameters["gamma"])
    return case.of_asked(kernel(net, times, {"gamma": gamma}, {}, **options)[0])


def test_a_constant_that_is_off_by_a_hundred_thousandth_is_seen() -> None:
    """The first control."""
    assert hdlm2()[1] < 1.0
    assert hdlm2(gamma=3.715843e-6 * (1.0 + 1e-5))[1] > 1.0


def test_an_error_of_ten_cells_at_the_nadir_is_seen() -> None:
    """The second control: an absolute tolerance of ten cells is a hundred-millionth of the peak, and everything at the nadir."""
    assert hdlm2(atol=10.0)[1] > 1.0
