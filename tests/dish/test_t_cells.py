"""CAR T cells one by one: exact laws of their lives in held surroundings, who is credited with kills, bytes.

Laws are exact. Statistical tests: n in each; seven p-values, each bound 1e-6/7 = 1.4e-7; seed 1.
With 20,000 lines a mean off by 0.05 standard deviations is seen with probability 0.97.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from sim.errors import InputError
from sim.kernels import t_cells as kernel
from sim.kernels._jit import DISABLED
from sim.kernels.status import CAPACITY, EVENT_BUDGET, NON_FINITE, OK
from sim.network.cells import CHUNKS
from sim.network.crew import Crew
from sim.network.t_cells import TCellLife, TCells

N = 400 if DISABLED else 20_000
FALSE_ALARM = 1.4e-7
DIVISION, DEATH, DAYS = 0.9, 0.4, 2.0


def told(**hazards: float) -> np.ndarray:
    """One product's cells are told these hazards; a programme without end unless it is given."""
    z = np.zeros((1, kernel.HAZARDS))
    z[0, kernel.PROGRAMME], z[0, kernel.PROGRAMME_POWER], z[0, kernel.EXHAUSTION_ORDER] = 1e9, 6.0, 1.0
    for name, value in hazards.items():
        z[0, getattr(kernel, name.upper())] = value
    return z


def lived(
    numbers: dict[str, int],
    z: np.ndarray,
    days: float = DAYS,
    steps: int = 1,
    room: int = 20 * N,
    seed: int = 1,
) -> TCells:
    cells = TCells(room)
    cells.add(0, numbers)
    life = TCellLife(cells, [(0, 1, 2, 3)], (seed, 0, 0))
    for _ in range(steps):
        assert life.live(days / steps, z, np.zeros(1), Crew()) == OK
    return cells


def phenotypes(cells: TCells) -> np.ndarray:
    return np.bincount(cells.gather()[0][kernel.PHENOTYPE], minlength=3)


@pytest.mark.parametrize("steps", [1, 7])
def test_effectors_divide_and_die_as_kendall_says_at_any_step(steps: int) -> None:
    """The total of N lines: mean and variance of the linear birth-death process."""
    cells = lived({"effectors": N}, told(division=DIVISION, effector_loss=DEATH), steps=steps)
    growth = math.exp((DIVISION - DEATH) * DAYS)
    variance = (DIVISION + DEATH) / (DIVISION - DEATH) * growth * (growth - 1.0)
    z = (cells.total - N * growth) / math.sqrt(N * variance)
    assert 2.0 * stats.norm.sf(abs(z)) > FALSE_ALARM
    # Control: a death rate of half is found.
    wrong = math.exp((DIVISION - 0.5 * DEATH) * DAYS)
    assert abs(cells.total - N * wrong) / math.sqrt(N * variance) > 6.0


def test_mean_age_rises_with_the_rate_of_division() -> None:
    """Half its divisions is a cell's age: without death the mean over the cells grows by the rate of division, as in the network."""
    cells = lived({"effectors": N}, told(division=DIVISION))
    divisions = cells.gather()[1][kernel.DIVISIONS]
    lines = stats.sem(divisions) * math.sqrt(math.exp(DIVISION * DAYS))  # cells of one line are alike
    assert abs(0.5 * divisions.mean() - DIVISION * DAYS) < 6.0 * 0.5 * lines
    assert abs(divisions.mean() - DIVISION * DAYS) > 6.0 * 0.5 * lines, (
        "control: an age of one a division is found"
    )


def test_the_programme_ends_division() -> None:
    """Past its programme of one e-fold (two divisions) a cell hardly divides: 4 of 2^24 are too many."""
    cells = lived(
        {"effectors": 50}, told(division=8.0, programme=1.0, programme_power=30.0), days=3.0, room=50_000
    )
    divisions = cells.gather()[1][kernel.DIVISIONS]
    assert divisions.max() <= 4
    assert divisions.min() >= 2


def test_memory_cells_are_recruited_as_two_effectors_at_the_beginning_of_their_programme() -> None:
    cells = lived({"memory": N}, told(recruitment=0.5, memory_loss=0.3))
    memory, effectors, _ = phenotypes(cells)
    gone = 1.0 - math.exp(-0.8 * DAYS)
    assert stats.binomtest(int(memory), N, 1.0 - gone).pvalue > FALSE_ALARM
    assert effectors % 2 == 0
    assert stats.binomtest(int(effectors) // 2, N, gone * 0.5 / 0.8).pvalue > FALSE_ALARM
    assert not cells.gather()[1][kernel.DIVISIONS].any()


@pytest.mark.parametrize("order", [1.0, 3.0])
def test_exhaustion_comes_with_cumulative_stimulation(order: float) -> None:
    """Share exhausted at a stimulation S = signal x days: 1 - exp(-(xi S)^k), whatever the steps."""
    rate, signal = 0.7, 0.6
    z = told(exhaustion=rate * signal, signal=signal, exhaustion_rate=rate, exhaustion_order=order)
    cells = lived({"effectors": N}, z, steps=3)
    _, effectors, exhausted = phenotypes(cells)
    share = 1.0 - math.exp(-((rate * signal * DAYS) ** order))
    assert effectors + exhausted == N
    assert stats.binomtest(int(exhausted), N, share).pvalue > FALSE_ALARM
    np.testing.assert_allclose(cells.gather()[2], signal * DAYS, rtol=1e-5)


def test_memory_forms_and_exhausted_cells_die() -> None:
    cells = lived({"effectors": N, "exhausted": N}, told(memory_formation=0.4, exhausted_loss=0.9))
    memory, effectors, exhausted = phenotypes(cells)
    assert memory + effectors == N
    assert stats.binomtest(int(memory), N, 1.0 - math.exp(-0.4 * DAYS)).pvalue > FALSE_ALARM
    assert stats.binomtest(int(exhausted), N, math.exp(-0.9 * DAYS)).pvalue > FALSE_ALARM


def test_kills_go_to_killers_in_proportion_to_their_activity_and_none_is_lost() -> None:
    """Effectors 1, exhausted cells a fifth, memory cells none: totals by phenotype are binomial, and of single cells Poisson-like."""
    each = 300 if DISABLED else 3_000
    cells = TCells(10 * each)
    cells.add(0, {"memory": each, "effectors": each, "exhausted": each})
    life = TCellLife(cells, [(0, 1, 2, 3)], (1, 0, 0))
    kills = 10 * each
    left = np.array([float(kills)])
    assert life.live(0.0, told(exhausted_activity=0.2), left, Crew()) == OK
    marks, counts, _ = cells.gather()
    by = np.bincount(marks[kernel.PHENOTYPE], weights=counts[kernel.KILLS], minlength=3)
    assert by.sum() == kills
    assert by[kernel.MEMORY] == 0
    assert stats.binomtest(int(by[kernel.EFFECTOR]), kills, 1.0 / 1.2).pvalue > FALSE_ALARM
    own = counts[kernel.KILLS][marks[kernel.PHENOTYPE] == kernel.EFFECTOR]
    mean = kills / 1.2 / each
    assert abs(own.var() / mean - 1.0) < 6.0 * math.sqrt(2.0 / each)
    assert left[0] == 0.0


def test_kills_without_a_killer_are_told() -> None:
    cells = TCells(100)
    cells.add(0, {"memory": 5})
    life = TCellLife(cells, [(0, 1, 2, 3)], (1, 0, 0))
    left = np.array([7.0])
    assert life.live(0.1, told(), left, Crew()) == OK
    assert left[0] == 7.0


def test_neither_threads_nor_the_order_of_chunks_change_a_byte(monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    z = told(division=1.0, effector_loss=0.3, memory_formation=0.2, recruitment=0.4)
    singly = [(c, c + 1) for c in range(CHUNKS)]
    for threads, tasks in ((1, [(0, CHUNKS)]), (1, singly[::-1]), (2, singly)):
        cells = TCells(10_000)
        cells.add(0, {"effectors": 900, "memory": 100})
        life = TCellLife(cells, [(0, 1, 2, 3)], (1, 2, 3))
        with Crew(threads) as crew:
            monkeypatch.setattr(crew, "tasks", lambda _, tasks=tasks: tasks)
            for _ in range(4):
                assert life.live(0.3, z, np.array([50.0]), crew) == OK
        found.append([part.tobytes() for part in cells.gather()])
    assert found[0] == found[1] == found[2]


def test_no_room_and_no_number_are_a_status() -> None:
    cells = TCells(64)
    cells.add(0, {"effectors": 64})
    life = TCellLife(cells, [(0, 1, 2, 3)], (1, 0, 0))
    assert life.live(30.0, told(division=5.0), np.zeros(1), Crew()) == CAPACITY
    assert life.live(0.1, told(division=math.nan), np.zeros(1), Crew()) == NON_FINITE


def test_more_events_than_the_budget_are_a_status(monkeypatch: pytest.MonkeyPatch) -> None:
    if DISABLED:  # two minutes' work as plain Python
        monkeypatch.setattr(kernel, "CANDIDATES", 1e3)
    cells = TCells(64)
    cells.add(0, {"effectors": 16})
    life = TCellLife(cells, [(0, 1, 2, 3)], (1, 0, 0))
    endless = told(
        division=1e12, programme=1e-3, programme_power=40.0
    )  # candidates without end, of which none divides
    assert life.live(1.0, endless, np.zeros(1), Crew()) == EVENT_BUDGET


def test_a_product_that_the_model_has_not_is_one_line() -> None:
    cells = TCells(100)
    cells.add(7, {"effectors": 5})
    with pytest.raises(InputError, match="product 7; the model has 1, numbered from 0; correct the number"):
        TCellLife(cells, [(0, 1, 2, 3)], (1, 0, 0))


def test_cells_are_dealt_to_all_chunks_again_where_one_has_too_many() -> None:
    cells = TCells(10_000)
    cells.add(0, {"effectors": 1600})
    for c in range(1, CHUNKS):
        cells.number[c] = 0
    cells.number[0] = 100
    cells.level()
    assert cells.number.max() <= 7
    assert cells.total == 100


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ({"effector": 3}, "phenotype: 'effector'; must be one of memory, effectors, exhausted"),
        ({"effectors": -1}, "effectors: -1"),
        ({"effectors": 101}, "CAR T cells: 101; there is room for 100; give fewer, or more room"),
    ],
)
def test_wrong_numbers_are_one_line(numbers: dict[str, int], message: str) -> None:
    with pytest.raises(InputError, match=message.replace("(", r"\(")):
        TCells(100).add(0, numbers)
