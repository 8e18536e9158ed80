"""The course of a network by SciPy: the oracle of the kernel `ode` for any parameters.

The right-hand sides are the texts of the network's own drift, run as Python: what is tested with them is generated code, Jacobian, step
control and events; that the equations are those of the papers is tested by the scripts beside this file.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import solve_ivp

from sim.network.expression import Expression
from sim.network.network import Event, Network
from sim.network.structure import definition_order

Floats = NDArray[np.float64]

FUNCTIONS: dict[str, Any] = {name: getattr(math, name) for name in ("log", "sqrt", "tanh")}
FUNCTIONS |= {"min": min, "max": max, "abs": abs, "where": lambda yes, a, b: a if yes else b}


def safe_exp(x: float) -> float:
    return math.exp(x) if x < 700.0 else math.inf


class Course:
    """A network as Python functions of the state, for one set of parameters."""

    def __init__(self, net: Network, parameters: Mapping[str, float]) -> None:
        self.net = net
        self.names = [one.name for one in net.all_species]
        self.space: dict[str, Any] = {**FUNCTIONS, "exp": safe_exp}
        self.space |= {one.name: float(parameters.get(one.name, one.value)) for one in net.all_parameters}
        self.moving: set[str] = set()
        """Definitions that depend on the state or the time; the others are numbers."""
        for one in net.definition_order():
            if net.depends_on(one.expression) & {*self.names, "time"}:
                self.moving.add(one.name)
            else:
                self.space[one.name] = eval(str(one.expression), self.space)
        self.slope = self.function(*net.drift().values(), many=True)
        self.at = {e.name: self.value(e.at, 0.0, None) for e in net.all_events if e.at is not None}
        self.triggers = {e.name: self.margin(e) for e in net.all_events if e.when is not None}

    def function(self, *results: Expression, many: bool = False, text: str = "") -> Any:
        """Return f(time, y) of one expression, or of many as a list; `text` stands in place of the expression."""
        needed = definition_order(self.net, sorted({name for one in results for name in one.symbols}))
        lines = [f"{one.name} = {one.expression}" for one in needed if one.name in self.moving]
        # Where the oracle steps below zero by its tolerance, a power with a fraction would have no value.
        head = f"({', '.join(self.names)},) = [max(one, 0.0) for one in y]"
        result = f"[{', '.join(map(str, results))}]" if many else text or str(results[0])
        body = "\n    ".join([head, *lines, f"return {result}"])
        exec(f"def made(time, y):\n    {body}", self.space)
        return self.space.pop("made")

    def margin(self, event: Event) -> Any:
        """Return what is above zero where the condition holds: conditions of the shipped models are single comparisons."""
        assert event.when is not None
        text = str(event.when)
        for sign in (" < ", " >= ", " > "):
            if sign in text:
                left, right = text.split(sign)
                less = f"({right}) - ({left})" if sign == " < " else f"({left}) - ({right})"
                return self.function(event.when, text=less)
        raise AssertionError(text)

    def value(self, expression: Expression, t: float, y: Floats | None) -> float:
        if y is None:
            return float(eval(str(expression), self.space))
        return float(self.function(expression)(t, y.tolist()))

    def happen(self, event: Event, t: float, y: Floats) -> Floats:
        """Return the state after an event; all values are those of the state before it."""
        if event.if_ is not None and not self.value(event.if_, t, y):
            return y
        after = y.copy()
        for name, share in event.survive.items():
            after[self.names.index(name)] *= self.value(share, t, y)
        for name, new in event.set.items():
            after[self.names.index(name)] = self.value(new, t, y)
        for name, more in event.add.items():
            after[self.names.index(name)] += self.value(more, t, y)
        return after

    def run(
        self,
        times: Floats,
        start: Floats,
        method: str = "LSODA",
        *,
        rtol: float = 1e-12,
        atol: Floats | float,
        ends: Sequence[str] = (),
    ) -> Floats:
        """Integrate from event to event; a save at an event is after it. What follows one of the events `ends` is NaN."""
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
                        if event.name in ends:
                            return saved
                        y = self.happen(event, t, y)
                        if event.stop:
                            saved[times >= t] = y
                            return saved
                    holds[event.name] = self.triggers[event.name](t, y.tolist()) > 0.0
            saved[times == t] = y
            if t >= times[-1]:
                return saved
            # Each save is the end of a step: what lies between is interpolated, with less than its accuracy.
            end = min([float(times[times > t][0]), *(when for when, _ in due[:1])])
            t, y = self.smooth(t, end, y, method, rtol, atol)

    def smooth(
        self, t: float, end: float, y: Floats, method: str, rtol: float, atol: Floats | float
    ) -> tuple[float, Floats]:
        """Integrate to the end or to the first change of a trigger, and a rounding beyond it."""
        watches = []
        for g in self.triggers.values():

            def watch(s: float, z: Floats, g: Any = g) -> float:
                return float(g(s, z.tolist()))

            watch.terminal = True  # type: ignore[attr-defined]
            watches.append(watch)
        run = solve_ivp(
            lambda s, z: self.slope(s, z.tolist()), (t, end), y, method, rtol=rtol, atol=atol,
            events=watches or None,
        )  # fmt: skip
        assert run.status >= 0, run.message
        now, state = float(run.t[-1]), np.asarray(run.y[:, -1])
        if run.status == 1:
            beyond = min(now + 1e-9 * max(1.0, abs(now)), end)
            state = state + (beyond - now) * np.array(self.slope(now, state.tolist()))
            now = beyond
        return now, state
