"""What is measured checks itself: every kernel on every network that it takes, and a wrong one is found."""

from __future__ import annotations

import numpy as np
import pytest

from sim.bench import cases as measured
from sim.bench.cases import KERNELS, SIZES, all_cases, chain, kernel_cases
from sim.errors import CartsimError
from sim.network.simulation import simulate


def test_every_kernel_meets_every_size_that_it_takes():
    names = {case.name for case in kernel_cases()}
    wanted = {f"{kernel}, {size}" for kernel in KERNELS for size in SIZES}
    assert wanted - names == {"ssa, leukaemia", "tau_leap, leukaemia"}
    assert len(names) == len(kernel_cases())
    assert len({case.name for case in all_cases()}) == len(all_cases())


@pytest.mark.parametrize("name", ["ode, small", "ssa, small", "ode, chain", "hybrid, leukaemia"])
def test_a_case_runs_and_finds_its_result_right(name):
    (case,) = [case for case in kernel_cases() if case.name == name]
    case.run()


def test_a_wrong_mean_is_found(monkeypatch):
    def wrong(*arguments, **options):
        out = simulate(*arguments, **options)
        out.values[:] *= 1.2
        return out

    monkeypatch.setattr("sim.network.simulation.simulate", wrong)
    (case,) = [case for case in kernel_cases() if case.name == "ssa, small"]
    with pytest.raises(CartsimError, match="mean"):
        case.run()


def test_a_failed_row_is_found(monkeypatch):
    def failed(*arguments, **options):
        out = simulate(*arguments, **options)
        out.status[0] = 1
        return out

    monkeypatch.setattr("sim.network.simulation.simulate", failed)
    (case,) = [case for case in kernel_cases() if case.name == "ode, leukaemia"]
    with pytest.raises(CartsimError, match="1 rows failed"):
        case.run()


def test_a_process_that_fails_is_an_error_with_its_last_line():
    measured._process("-c", "import sim.bench")
    with pytest.raises(CartsimError, match=r"exit code 3, gone"):
        measured._process("-c", "import sys; print('gone', file=sys.stderr); sys.exit(3)")


def test_the_mean_of_the_chain_is_that_of_its_equations():
    """Erlang's law of 32 steps against the equations at a tight tolerance."""
    net = chain()
    out = simulate(net, [0.0, 32.0], "ode")
    total = sum(out[f"X{stage}"][0, -1] for stage in range(measured.STAGES))
    assert total == pytest.approx(1000.0 * measured._still_in_the_chain(32.0), rel=1e-3)
    assert np.isfinite(total)
