"""Generated functions and tables against the expressions they come from, and against differences."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from sim.kernels import rosenbrock
from sim.kernels.structure import FACTOR, HAZARD
from sim.network.codegen import compile_network
from sim.network.expression import Compare, Expression, differentiate, evaluate, substitute
from sim.network.generator import Generator
from sim.network.network import Network
from sim.network.nodes import COMPARISONS
from sim.network.tables import structure_of
from tests.network.trees import assume_tame, trees

FACTORS = (
    "p0", "p1*{x}", "{x}/(p1 + {x})", "{x}*{y}", "{x}**2", "{x}**p2", "exp(-p0*{y})", "sqrt(1 + {x})", "log(2 + {y})",
    "tanh({x}/5)", "min({x}, {y})", "max(p0, {x}, {y}*p1)", "where({x} > {y}, p0 + {y}, {x}*p1)", "(1 + sin_like)",
    "(1 + 0.1*time)", "exp(-time/9)", "d0", "d1/(1 + d1)", "d2", "d3*p1", "{x}/(1 + {y}**-2)", "abs({x} - {y})",
)  # fmt: skip
CHANGES = ("{x} -> 2 {x}", "{x} -> 0", "{x} -> {y}", "0 -> {y}", "2 {x} -> {y}", "{x} + {y} -> {x} + 2 {y}")


def random_network(number: int) -> Network:
    """Four species, definitions of definitions, rates that are products of two to three factors."""
    rng = np.random.default_rng([1, number])
    names = ["S", "E", "pi", "lambda"]
    net = Network(f"random {number}")
    for name in names:
        net.species(name, float(rng.uniform(1, 9)), kind=str(rng.choice(["count", "concentration"])))
    for i in range(3):
        net.parameter(f"p{i}", float(rng.uniform(0.3, 1.7)))

    def text(parts: int) -> str:
        pieces = []
        for _ in range(parts):
            x, y = rng.choice(names, 2, replace=False)
            pieces.append(str(rng.choice(FACTORS)).format(x=x, y=y))
        return "*".join(f"({piece})" for piece in pieces)

    net.define("sin_like", "p0*p1 - p1/3 + fixed")
    net.define("fixed", "p2**1.5 + exp(p0)")
    net.define("d0", "S + 2*E + pi")
    net.define("d1", "d0*p0/(1 + d0) + time*0.01")
    net.define("d2", "d1 + where(d0 > 5, S, E)")
    net.define("d3", "fixed*p0")
    for i in range(6):
        x, y = rng.choice(names, 2, replace=False)
        net.reaction(f"r{i}", str(rng.choice(CHANGES)).format(x=x, y=y), text(int(rng.integers(2, 4))))
    net.check()
    return net


class Plain:
    """The generated functions run as Python, and the arrays that they work on."""

    def __init__(self, net: Network) -> None:
        outputs = [s.name for s in net.all_species] + [d.name for d in net.all_definitions]
        generator = Generator(net, outputs)
        self.source = "".join(generator.sources())
        self.structure = structure_of(generator)
        self.order = generator.assembly.order
        self.outputs = outputs
        text = self.source.replace(
            "from sim.kernels._jit import jit_as", "def jit_as(*_): return lambda f: f"
        )
        self.functions: dict[str, Any] = {}
        exec(text, self.functions)
        s = self.structure
        self.x = np.array([*(x.initial for x in net.all_species), 1.0])
        self.p = np.array([p.value for p in net.all_parameters])
        self.a, self.d = np.zeros(s.n_static), np.zeros(s.n_definitions)
        self.values = np.zeros(s.n_hazards + s.n_derivatives)
        self.mask = np.ones(len(s.reaction) + 1)
        self.functions["static"](self.p, self.a)

    def drift(self, t: float, x: np.ndarray) -> np.ndarray:
        slope = np.zeros(self.structure.n_species)
        python = getattr(rosenbrock.drift, "py_func", rosenbrock.drift)
        python(
            t,
            x,
            self.p,
            self.a,
            self.d,
            self.values,
            self.mask,
            self.structure,
            self.functions["slopes"],
            slope,
        )
        return slope

    def jacobian(self, t: float) -> tuple[np.ndarray, np.ndarray]:
        """Return d(slope)/dx and d(slope)/dt, sums eliminated."""
        s = self.structure
        n, size = s.n_species, s.n_species + s.n_definitions
        self.drift(t, self.x)
        slots, partial = np.zeros(s.n_slots), np.zeros(size)
        work = SimpleNamespace(
            x=self.x,
            p=self.p,
            a=self.a,
            d=self.d,
            values=self.values,
            mask=self.mask,
            jacobian=slots,
            partial_time=partial,
        )
        python = getattr(rosenbrock.linearise, "py_func", rosenbrock.linearise)
        python(t, s, self.functions["derivatives"], work)
        minus = np.zeros((size, size))
        for (i, j), place in self.places().items():
            minus[i, j] = slots[place]
        inner = np.linalg.inv(minus[n:, n:])
        border = -minus[:n, n:] @ inner
        return -minus[:n, :n] + border @ -minus[n:, :n], partial[:n] + border @ partial[n:]

    def places(self) -> dict[tuple[int, int], int]:
        return self.order.slots


def environment(net: Network, t: float) -> dict[str, float]:
    values: dict[str, Any] = {"time": t, **{s.name: s.initial for s in net.all_species}}
    values |= {p.name: p.value for p in net.all_parameters}
    for definition in net.definition_order():
        values[definition.name] = evaluate(definition.expression, values)
    return values


@pytest.mark.parametrize("number", range(40))
def test_rates_slopes_and_outputs_are_those_of_the_expressions(number: int) -> None:
    net, t = random_network(number), 1.7
    plain, values = Plain(net), environment(net, 1.7)
    slope = plain.drift(t, plain.x)
    expected = [evaluate(e, values) for e in net.drift().values()]
    np.testing.assert_allclose(slope, expected, rtol=1e-12, atol=1e-12)
    for row, reaction in zip(plain.structure.reaction, net.all_reactions, strict=True):
        rate = plain.values[row[HAZARD]] * plain.x[row[FACTOR]]
        np.testing.assert_allclose(rate, evaluate(reaction.rate, values), rtol=1e-12)
    seen = np.zeros(len(plain.outputs))
    plain.functions["observe"](t, plain.x, plain.p, plain.a, seen)
    np.testing.assert_allclose(seen, [values[name] for name in plain.outputs], rtol=1e-12)


@pytest.mark.parametrize("number", range(40))
def test_the_jacobian_with_its_border_is_that_of_differences(number: int) -> None:
    net, t = random_network(number), 1.7
    plain = Plain(net)
    exact, by_time = plain.jacobian(t)
    x, step = plain.x.copy(), 1e-6
    for j in range(plain.structure.n_species):
        up, down = x.copy(), x.copy()
        up[j] += step
        down[j] -= step
        difference = (plain.drift(t, up) - plain.drift(t, down)) / (2 * step)
        np.testing.assert_allclose(
            exact[:, j], difference, rtol=1e-5, atol=1e-5 * max(1, np.abs(difference).max())
        )
    difference = (plain.drift(t + step, x) - plain.drift(t - step, x)) / (2 * step)
    np.testing.assert_allclose(by_time, difference, rtol=1e-5, atol=1e-5 * max(1, np.abs(difference).max()))


def test_a_masked_reaction_takes_no_part_in_slope_and_jacobian() -> None:
    net = Network("masked")
    net.species("A", 20)
    net.reaction("dimerise", "2 A -> 0", "0.1*A*(A - 1)")
    net.reaction("arrive", "0 -> A", "1")
    plain = Plain(net)
    assert plain.drift(0.0, plain.x)[0] == pytest.approx(1 - 2 * 0.1 * 20 * 19)
    plain.mask[:2] = 0.0
    assert plain.drift(0.0, plain.x)[0] == 0.0
    assert plain.jacobian(0.0)[0] == 0.0


def test_networks_of_one_shape_share_their_source_and_code() -> None:
    def make(species: str, parameter: str, value: float, start: float) -> Network:
        net = Network(species + parameter)
        net.species(species, start)
        net.parameter(parameter, value)
        net.define("crowding", f"1 + {species}/100")
        net.reaction("growth", f"{species} -> 2 {species}", f"{parameter}*{species}/crowding")
        return net

    one, other = (
        compile_network(make("X", "k", 1.0, 5), ["X"]),
        compile_network(make("pi", "E", 2.0, 7), ["pi"]),
    )
    assert one.sources == other.sources
    assert all(f is g for f, g in zip(one.functions, other.functions, strict=True))
    assert all(f is g for f, g in zip(one.lanes()[0], other.lanes()[0], strict=True))
    assert (one.initial[0], one.defaults[0], other.initial[0], other.defaults[0]) == (5, 1.0, 7, 2.0)


def test_what_is_made_of_parameters_alone_is_evaluated_once_a_row() -> None:
    net = Network("hoisted")
    net.species("X", 1)
    net.parameter("k", 2.0)
    net.define("power", "k**1.7")
    net.define("more", "exp(power) + k")
    net.reaction("growth", "X -> 2 X", "more*power*X/(k**0.3 + X)")
    source = Plain(net).source
    static, rest = source.split("@jit_as(HAZARDS)", 1)
    assert "exp" in static
    assert "**" in static
    assert "exp" not in rest
    assert "**" not in rest


def test_a_shared_subexpression_is_computed_once() -> None:
    net = Network("shared")
    net.species("X", 1)
    net.reaction("up", "X -> 2 X", "exp(-X/7)*X")
    net.reaction("down", "X -> 0", "exp(-X/7)*X/(1 + exp(-X/7))")
    hazards = Plain(net).source.split("def hazards")[1].split("def slopes")[0]
    assert hazards.count("math.exp") == 1


def test_time_is_noticed_through_definitions_and_in_triggers_only_where_it_matters() -> None:
    def make(rate: str = "X", when: str = "X > 5", output: str = "X") -> bool:
        net = Network("time")
        net.species("X", 1)
        net.define("clock", "time/7")
        net.define("slow", "1 + clock")
        net.reaction("growth", "X -> 2 X", rate)
        net.event("alarm", when=when, stop=True)
        return compile_network(net, [output]).depends_on_time

    assert not make()
    assert not make(output="slow")
    assert make(rate="X*slow")
    assert make(when="slow > 2")


@pytest.mark.parametrize(
    "text", ["min(1, log(X - 9))", "min(log(X - 9), 1)", "max(1, log(X - 9), 2)", "max(log(X - 9), 1)"]
)
def test_least_and_greatest_do_not_hide_what_is_no_number(text: str) -> None:
    net = Network("hidden")
    net.species("X", 1.0, kind="concentration")
    net.reaction("flow", "0 -> X", text)
    plain = Plain(net)
    with np.errstate(all="ignore"):
        assert np.isnan(plain.drift(0.0, plain.x)[0])


def test_names_never_reach_the_source() -> None:
    net = Network("names")
    net.species("import_os", 1)
    net.parameter("lambda", 2.0)
    net.reaction("x'); raise SystemExit  #", "import_os -> 0", "lambda*import_os")
    net.event('"""', at=1, set={"import_os": 0})
    source = Plain(net).source
    for word in ("import_os", "lambda", "SystemExit"):
        assert word not in source


# -- networks of any expressions ------------------------------------------------------------------------------------------------

SPECIES = ("x", "E", "pi")
AT = {"time": 1.7, "x": 0.83, "E": 2.4, "pi": 1.31, "p": 0.77, "lambda": 1.9}
any_rate = trees(
    [*SPECIES, "p", "lambda", "time", "d0", "d1", "fixed"],
    st.floats(0.5, 3).map(lambda v: round(v, 2)),
    st.sampled_from([-2.0, -1.0, 0.5, 2.0, 3.0, 1.5]),
)
of_state = trees([*SPECIES, "p", "time"], st.floats(0.5, 3), st.sampled_from([-1.0, 0.5, 2.0]))
of_parameters = trees(["p", "lambda"], st.floats(0.5, 3), st.sampled_from([-1.0, 0.5, 2.0]))
comparison = st.builds(Compare, st.sampled_from(COMPARISONS), any_rate, any_rate)


@st.composite
def networks(draw: st.DrawFn) -> Network:
    """Rates, definitions of definitions, events: each a tree of all kinds of nodes."""
    net = Network("any")
    for name in SPECIES:
        net.species(name, AT[name], kind=draw(st.sampled_from(["count", "concentration"])))
    for name in ("p", "lambda"):
        net.parameter(name, AT[name])
    net.define("fixed", str(draw(of_parameters)))
    net.define("d0", str(draw(of_state)))
    net.define("d1", f"d0*({draw(of_state)})")
    for i in range(draw(st.integers(1, 4))):
        x, y = draw(st.permutations(SPECIES))[:2]
        change = draw(st.sampled_from(CHANGES)).format(x=x, y=y)
        factor = draw(st.sampled_from(["", f"{x}*", f"d0*{x}*"]))
        net.reaction(f"r{i}", change, f"{factor}({draw(any_rate)})")
    when = {"when": str(draw(comparison))} if draw(st.booleans()) else {"at": str(draw(of_parameters))}
    net.event("one", **when, if_=str(draw(comparison)), set={"x": str(draw(any_rate))})  # type: ignore[arg-type]
    net.event(
        "two", at=3, add={"E": str(draw(any_rate))}, survive={"pi": f"0.5 + 0.5*tanh({draw(of_parameters)})"}
    )
    return net


def tame(net: Network) -> dict[str, float]:
    """Return the values of all names; skip the example where something is undefined or rounding would decide."""
    values = dict(AT)
    for definition in net.definition_order():
        assume_tame(definition.expression, values)
        values[definition.name] = float(evaluate(definition.expression, values))
    amounts = [v for e in net.all_events for group in (e.set, e.add, e.survive) for v in group.values()]
    moments = [v for e in net.all_events for v in (e.at, e.when, e.if_) if v is not None]
    for expression in (*(r.rate for r in net.all_reactions), *amounts, *moments):
        assume_tame(expression, values)
    return values


def opened(expression: Expression, net: Network) -> Expression:
    """Return an expression of species, parameters and time alone."""
    for definition in reversed(net.definition_order()):
        expression = substitute(expression, {definition.name: definition.expression})
    return expression


@given(networks())
def test_any_rates_slopes_and_outputs_are_those_of_the_expressions(net: Network) -> None:
    values = tame(net)
    plain = Plain(net)
    drift = [evaluate(e, values) for e in net.drift().values()]
    size = sum(abs(float(evaluate(r.rate, values))) for r in net.all_reactions)
    np.testing.assert_allclose(plain.drift(AT["time"], plain.x), drift, rtol=1e-9, atol=1e-11 * size)
    hazards = np.zeros(plain.structure.n_hazards)
    plain.functions["hazards"](AT["time"], plain.x, plain.p, plain.a, plain.d, hazards)
    for row, reaction in zip(plain.structure.reaction, net.all_reactions, strict=True):
        rate = hazards[row[HAZARD]] * plain.x[row[FACTOR]]
        np.testing.assert_allclose(rate, evaluate(reaction.rate, values), rtol=1e-9, atol=1e-11)
    seen = np.zeros(len(plain.outputs))
    plain.functions["observe"](AT["time"], plain.x, plain.p, plain.a, seen)
    np.testing.assert_allclose(seen, [values[name] for name in plain.outputs], rtol=1e-12)


@given(networks())
def test_any_jacobian_is_that_of_the_derived_expressions_and_of_differences(net: Network) -> None:
    """Differences are asked only where both sides agree: at the kink of a min, max, abs or where there is no derivative."""
    values = tame(net)
    plain = Plain(net)
    rates = [opened(e, net) for e in net.drift().values()]
    exact, by_time = plain.jacobian(AT["time"])
    derived = np.array(
        [[float(evaluate(differentiate(e, name), values)) for name in (*SPECIES, "time")] for e in rates]
    )
    assume(np.all(np.abs(derived) < 1e6))
    found = np.column_stack([exact, by_time])
    scale = max(1.0, float(np.abs(derived).max()))
    np.testing.assert_allclose(found, derived, rtol=1e-8, atol=1e-8 * scale)
    step = 1e-6
    for j, name in enumerate((*SPECIES, "time")):
        here, sides = AT[name], []
        for shift in (-step, 0.0, step):
            x = plain.x.copy()
            if j < len(SPECIES):
                x[j] = here + shift
            with np.errstate(all="ignore"):
                sides.append(plain.drift(AT["time"] + (shift if name == "time" else 0.0), x))
        left, right = (sides[1] - sides[0]) / step, (sides[2] - sides[1]) / step
        smooth = np.abs(right - left) < 1e-3 * scale
        difference = (sides[2] - sides[0]) / (2 * step)
        np.testing.assert_allclose(found[smooth, j], difference[smooth], rtol=1e-4, atol=1e-4 * scale)


@given(networks())
def test_any_condition_time_and_amount_is_that_of_the_expressions(net: Network) -> None:
    values = tame(net)
    plain = Plain(net)
    arguments = (AT["time"], plain.x, plain.p, plain.a)
    conditions, times, amounts = np.full(4, -1.0), np.full(2, -1.0), np.full(3, -1.0)
    one, two = net.all_events
    with np.errstate(all="ignore"):
        plain.functions["conditions"](*arguments, conditions)
        plain.functions["event_times"](*arguments, times)
        plain.functions["effects"](0, *arguments, amounts)
        plain.functions["effects"](1, *arguments, amounts)
    expected = [
        (times[1], two.at),
        (times[0], one.at),
        (conditions[0], one.when),
        (conditions[2], one.if_),
        (amounts[0], one.set["x"]),
        (amounts[1], two.survive["pi"]),
        (amounts[2], two.add["E"]),
    ]
    for value, expression in expected:
        if expression is None:
            assert value == -1.0, "left alone"
        else:
            np.testing.assert_allclose(value, evaluate(expression, values), rtol=1e-9, atol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("number", range(8))
def test_compiled_functions_of_random_networks_are_the_plain_ones(number: int) -> None:
    """To the last bits: compiled code may join a product and a sum into one instruction."""
    net = random_network(number)
    plain, compiled = Plain(net), compile_network(net, [s.name for s in net.all_species])
    static, hazards, slopes, derivatives = compiled.functions[:4]
    s = compiled.structure
    a, d, values, slope = (
        np.zeros(n) for n in (s.n_static, s.n_definitions, s.n_hazards + s.n_derivatives, s.n_species)
    )
    static(plain.p, a)
    hazards(1.7, plain.x, plain.p, a, d, values)
    slopes(1.7, plain.x, plain.p, a, d, values, slope)
    derivatives(1.7, plain.x, plain.p, a, d, values[s.n_hazards :])
    expected = np.zeros_like(slope)
    plain.functions["slopes"](1.7, plain.x, plain.p, plain.a, plain.d, plain.values, expected)
    plain.functions["derivatives"](1.7, plain.x, plain.p, plain.a, plain.d, plain.values[s.n_hazards :])
    np.testing.assert_allclose(values, plain.values, rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(slope, expected, rtol=1e-11, atol=1e-11)
