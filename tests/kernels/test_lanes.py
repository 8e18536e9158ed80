"""Rows side by side: the same bytes at any width, in any chunk, order and company; a step as that of one row alone."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from sim.kernels import elimination, lanes, rosenbrock
from sim.kernels import status as codes
from sim.models.design import Design, ProductDesign
from sim.models.leukaemia import build
from sim.network import simulation
from sim.network.codegen import FUNCTIONS, PROGRAMS, CompiledNetwork, compile_network
from sim.network.network import Network
from sim.network.simulation import ODE, simulate
from sim.network.trajectories import Trajectories
from tests.kernels.small_networks import competition, counted, oscillating
from tests.network.test_codegen import random_network

WIDTHS = (1, 2, 4, 8)
pytestmark = pytest.mark.filterwarnings("ignore::sim.errors.NumericalWarning")


# -- company --------------------------------------------------------------------------------------------------------------------


def company() -> Network:
    """A network whose rows finish, stop and fail in every way, by their parameters."""
    net = Network("company")
    net.species("X", 10.0, kind="concentration")
    net.species("Y", 5.0)
    net.species("Z", 100.0)
    for name, value in {
        "pole": 0.0,
        "root": 0.0,
        "loss": 0.0,
        "dose": 3.0,
        "share": 0.5,
        "limit": 1e9,
    }.items():
        net.parameter(name, value)
    net.parameter("stiff", 1.0)
    net.parameter("bottom", -1.0)
    net.parameter("first", np.inf)
    net.define("all", "X + 2*Y")
    net.reaction("growth", "X -> 2 X", "1.1*X")
    net.reaction("prey", "X + Y -> 2 Y", "0.4*X*Y*(1 + 0.1*all/(5 + all))")
    net.reaction("death", "Y -> 0", "(0.4 + 0.1*exp(-time))*Y")
    net.reaction("explosion", "0 -> X", "pole*X**2")
    net.reaction("root", "0 -> X", "log(1 - root)")
    net.reaction("emptying", "Z -> 0", "loss")
    net.reaction("relaxing", "0 -> Z", "stiff*(100 - Z)*(1 - loss/(loss + 1e-9))")
    net.event("dose", at="dose", survive={"Y": "share"})
    net.event("again", at="first", add={"X": 1})
    net.event("rescue", when="X < 0.3", add={"X": 0.2})
    net.event("bell", when="Y > limit", add={"X": 0.01}, if_="limit > 0")
    net.event("end", when="X < bottom", stop=True)
    return net


TIMES = np.linspace(0.0, 12.0, 37)
KINDS: list[dict[str, float]] = [
    {},
    {"dose": 1.25, "stiff": 1e4},
    {"limit": 6.0},
    {"bottom": 1.0, "dose": 7.0},
    {"pole": 50.0},
    {"root": 2.0},
    {"loss": 60.0},
    {"share": 1.5},
    {"dose": np.nan},
    {"first": 0.0, "dose": 0.0},
    {"dose": np.inf},
]


def members(order: np.ndarray) -> dict[str, np.ndarray]:
    defaults = {p.name: p.value for p in company().all_parameters}
    kinds = [KINDS[k % len(KINDS)] for k in order]
    given = {
        name: np.array([kind.get(name, value) for kind in kinds], dtype=float)
        for name, value in defaults.items()
    }
    given["dose"] = given["dose"] + 0.01 * (order // len(KINDS))
    return given


def run(order: np.ndarray, **options: Any) -> Trajectories:
    kernel = ODE(rtol=1e-6, **{"max_steps": 1500, "max_events": 500, **options})
    return simulate(company(), TIMES, kernel, parameters=members(order), threads=1)


def content(out: Trajectories, rows: np.ndarray) -> bytes:
    """Return everything that a run says of some rows."""
    parts = [out.values[rows], out.status[rows]]
    parts += [values[rows] for group in (out.fired, out.statistics) for values in group.values()]
    return b"".join(part.tobytes() for part in parts)


ORDER = np.arange(3 * len(KINDS))


@pytest.fixture(scope="module")
def usual() -> Trajectories:
    return run(ORDER)


def test_the_rows_end_in_many_ways(usual: Trajectories) -> None:
    failures = [codes.STEP_TOO_SMALL, codes.NON_FINITE, codes.NEGATIVE_PROPENSITY, codes.INVALID_EVENT]
    expected = [*[codes.OK] * 4, *failures, codes.NON_FINITE, codes.OK, codes.OK]
    assert usual.status.tolist() == expected * 3
    assert np.nanmax(usual.fired["rescue"]) > 0
    assert np.isfinite(usual.fired["end"]).any()
    assert usual.statistics["rejections"].max() > 5
    assert np.unique(usual.statistics["steps"]).size > 5


@pytest.mark.parametrize("width", WIDTHS)
def test_bytes_are_the_same_at_any_width(
    width: int, usual: Trajectories, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(simulation, "WIDTH", width)
    assert content(run(ORDER), ORDER) == content(usual, ORDER)


@pytest.mark.parametrize("chunk", [1, 3, 8, 11])
def test_bytes_are_the_same_in_any_chunk(
    chunk: int, usual: Trajectories, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(simulation, "LANES_CHUNK", chunk)
    assert content(run(ORDER), ORDER) == content(usual, ORDER)


def test_bytes_are_the_same_in_any_order_and_company(usual: Trajectories) -> None:
    order = np.random.default_rng(1).permutation(ORDER)
    assert content(run(order), np.argsort(order)) == content(usual, ORDER)
    for some in (ORDER[:1], ORDER[5:7], ORDER[::-4]):
        assert content(run(some), np.arange(len(some))) == content(usual, some)


@pytest.mark.parametrize(
    ("options", "status"),
    [({"max_steps": 5}, codes.MAX_STEPS), ({"max_events": 2}, codes.EVENT_BUDGET)],
)
def test_caps_end_a_row_where_they_end_it_alone(options: dict[str, int], status: int) -> None:
    several = run(ORDER, **options)
    assert status in several.status
    for i in np.flatnonzero(several.status == status)[:3]:
        assert content(run(ORDER[i : i + 1], **options), np.arange(1)) == content(several, np.array([i]))


def test_a_failed_row_leaves_its_lane_to_the_next() -> None:
    order = np.array([5] * 20 + [0])
    out = run(order)
    assert out.status.tolist() == [codes.NON_FINITE] * 20 + [codes.OK]


# -- one step -------------------------------------------------------------------------------------------------------------------

STEP, TOLERANCE = 0.002, 1e-6


def scalar_step(compiled: CompiledNetwork, t: float, x: np.ndarray, h: float) -> Any:
    functions = dict(zip(FUNCTIONS, compiled.functions, strict=True))
    structure = compiled.structure
    work = rosenbrock.allocate(structure)
    work.x[: len(x)] = x
    work.p[:] = compiled.defaults
    functions["static"](work.p, work.a)
    rosenbrock.drift(
        t,
        work.x,
        work.p,
        work.a,
        work.d,
        work.values,
        work.mask,
        structure,
        functions["slopes"],
        work.slope_here,
    )
    python = [getattr(f, "py_func", f) for f in (rosenbrock.linearise, rosenbrock.step)]
    python[0](t, structure, functions["derivatives"], work)
    python[1](t, h, structure, functions["slopes"], functions["factorise"], functions["solve"], work)
    return work


def lanes_step(
    compiled: CompiledNetwork, t: float, x: np.ndarray, h: float
) -> tuple[np.ndarray, lanes.Layout]:
    functions, layout = compiled.lanes()
    static, programs = functions[0], dict(zip(PROGRAMS, functions[-len(PROGRAMS) :], strict=True))
    structure = compiled.structure
    a, extra = np.zeros(structure.n_static), np.zeros(layout.n_more)
    static(compiled.defaults, a)
    programs["more"](compiled.defaults, extra)
    rows = lanes.allocate_rows(layout.n_rows, lanes.WIDTH)
    for begin, values in (
        (layout.x, x),
        (layout.parameters, compiled.defaults),
        (layout.static, a),
        (layout.more, extra),
    ):
        rows[begin : begin + len(values)] = values[:, None]
    rows[layout.absolute : layout.absolute + len(x)] = TOLERANCE
    rows[lanes.RELATIVE], rows[lanes.TIME], rows[lanes.STEP], rows[lanes.SPAN] = TOLERANCE, t, h, h
    with np.errstate(all="ignore"):
        programs["advance"](rows, 0)
    return rows, layout


def leukaemia() -> Network:
    return build(Design(products=(ProductDesign("cd19", ("cd19",)),)))


NETWORKS = {
    "leukaemia": leukaemia,
    "competition": competition,
    "counted": counted,
    "oscillating": oscillating,
    **{f"random {number}": lambda number=number: random_network(number) for number in range(12)},
}


@pytest.mark.parametrize("name", NETWORKS)
def test_a_step_in_lanes_is_the_step_of_one_row(name: str) -> None:
    check_step(NETWORKS[name]())


@pytest.mark.parametrize("name", ["competition", "oscillating", "random 3"])
def test_a_step_is_the_same_where_the_elimination_is_walked(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(elimination, "STRAIGHT_LIMIT", -1)
    check_step(NETWORKS[name]())


@pytest.mark.parametrize("width", WIDTHS)
def test_a_walked_elimination_gives_the_same_bytes_at_any_width(
    width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(elimination, "STRAIGHT_LIMIT", -1)
    some = ORDER[: len(KINDS)]
    usual = run(some)
    monkeypatch.setattr(simulation, "WIDTH", width)
    assert content(run(some), some) == content(usual, some)


def check_step(net: Network) -> None:
    compiled = compile_network(net, [s.name for s in net.all_species])
    n, t = compiled.structure.n_species, 1.3
    x = np.where(compiled.initial == 0.0, 0.7, compiled.initial)
    with np.errstate(all="ignore"):
        work = scalar_step(compiled, t, x, STEP)
        watched = np.ones(n, np.int64)
        error = rosenbrock.scaled_error(compiled.structure, work, TOLERANCE, np.full(n, TOLERANCE), watched)
        beyond = rosenbrock.is_beyond_pole(compiled.structure, work)
    rows, layout = lanes_step(compiled, t, x, STEP)
    np.testing.assert_array_equal(rows, np.repeat(rows[:, :1], lanes.WIDTH, axis=1))
    lane = rows[:, 0]
    scale = np.maximum(np.abs(work.x[:n]), np.abs(work.x_new[:n]))
    np.testing.assert_allclose(
        lane[layout.x_new : layout.x_new + n] / scale, work.x_new[:n] / scale, rtol=0, atol=1e-12
    )
    for k in (0, 1):
        begin = layout.dense + k * n
        np.testing.assert_allclose(lane[begin : begin + n] / scale, work.dense[k] / scale, rtol=0, atol=1e-11)
    assert (lane[lanes.POLE] < 0.0) == beyond
    found = np.sqrt(lane[lanes.ERROR_SUM] / lane[lanes.ERROR_COUNT])
    if not beyond:
        np.testing.assert_allclose(found, error, rtol=1e-4, atol=1e-3)
    assert lane[lanes.SLOPE_CHECK] == 0.0
    assert (lane[lanes.STATE_CHECK] == 0.0) == np.all(np.isfinite(work.x_new))


def test_what_only_the_lanes_hoist_is_computed() -> None:
    net = Network("batches")
    net.species("A", 4)
    net.parameter("k", 0.5)
    net.reaction("litter", "0 -> 3 A", "k")
    net.reaction("pair", "2 A -> 0", "k**2*A*(A - 1)")
    out = simulate(net, [0, 50], ODE(rtol=1e-8))
    # 3 k = 2 k**2 A (A - 1) at rest
    assert out["A"][0, -1] == pytest.approx(0.5 + np.sqrt(0.25 + 3.0), rel=1e-6)


def test_the_workspace_begins_at_a_line_of_the_cache() -> None:
    for count in (1, 7, 30):
        rows = lanes.allocate_rows(count, lanes.WIDTH)
        assert rows.ctypes.data % lanes.ALIGNMENT == 0
        assert rows.shape == (count, lanes.WIDTH)
        assert np.all(rows == 1.0)


def test_a_comparison_of_parameters_alone_chooses_between_what_the_state_makes() -> None:
    net = Network("choice")
    net.species("X", 1.0, kind="concentration")
    net.species("Y", 2.0, kind="concentration")
    net.parameter("k", 2.0)
    net.define("chosen", "where(k > 1, X, Y)")
    net.reaction("growth", "0 -> X", "where(k > 1, Y, X + 1)")
    net.reaction("always", "0 -> X", "0*where(2 > 1, Y, X + 1)")
    net.event("high", when="X > where(k > 1, 2*Y, 3*X)", add={"Y": 0})
    out = simulate(net, [0, 1, 2], "ode", parameters={"k": [2.0, 0.5]})
    np.testing.assert_allclose(out["X"], [[1, 3, 5], [1, 2 * np.e - 1, 2 * np.e**2 - 1]], rtol=1e-5)
    np.testing.assert_allclose(out["chosen"], [[1, 3, 5], [2, 2, 2]], rtol=1e-5)
    assert out.fired["high"][0] == pytest.approx(1.5)


def test_a_condition_that_a_tie_in_rounding_decides_is_that_of_the_events() -> None:
    """Triggers true from the start, of constant species, fire never: a product and a sum joined into one instruction may say they were false."""
    random = np.random.default_rng(0)
    a, b, c = random.uniform(0.1, 2.0, (3, 200))
    net = Network("tie")
    for name in "ABCN":
        net.species(name, 0.0, kind="concentration")
    net.species("X", 1.0, kind="concentration")
    net.reaction("decay", "X -> 0", "X")
    net.parameter("limit", 0.0)
    net.event("tie", when="A*B + C >= limit", add={"N": 1})
    net.event("other", when="A*B > 1e9", add={"N": 100})
    out = simulate(
        net, [0, 1, 2, 3], "ode", parameters={"limit": a * b + c}, initial={"A": a, "B": b, "C": c}
    )
    assert out.ok.all()
    joined = np.array(
        [float(Fraction(x) * Fraction(y) + Fraction(z)) for x, y, z in zip(a, b, c, strict=True)]
    )
    assert np.any(joined < a * b + c), "some are ties"
    never = out["N"][:, -1] == 0.0
    assert never[joined >= a * b + c].all()
    assert (out["N"][:, 1] == out["N"][:, -1]).all(), "and nothing fires in mid-course"


def test_no_row_at_all_is_no_error() -> None:
    net = Network("none")
    net.species("X", 1.0)
    net.parameter("k", 1.0)
    net.reaction("decay", "X -> 0", "k*X")
    for kernel in ("ode", "hybrid"):
        assert len(simulate(net, [0, 1], kernel, parameters={"k": []})) == 0
