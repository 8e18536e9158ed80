"""Reactions that the hybrid kernel counts one by one: which, how many at the moment that was foreseen, and none that
cannot be."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import expm

from sim.kernels import counted
from sim.network.simulation import Hybrid, simulate
from tests.kernels.small_networks import network
from tests.kernels.test_step_bounds import Stand


def pairs(a: float, b: float) -> Stand:
    """Two kinds of pairs: of A at 0.1 A (A - 1), of B at 0.3 B (B - 1)."""
    net = network({"A": 0, "B": 0}, ("2 A -> 0", "0.1*A*(A - 1)"), ("2 B -> 0", "0.3*B*(B - 1)"))
    return Stand(net, a, b)


def fire(here: Stand) -> bool:
    return bool(counted.fire_counted(0.0, here.structure, here.hazards, here.work, here.laws, here.stream))


def test_a_pair_is_of_either_kind_by_the_rates_and_there_is_none_of_a_single_cell() -> None:
    """Three of each: 0.6 and 1.8. Of 400 pairs a quarter is of A, to 5 standard errors."""
    here, of_a = pairs(3, 3), 0
    for _ in range(400):
        here.x[:2] = [3, 3]
        assert fire(here)
        assert sorted(here.x[:2].tolist()) == [1, 3]
        of_a += here.x[0] == 1
    assert of_a == pytest.approx(100, abs=5 * np.sqrt(400 * 0.25 * 0.75))
    here.x[:2] = [1, 1]
    assert not fire(here)
    assert here.x[:2].tolist() == [1, 1]
    here.x[:2] = [1, 2]
    assert fire(here), "the one that can"
    assert here.x[:2].tolist() == [1, 0]


def test_as_many_fire_as_the_rate_has_become_of_what_was_foreseen() -> None:
    """20 of A: a rate of 38. Foreseen as half of that two fire, as twice that one in two (n = 300), as nothing the
    one that was due."""
    here = pairs(20, 0)

    def due(foreseen: float) -> int:
        here.x[:2] = [20, 0]
        number = counted.fire_due(
            0.0, foreseen, here.structure, here.hazards, here.work, here.laws, here.stream
        )
        assert here.x[0] == 20 - 2 * number
        return int(number)

    assert [due(foreseen) for foreseen in (38.0, 19.0, 0.0, -1.0)] == [1, 2, 1, 1]
    thinned = [due(76.0) for _ in range(300)]
    assert set(thinned) == {0, 1}
    assert np.mean(thinned) == pytest.approx(0.5, abs=5 * 0.5 / np.sqrt(300))


def test_pairs_of_few_are_counted_beside_the_same_reaction_of_very_many() -> None:
    """A million B follow 1/(1/b + 2 k t); ten A have the law of their master equation (6 states), whichever is
    declared first. n = 150."""
    net = network(
        {"B": 1e6, "A": 10},
        ("2 B -> 0", "1e-6*B*(B - 1)"),
        ("2 A -> 0", "0.02*A*(A - 1)"),
    )
    out = simulate(net, [0, 1.0], Hybrid(rtol=1e-5), n=150, seed=1)
    np.testing.assert_allclose(out["B"][:, -1], 1 / (1e-6 + 2e-6), rtol=1e-4)
    states = np.arange(10.0, -1, -2)
    rates = 0.02 * states * (states - 1)
    law = expm(np.diag(-rates) + np.diag(rates[:-1], -1))[:, 0]
    mean = law @ states
    a = out["A"][:, -1]
    assert set(np.unique(a)) <= set(states)
    assert a.mean() == pytest.approx(mean, abs=5 * np.sqrt((law @ states**2 - mean**2) / 150))
