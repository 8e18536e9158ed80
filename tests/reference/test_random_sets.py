"""Random parameter sets of every shipped model: the kernel against SciPy at 1e-12.

The right-hand sides are the texts of the network's own drift, run as Python: what is tested is generated code, Jacobian, step control and
events; that the equations are those of the papers is tested by the scripts beside this file. LSODA at 1e-12 is the oracle, and Radau at 1e-12
the oracle's for the first set of each model. `make verify` takes 50 sets of each published model and 200 patients of the leukaemia model.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.integrate import solve_ivp

import sim
from sim.models.catalogue import published_models
from sim.network.network import Event, Network
from sim.network.simulation import ODE, simulate
from sim.trial.cohort import draw

Floats = NDArray[np.float64]

RTOL = 1e-8
ASKED = 100.0 * RTOL
"""Largest error, in units of the largest value that the species has reached: what a tolerance of each step leaves after hundreds of them."""
PUBLISHED = {model.name: model for model in published_models()}
DAYS = {
    "hanson2016": (0.0, 480.0),
    "barros2021-raji": (0.0, 21.0),
    "owens-bozic2021": (-4.0, 60.0),
    "leon-triana2021-dual-target": (0.0, 60.0),
}
ROOM = {"chaudhury2020-lotka-volterra": 10.0}
"""A neutral orbit keeps what each of its turns adds, of which 200 days have about ten."""
SPREAD = 0.1
"""Standard deviation of the logarithm of each parameter, about the published one."""
FUNCTIONS = {name: getattr(math, name) for name in ("log", "sqrt", "tanh")}
FUNCTIONS |= {"min": min, "max": max, "abs": abs, "where": lambda yes, a, b: a if yes else b}


def safe_exp(x: float) -> float:
    return math.exp(x) if x < 700.0 else math.inf


class Course:
    """A network as Python functions of the state, for one set of parameters."""

    def __init__(self, net: Network, parameters: Mapping[str, float]) -> None:
        self.net = net
        self.names = [one.name for one in net.all_species]
        space: dict[str, Any] = {**FUNCTIONS, "exp": safe_exp}
        space |= {one.name: float(parameters.get(one.name, one.value)) for one in net.all_parameters}
        moving = {*self.names, "time"}
        lines = []
        for one in net.definition_order():
            if net.depends_on(one.expression) & moving:
                lines.append(f"{one.name} = {one.expression}")
            else:
                space[one.name] = eval(str(one.expression), space)
        # Where the oracle steps below zero by its tolerance, a power with a fraction would have no value.
        head = [f"({', '.join(self.names)},) = [max(one, 0.0) for one in y]", *lines]
        drift = net.drift()
        self.space = space
        self.slope = self.function(head, f"[{', '.join(str(drift[name]) for name in self.names)}]")
        self.head = head
        self.at = {e.name: self.value(str(e.at), 0.0, None) for e in net.all_events if e.at is not None}
        self.triggers = {
            e.name: self.function(head, self.margin(e)) for e in net.all_events if e.when is not None
        }

    def function(self, head: list[str], result: str) -> Any:
        body = "\n    ".join([*head, f"return {result}"])
        exec(f"def made(time, y):\n    {body}", self.space)
        return self.space.pop("made")

    @staticmethod
    def margin(event: Event) -> str:
        """Return what is above zero where the condition holds: conditions of the shipped models are single comparisons."""
        text = str(event.when)
        for sign in (" < ", " >= ", " > "):
            if sign in text:
                left, right = text.split(sign)
                return f"({right}) - ({left})" if sign == " < " else f"({left}) - ({right})"
        raise AssertionError(text)

    def value(self, text: str, t: float, y: Floats | None) -> float:
        head = [] if y is None else self.head
        return float(self.function(head, text)(t, None if y is None else y.tolist()))

    def happen(self, event: Event, t: float, y: Floats) -> Floats:
        """Return the state after an event; all values are those of the state before it."""
        if event.if_ is not None and not self.value(str(event.if_), t, y):
            return y
        after = y.copy()
        for name, share in event.survive.items():
            after[self.names.index(name)] *= self.value(str(share), t, y)
        for name, new in event.set.items():
            after[self.names.index(name)] = self.value(str(new), t, y)
        for name, more in event.add.items():
            after[self.names.index(name)] += self.value(str(more), t, y)
        return after

    def run(self, times: Floats, start: Floats, method: str, atol: float) -> Floats:
        """Integrate from event to event; a save at an event is after it."""
        t, y = float(times[0]), start.copy()
        saved = np.full((len(times), len(y)), np.nan)
        due = sorted(
            (when, i)
            for i, e in enumerate(self.net.all_events)
            for when in [self.at.get(e.name, math.inf)]
            if t <= when < math.inf
        )
        holds = {name: g(t, y.tolist()) > 0.0 for name, g in self.triggers.items()}
        while True:
            while due and due[0][0] <= t:
                y = self.happen(self.net.all_events[due.pop(0)[1]], t, y)
            for event in self.net.all_events:
                if event.name in self.triggers:
                    now = self.triggers[event.name](t, y.tolist()) > 0.0
                    if now and not holds[event.name]:
                        y = self.happen(event, t, y)
                        if event.stop:
                            saved[times >= t] = y
                            return saved
                    holds[event.name] = self.triggers[event.name](t, y.tolist()) > 0.0
            saved[times == t] = y
            end = min(due[0][0], float(times[-1])) if due else float(times[-1])
            if t >= end:
                return saved
            t, y = self.smooth(t, end, y, times, saved, method, atol)
            for name in list(holds):
                if holds[name] is None:
                    holds[name] = False

    def smooth(
        self, t: float, end: float, y: Floats, times: Floats, saved: Floats, method: str, atol: float
    ) -> tuple[float, Floats]:
        """Integrate to the end or to the first change of a trigger, and a rounding beyond it."""
        watches = []
        for g in self.triggers.values():

            def watch(s: float, z: Floats, g: Any = g) -> float:
                return float(g(s, z.tolist()))

            watch.terminal = True  # type: ignore[attr-defined]
            watches.append(watch)
        run = solve_ivp(
            lambda s, z: self.slope(s, z.tolist()), (t, end), y, method, rtol=1e-12, atol=atol, dense_output=True,
            events=watches or None,
        )  # fmt: skip
        assert run.status >= 0, run.message
        inside = (times > t) & (times < run.t[-1])
        if inside.any():
            saved[inside] = run.sol(times[inside]).T
        now, state = float(run.t[-1]), np.asarray(run.y[:, -1])
        if run.status == 1:
            beyond = min(now + 1e-9 * max(1.0, abs(now)), end)
            state = state + (beyond - now) * np.array(self.slope(now, state.tolist()))
            now = beyond
        return now, state


def kernel(
    net: Network, times: Floats, parameters: Mapping[str, Any], initial: Mapping[str, Any], atol: float
) -> Floats:
    species = [one.name for one in net.all_species]
    out = simulate(net, times, ODE(rtol=RTOL, atol=atol), parameters=parameters, initial=initial, threads=1)
    assert out.ok.all()
    return np.stack([out[name] for name in species], axis=-1)


def error(found: Floats, expected: Floats) -> float:
    """Largest error in units of the largest value so far, and of a millionth."""
    scale = np.maximum.accumulate(np.abs(expected), axis=0) + 1e-6
    return float(np.max(np.abs(found - expected) / scale))


def random_set(net: Network, number: int) -> dict[str, float]:
    random = np.random.default_rng([1, number])
    return {one.name: one.value * math.exp(SPREAD * random.standard_normal()) for one in net.all_parameters}


def until_the_floor(net: Network, times: Floats, sets: list[dict[str, float]]) -> list[int]:
    """Return how many of the times come before the last effectors are set to zero: memory cells become effectors within a second
    there, and the rule fires without end."""
    out = simulate(
        net, times, parameters={key: np.array([one[key] for one in sets]) for key in sets[0]}, threads=1
    )
    first = np.fmin(out.fired["no E left"], out.fired["no M left"])
    return [int(np.sum(times < (math.inf if math.isnan(t) else t))) for t in first]


def published_error(name: str, numbers: range) -> list[float]:
    """Return the error of each set, in units of what is asked."""
    net = PUBLISHED[name].build()
    times = np.linspace(*DAYS.get(name, (0.0, 200.0)), 9)
    sets = [random_set(net, number) for number in numbers]
    start = np.array([one.initial for one in net.all_species])
    found = kernel(net, times, {key: np.array([one[key] for one in sets]) for key in sets[0]}, {}, 1e-13)
    raji = name == "barros2021-raji"
    method = "Radau" if raji else "LSODA"
    upto = until_the_floor(net, times, sets) if raji else [len(times)] * len(sets)
    expected = [
        Course(net, one).run(times[:k], start, method, 1e-12) for one, k in zip(sets, upto, strict=True)
    ]
    other = Course(net, sets[0]).run(times[: upto[0]], start, "Radau", 1e-12)
    assert error(other, expected[0]) < 0.1 * ASKED, "SciPy's two methods differ"
    asked = ASKED * ROOM.get(name, 1.0)
    return [error(mine[:k], theirs) / asked for mine, theirs, k in zip(found, expected, upto, strict=True)]


def patients_error(numbers: range) -> list[float]:
    cohort = draw(sim.load("fry2018-cd22"), "higher", 1, np.array(numbers))
    net = cohort.network
    times = np.linspace(cohort.start, 60.0, 7)
    found = kernel(net, times, cohort.parameters, cohort.initial, 1e-9)
    errors = []
    for i in range(len(numbers)):
        parameters = {key: float(values[i]) for key, values in cohort.parameters.items()}
        start = np.array(
            [
                float(cohort.initial[s.name][i]) if s.name in cohort.initial else s.initial
                for s in net.all_species
            ]
        )
        errors.append(error(found[i], Course(net, parameters).run(times, start, "LSODA", 1e-9)))
    return errors


@pytest.mark.parametrize("name", ["kimmel2021", "barros2021-hdlm2", "liu2022-remission", "hanson2016"])
def test_two_random_sets_of_some_published_models(name: str) -> None:
    assert max(published_error(name, range(2))) < 1.0


@pytest.mark.verify
@pytest.mark.parametrize("name", PUBLISHED)
def test_fifty_random_sets_of_each_published_model(name: str) -> None:
    assert max(published_error(name, range(50))) < 1.0


def test_two_patients_of_the_leukaemia_model() -> None:
    assert max(patients_error(range(2))) < ASKED


@pytest.mark.verify
@pytest.mark.parametrize("first", range(0, 200, 20))
def test_two_hundred_patients_of_the_leukaemia_model(first: int) -> None:
    assert max(patients_error(range(first, first + 20))) < ASKED


def test_a_constant_that_is_off_by_a_hundred_thousandth_is_seen() -> None:
    """The control."""
    net = PUBLISHED["kimmel2021"].build()
    times = np.linspace(0.0, 200.0, 9)
    start = np.array([one.initial for one in net.all_species])
    expected = Course(net, {}).run(times, start, "LSODA", 1e-12)
    found = kernel(net, times, {"K_C": 139.0 * (1.0 + 1e-5)}, {}, 1e-13)[0]
    assert error(found, expected) > ASKED
