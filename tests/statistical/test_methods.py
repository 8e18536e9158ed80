"""Every stochastic method on every case: means, variances, whole laws, extinction, independence of rows.

n = `ROWS` rows a sample, seed 1; the effects that are found at that size are in test_checks.py, computed there with their power. False
alarms: `FAMILY` for all questions together, by bounds that hold at any n. `make verify` (verify.py) asks the same of every pair of case and
method in `MORE_ROWS` rows: there, a mean off by 0.03 standard deviations is found.
"""

from __future__ import annotations

import numpy as np
import pytest

from sim.errors import NetworkError
from sim.network.simulation import ODE, simulate
from tests.statistical.cases import CASES, EXACT, PROMISED, TABLES
from tests.statistical.checks import power
from tests.statistical.suite import MORE_ROWS, ROWS, alarms, answers, level, sample

PAIRS = [(name, method) for name, case in CASES.items() for method in case.methods]
QUICK = [(name, method) for name, method in PAIRS if method not in CASES[name].costly]


@pytest.mark.parametrize(("name", "method"), QUICK)
def test_a_method_has_the_law(name: str, method: str) -> None:
    x = sample(CASES[name], method, ROWS, seed=1)
    assert np.all(x == np.floor(x))
    assert np.all(x >= 0)
    assert not alarms(answers(name, method, x))


def test_ten_times_as_many_rows_find_an_effect_of_three_hundredths() -> None:
    law = CASES["birth-death, few"].law(2.0)
    assert power("mean", law, MORE_ROWS, level()).effect < 0.03


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.linear])
def test_the_differential_equations_give_the_mean_of_linear_networks(name: str) -> None:
    case = CASES[name]
    out = simulate(case.network, [0.0, *case.times], ODE(rtol=1e-9, atol=1e-9), threads=1)
    exact = [case.law(t).mean * (case.unit or 1.0) for t in case.times]
    np.testing.assert_allclose(out[case.observed][0, 1:], exact, rtol=1e-7)
    assert np.all(np.abs(out[case.observed][0, 1:] / np.array(exact) - 1.001) > 1e-7), "one per mille is seen"


@pytest.mark.parametrize("method", ["ssa", "tau_leap"])
@pytest.mark.parametrize("name", [name for name, case in CASES.items() if set(case.methods) == {"hybrid"}])
def test_the_direct_method_and_the_leap_refuse_what_only_the_hybrid_is_asked(name: str, method: str) -> None:
    """Concentrations, rates that depend on time; a start with half a cell they round."""
    case = CASES[name]
    if name == "from half a cell":
        assert np.all(simulate(case.network, [0.0, 1e-9], method, n=50)["X"] == 3.0)
    else:
        with pytest.raises(NetworkError, match="use kernel hybrid"):
            simulate(case.network, [0.0, *case.times], method)


def test_no_case_has_more_room_than_is_promised() -> None:
    rooms = {(name, method): room for name, case in CASES.items() for method, room in case.methods.items()}
    assert max(room.mean for room in rooms.values()) <= PROMISED
    assert all(room == EXACT for (_, method), room in rooms.items() if method in ("ssa", TABLES))


@pytest.mark.parametrize("method", ["ssa", "tau_leap", "hybrid"])
def test_another_seed_is_another_sample_and_the_same_seed_the_same(method: str) -> None:
    case = CASES["birth-death, few"]
    one, same, other = (sample(case, method, 1000, seed) for seed in (1, 1, 2))
    assert one.tobytes() == same.tobytes()
    assert np.mean(one == other) < 0.5
