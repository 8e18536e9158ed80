"""Populations of whom none is there, but may come within a step: what bounds the step, what others feel of them, and when they are lost.

Rows are `ROWS` and bounds five standard errors, unless a test says otherwise: a false alarm in 1.7 million questions. Each effect that is
to be found is more than ten standard errors large, or the test states what it was before.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad, solve_ivp

from sim.kernels import drawing
from sim.network.simulation import SSA, Hybrid, simulate
from tests.kernels.small_networks import network

pytestmark = pytest.mark.many_draws
ROWS = 40_000
TOLERANCES = pytest.mark.parametrize("tolerance", [0.02, 0.2])


def error_of(share: float, rows: int = ROWS) -> float:
    return float(np.sqrt(share * (1.0 - share) / rows))


@TOLERANCES
@pytest.mark.parametrize(("rate", "days"), [(1e-3, 20.0), (3e-5, 30.0)])
def test_a_rare_founder_of_a_population_with_a_limit_keeps_to_it(
    rate: float, days: float, tolerance: float
) -> None:
    """A capacity of 100, spread 10. Steps that look at frequent newcomers alone let rare ones grow to 1e8 cells, at any tolerance."""
    net = network({"X": 0}, ("0 -> X", f"{rate}"), ("X -> 2 X", "X"), ("X -> 0", "0.01*X*X"))
    x = simulate(net, [0.0, days], Hybrid(tolerance=tolerance, threshold=300.0), n=ROWS, seed=1)["X"][:, -1]
    exact = 1.0 - np.exp(-rate * days)
    assert x.max() < 170.0
    assert abs(np.mean(x > 0.0) - exact) < 5 * error_of(exact) + 0.02 * exact, (
        "of founders 1 in 100 dies before it divides"
    )


@TOLERANCES
def test_mutants_that_hardly_ever_come_do_not_act_in_all_rows(tolerance: float) -> None:
    """A mutant comes to 0.15 % of rows in 15 days and then kills; where none has come, none is killed.

    One step of many e-folds makes their mean anything, and 80 % of rows lose cells to it.
    """
    net = network(
        {"W": 1e6, "M": 0, "H": 40},
        ("W -> 2 W", "0.1*W"), ("W -> 0", "0.1*W"), ("W -> W + M", "1e-10*W"), ("M -> 2 M", "M"), ("M -> 0", "0.2*M"),
        ("H -> 0", "1e-3*H*M"),
    )  # fmt: skip
    out = simulate(net, [0.0, 15.0], Hybrid(tolerance=tolerance, threshold=300.0), n=ROWS, seed=1)
    came = 1.0 - np.exp(-15e-4)
    assert np.mean(out["H"][:, -1] < 40.0) < came + 5 * error_of(came)
    assert 0.5 * came < np.mean(out["M"][:, -1] > 0.0) < came + 5 * error_of(came)


@TOLERANCES
def test_a_rate_may_be_negative_by_the_error_of_a_concentration(tolerance: float) -> None:
    """Z dies at 0.5 (1 - C), and C is 1 but for what rare X do to it. What is negative by more than its error is reported."""
    changes = [("0 -> X", "0.0005"), ("X -> 2 X", "2*X"), ("X -> 0", "0.1*X"), ("C -> 0", "0.02*C*X")]
    for limit, failed in (("1", False), ("0.9", True)):
        reactions = [*changes, ("Z -> 0", f"0.5*Z*({limit} - C)")]
        net = network({"X": 0, "C": 1.0, "Z": 10}, *reactions, concentrations=("C",))
        if failed:
            with pytest.warns(UserWarning, match="negative_propensity"):
                out = simulate(net, [0.0, 6.0], Hybrid(tolerance=tolerance), n=20, seed=1)
            assert not out.ok.any()
            continue
        out = simulate(net, [0.0, 6.0], Hybrid(tolerance=tolerance, threshold=300.0), n=ROWS, seed=1)
        assert out.ok.all()
        assert np.mean(out["Z"][:, -1] < 10.0) < 0.003 + 5 * error_of(0.003)


def test_a_rate_that_is_negative_by_the_error_alone_does_not_stop_a_row() -> None:
    """Nothing else goes on that could excuse it: C stands above 1 by a part of its tolerance, and Z, who would die below, live."""
    net = network({"C": 1.0 + 1e-5, "Z": 10}, ("Z -> 0", "0.5*Z*(1 - C)"), concentrations=("C",))
    out = simulate(net, [0.0, 6.0], "hybrid", n=5, seed=1)
    assert out.ok.all()
    assert (out["Z"][:, -1] == 10.0).all()


def test_two_rates_may_be_negative_by_the_errors_of_two_concentrations() -> None:
    net = network(
        {"C": 1.0 + 1e-5, "D": 1.0 + 1e-5, "Z": 10},
        ("Z -> 0", "0.5*Z*(1 - C)"), ("Z -> 2 Z", "0.3*Z*(1 - D)"), concentrations=("C", "D"),
    )  # fmt: skip
    assert simulate(net, [0.0, 6.0], "hybrid", n=5, seed=1).ok.all()


def empty(source: float, birth: float, death: str, days: float) -> float:
    """Return the chance that none is there, of immigrants at a rate whose lines die by a hazard in time."""

    def slope(back: float, y: np.ndarray) -> list[float]:
        hazard = eval(death, {"exp": np.exp, "time": days - back})
        return [birth * y[0] ** 2 - (birth + hazard) * y[0] + hazard, source * (y[0] - 1.0)]

    return float(np.exp(solve_ivp(slope, (0.0, days), [0.0, 0.0], rtol=1e-9, atol=1e-12).y[1, -1]))


@TOLERANCES
@pytest.mark.parametrize(("birth", "death"), [(0.3, "3*exp(2*(time - 10))"), (0.1, "20*exp(-time)")])
def test_newcomers_meet_hazards_that_change_within_a_step(birth: float, death: str, tolerance: float) -> None:
    """To 5 standard errors and 0.004; a step that looks at hazards of present cells alone is off by 0.11 and 0.02."""
    net = network({"X": 0}, ("0 -> X", "0.05"), ("X -> 2 X", f"{birth}*X"), ("X -> 0", f"{death}*X"))
    x = simulate(net, [0.0, 10.0], Hybrid(tolerance=tolerance, threshold=300.0), n=ROWS, seed=1)["X"][:, -1]
    exact = empty(0.05, birth, death, 10.0)
    assert abs(np.mean(x == 0.0) - exact) < 5 * error_of(exact) + 0.004


@pytest.mark.slow
def test_the_first_newcomer_fires_a_trigger_though_he_dies_soon() -> None:
    """Arrivals at 0.1 a day, who live a day. Steps with a quarter of an event a cell miss one first visit in twelve."""
    net = network({"X": 10, "Y": 0}, ("X -> X + Y", "0.01*X"), ("Y -> 0", "Y"))
    net.event("first", when="Y > 0.5", stop=True)
    rows = 10_000
    fired = simulate(net, [0.0, 20.0], Hybrid(tolerance=0.2), n=rows, seed=1).fired["first"]
    for day in (5.0, 20.0):
        exact = 1.0 - np.exp(-0.1 * day)
        assert abs(np.mean(fired <= day) - exact) < 5 * error_of(exact, rows) + 0.01 * exact
        assert abs(0.92 * exact - exact) > 5 * error_of(exact, rows) + 0.01 * exact


@pytest.mark.parametrize(
    ("reactions", "when"),
    [
        pytest.param([("0 -> Y", "0.5"), ("Y -> 0", "5*Y")], "Y > 0.5", marks=pytest.mark.slow),
        pytest.param([("0 -> Y", "0.5"), ("Y -> 0", "5*Y")], "Y < 0.5", marks=pytest.mark.slow),
        pytest.param([("0 -> Y", "0.5"), ("Y -> Z", "5*Y")], "Y > 0.5", marks=pytest.mark.slow),
        pytest.param(
            [("0 -> 2 Y", "0.3"), ("Y -> 0", "5*Y"), ("0 -> 5 Z", "0.1")], "Y > 1.5", marks=pytest.mark.slow
        ),
        ([("0 -> Y", "1"), ("Y -> 0", "5*Y"), ("0 -> 5 Z", "0.1")], "Y > 1.5"),
    ],
    ids=["comes", "goes", "moves on", "two at once", "two meet"],
)
def test_triggers_of_few_cells_fire_as_often_as_they_should(
    reactions: list[tuple[str, str]], when: str
) -> None:
    """Against the exact method: how often a trigger has fired in ten days, and what was brought, to 5 standard errors of both and 3 %."""
    net = network({"Y": 0, "Z": 0, "fired": 0}, *reactions)
    net.event("met", when=when, add={"fired": 1})
    rows = 2_000
    found, exact = (
        simulate(net, [0.0, 10.0], kernel, n=rows, seed=1) for kernel in (Hybrid(tolerance=0.2), SSA())
    )
    for name in ("fired", "Z"):
        x, y = (run[name][:, -1] for run in (found, exact))
        assert abs(x.mean() - y.mean()) <= 5 * np.hypot(x.std(), y.std()) / np.sqrt(rows) + 0.03 * y.mean(), (
            name
        )


@pytest.mark.parametrize("arrival", ["0 -> Y", pytest.param("A -> A + Y", marks=pytest.mark.slow)])
def test_immigrants_come_while_another_population_is_counted_event_by_event(arrival: str) -> None:
    """Pairs form and part, which has no law of its own; none of the others came at all."""
    net = network(
        {"A": 30, "D": 0, "Y": 0},
        ("2 A -> D", "0.05*A*(A - 1)"),
        ("D -> 2 A", "2*D"),
        (arrival, "0.1" if arrival[0] == "0" else "0.01*A"),
    )
    rows = 4_000
    found, exact = (simulate(net, [0.0, 20.0], kernel, n=rows, seed=1) for kernel in (Hybrid(), SSA()))
    for name in ("Y", "D"):
        x, y = (run[name][:, -1] for run in (found, exact))
        assert abs(x.mean() - y.mean()) < 5 * np.hypot(x.std(), y.std()) / np.sqrt(rows)
    assert exact["Y"][:, -1].mean() > 1.0


@pytest.mark.parametrize("rho", [-8.0, -3.0, -1.0, 0.01, 1.0, 3.0, 8.0, 40.0])
def test_the_cells_that_are_lost_bring_theirs_at_their_mean_time(rho: float) -> None:
    """To 0.015 of the step; where rho is 0 the plain exponential would have a half for a third."""

    def there(s: float) -> float:
        return float((np.exp(-rho * s) - np.exp(-rho)) / (1.0 - np.exp(-rho)))

    tilt = drawing.tilt_of_lost(rho)
    times = [
        quad(lambda s: s * f(s), 0, 1, points=[0.1])[0] / quad(f, 0, 1, points=[0.1])[0]  # noqa: B023
        for f in (there, lambda s: float(np.exp(tilt * s)))
    ]
    assert times[1] == pytest.approx(times[0], abs=0.015)


def test_daughters_of_a_lone_cell_come_while_it_lives() -> None:
    """A cell that dies at 1 a day and its daughters, who do too: exp(-1) of them after a day.

    Their number is 7 % too large where the daughters of a cell that is lost come as late as those of many.
    """
    net = network({"A": 1, "D": 0}, ("A -> 0", "A"), ("A -> A + D", "A"), ("D -> 0", "D"))
    runs = [
        simulate(net, [0.0, 1.0], kernel, n=2 * ROWS, seed=1)["D"][:, -1]
        for kernel in (Hybrid(tolerance=0.5), SSA())
    ]
    for d in runs:
        error = d.std() / np.sqrt(2 * ROWS)
        assert abs(d.mean() - np.exp(-1.0)) < 5 * error
        assert 0.05 * np.exp(-1.0) > 5 * error
