"""Single cells beside the classes of the grid: the law of few in surroundings that hold still, the course of many that do not, and no cell lost.

Densities lie on the levels of the grid and stay there, so that both simulate the same leukaemia (tests/models/held.py). The law of few: rows of
cells beside rows of kernel `ssa`, whose shares stand for the law (they are 50 times as many, so its own error widens a bound by 1 %); p-values of
tests/statistical/checks.py, which hold without approximation, or Fisher's exact test. Every question has the level `LEVEL`, and all of them
raise a false alarm less than once in a million.

What a step may be off by (`room`): chance in the number of cells is felt by the killers at the next step only. Means do not care; a variance lacks
some half a step times the rate at which the coupling makes a deviation grow, here about 1/day. So the variance has half a step as room, in parts
of itself, and the mean one per cent.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from sim.kernels import status as codes
from sim.kernels._jit import DISABLED
from sim.kernels.pausing import PAUSED
from sim.models.agents import agent_model
from sim.models.design import Design, ProductDesign
from sim.models.handover import hand_over
from sim.models.leukaemia import build
from sim.network.agents import AgentRow, Agents, simulate_agents
from sim.network.crew import Crew
from sim.network.handover import SAMPLE, HandingOver, simulate_handing_over
from sim.network.network import Network
from sim.network.simulation import ODE, Hybrid, simulate
from tests.models.held import FROZEN, counted, held_agents, held_classes, on_the_grid
from tests.statistical import checks
from tests.statistical.oracles import Law

pytestmark = pytest.mark.skipif(DISABLED, reason="the compiler is off")

Floats = NDArray[np.float64]
QUESTIONS = 250
LEVEL = 1e-6 / QUESTIONS

# --- few cells, surroundings held ------------------------------------------------------------------------------------

FEW = Design(products=(ProductDesign("a", ("cd19",)), ProductDesign("b", ("cd22",))), niche=False)
CLASSES = FEW.leukaemia()
FOUNDERS = {
    "marrow_two_level0": 12,
    "marrow_two_level1": 50,
    "marrow_two_level2": 10,
    "marrow_one_level1": 10,
    "marrow_none_level1": 4,
}
# Some 90 targets beside a half-saturation of 20 and 28 effectors: killing is strong, and each target keeps it from the others.
RATES = {
    **FROZEN, "net_growth_rate": 0.5, "blast_death_rate": 0.1, "leukaemia_cells_per_kg": 6.0, "first_hit_rate": 0.1, "second_hit_rate": 0.02,
    "cd22_loss_rate": 0.02, "lineage_switch_rate": 0.002, "killing_rate": 4.0, "killing_saturation": 20.0, "effectors_a": 24.0, "effectors_b": 4.0,
    "threshold_a_cd19": 8000.0, "threshold_b_cd22": 1500.0, "b_cells": 0.0,
}  # fmt: skip
LOOKS = (1.0, 2.0, 4.0, 7.0, 10.0)
RELAPSE = 40
"""Cells at which a row has relapsed."""


def ssa_rows(n: int, seed: int, network: Network | None = None, **changed: float) -> Floats:
    """Numbers by class of rows of `ssa`, shape (n, looks, classes)."""
    network = held_classes(FEW) if network is None else network
    known = {p.name for p in network.all_parameters}
    given = {name: value for name, value in (RATES | changed).items() if name in known}
    start = {name: float(number) for name, number in FOUNDERS.items()}
    rows = simulate(network, (0.0, *LOOKS), "ssa", n=n, seed=seed, parameters=given, initial=start, outputs=CLASSES)  # fmt: skip
    assert rows.ok.all()
    return np.stack([rows[name][:, 1:] for name in CLASSES], axis=2)


@cache
def reference(n: int) -> Floats:
    return ssa_rows(n, seed=2)


@cache
def cell_rows(n: int, step: float) -> Floats:
    """Numbers by class of rows of cells, shape (n, looks, classes)."""
    described, options, times = held_agents(FEW), Agents(step=step, capacity=5_000), np.array((0.0, *LOOKS))
    out = np.full((n, len(LOOKS), len(CLASSES)), np.nan)
    for i in range(n):
        row = AgentRow(described, options, times, ("leukaemia_cells",), (1, 0, i), RATES, {})
        cells = on_the_grid(FEW, FOUNDERS, options.capacity)

        def look(row: AgentRow = row, cells: Any = cells, own: Floats = out[i]) -> None:
            if row.now in LOOKS:
                own[LOOKS.index(row.now)] = counted(FEW, cells)

        assert row.live(cells, 0.0, Crew(), lambda total, look=look: bool(look())) == PAUSED
        look()
        assert row.surroundings.advance(math.inf) == codes.OK
        np.testing.assert_array_equal(row.surroundings.out[1:, 0], out[i].sum(axis=1))
    return out


def law_of(numbers: Floats) -> Law:
    return Law(np.bincount(numbers.astype(int)) / len(numbers))


def phenotypes(rows: Floats) -> dict[str, NDArray[np.bool_]]:
    """What most cells of a row are at the first look at which it has relapsed, by name; or that it never has."""
    total = rows.sum(axis=2)
    # The disease at the start is no relapse: looks count from the fourth day on.
    over = (total >= RELAPSE) & (np.array(LOOKS) >= 4.0)
    first = over.argmax(axis=1)
    at = rows[np.arange(len(rows)), first]
    negative = at[:, [k for k, c in enumerate(FEW.grid.classes) if c.cd19 == "none"]].sum(axis=1)
    dim = at[:, [k for k, c in enumerate(FEW.grid.classes) if c.cd22 in ("level0", "lost")]].sum(axis=1)
    relapsed, total = over.any(axis=1), at.sum(axis=1)
    negative, dim = 2 * negative > total, 2 * dim > total
    return {
        "none": ~relapsed,
        "CD19-negative": relapsed & negative & ~dim,
        "CD19-negative and CD22-low": relapsed & negative & dim,
        "CD19-positive": relapsed & ~negative,
    }


def questions(rows: Floats, exact: Floats, step: float) -> Iterator[tuple[str, float]]:
    """Name and p-value of every question."""
    room = checks.Room(mean=0.01, variance=0.5 * step)
    for k, day in enumerate(LOOKS):
        total = law_of(exact[:, k].sum(axis=1))
        for name in ("mean", "variance", "law"):
            yield f"total, day {day:g}, {name}", checks.STATISTICS[name](rows[:, k].sum(axis=1), total, room)
        if day >= 4.0:
            yield f"gone by day {day:g}", fisher(rows[:, k].sum(axis=1) == 0, exact[:, k].sum(axis=1) == 0)
    for k in (1, 2):
        for c, name in enumerate(CLASSES):
            own = law_of(exact[:, k, c])
            if own.mean < 0.2:
                continue
            for what in ("mean", "variance", "law"):
                yield (
                    f"{name}, day {LOOKS[k]:g}, {what}",
                    checks.STATISTICS[what](rows[:, k, c], own, room),
                )
    found, known = phenotypes(rows), phenotypes(exact)
    for name in found:
        yield f"relapse: {name}", fisher(found[name], known[name])


def fisher(some: NDArray[np.bool_], others: NDArray[np.bool_]) -> float:
    table = [[int(x.sum()), int((~x).sum())] for x in (some, others)]
    return float(stats.fisher_exact(table).pvalue)


def worst(rows: Floats, exact: Floats, step: float) -> tuple[float, str]:
    return min((p, name) for name, p in questions(rows, exact, step))


ROWS, STEP = 300, 0.125


def test_few_cells_have_the_law_of_the_direct_method() -> None:
    """Mean, variance and law of the total on five days and of classes on two, extinction, phenotype of relapse: 300 rows of cells, 15,000 of `ssa`.

    With a power of 0.99 are found: a mean of the total that is off by 0.56 standard deviations, and a share that is off by 0.2.
    """
    exact, rows = reference(50 * ROWS), cell_rows(ROWS, STEP)
    asked = list(questions(rows, exact, STEP))
    # Those of the slow test are as many.
    assert 60 < len(asked) < 0.35 * QUESTIONS
    assert not [(name, p) for name, p in asked if p < LEVEL]
    # What is asked happens: extinction, both ways to relapse, and neither.
    assert 0.1 < np.mean(exact[:, -1].sum(axis=1) == 0) < 0.5
    assert all(np.mean(kind) > 0.05 for name, kind in phenotypes(exact).items() if name != "CD19-positive")
    total = law_of(exact[:, 1].sum(axis=1))
    assert checks.power("mean", total, ROWS, LEVEL, room=checks.Room(mean=0.01)).effect < 0.56


def broken() -> dict[str, Floats]:
    """Rows as wrong single cells would have them: by `ssa`, as many as those of cells."""
    net = held_classes(FEW)
    unsaturated = net.with_(definitions={f"recognised_{p.name}": 0.0 for p in FEW.products})
    return {
        "killing a tenth too slow": ssa_rows(ROWS, 3, killing_rate=0.9 * RATES["killing_rate"]),
        "first hit for one copy of two": ssa_rows(ROWS, 3, first_hit_rate=0.5 * RATES["first_hit_rate"]),
        "targets that keep no killer busy": ssa_rows(ROWS, 3, unsaturated),
        "CD22 lost at twice the rate": ssa_rows(ROWS, 3, cd22_loss_rate=2.0 * RATES["cd22_loss_rate"]),
        "half the variance": ssa_rows(2 * ROWS, 3).reshape(2, ROWS, len(LOOKS), -1).mean(axis=0).round(),
    }


def test_wrong_cells_would_be_found() -> None:
    exact = reference(50 * ROWS)
    assert worst(ssa_rows(ROWS, 3), exact, STEP)[0] > LEVEL, "right rows"
    missed = {name: worst(rows, exact, STEP) for name, rows in broken().items()}
    assert not {name: p for name, p in missed.items() if p[0] > LEVEL}


@pytest.mark.slow
def test_more_rows_of_few_cells_have_the_law_of_the_direct_method() -> None:
    """Likewise with 2,000 rows of half the step, beside 100,000: a mean off by 0.25 standard deviations, a share off by 0.08 and a variance off by 0.6 of itself are found."""
    exact, rows = reference(100_000), cell_rows(2_000, 0.0625)
    assert not [(name, p) for name, p in questions(rows, exact, 0.0625) if p < LEVEL]


# --- many cells, surroundings that move ------------------------------------------------------------------------------

SIZE = 1e-5
"""Body over that of 70 kg: a million leukaemia cells stand for 1e11, and the ODE in cells/kg is the same."""
MANY = Design(products=FEW.products)
COUNTED = MANY.leukaemia()
DAYS = np.arange(5.0)
START = {
    "marrow_two_level0": 100_000,
    "marrow_two_level1": 400_000,
    "marrow_two_level2": 100_000,
    "marrow_one_level1": 100_000,
    "marrow_none_level1": 100_000,
    "marrow_one_level0": 100_000,
    "niche_two_level1": 100_000,
}
# Effectors expand threefold and more, an infusion comes between two steps, and the bright cells go first: all within few steps.
COURSE = {
    **FROZEN, **{f"limit_{cause}": 1e9 for cause in ("leukaemia", "treatment", "infection", "background")}, "weight": 70.0 * SIZE,
    "first_hit_rate": 0.02, "second_hit_rate": 0.02, "cd22_loss_rate": 0.01, "niche_share": 0.1, "niche_exchange": 0.2, "threshold_a_cd19": 8000.0,
    "infusion_time_a_0": 1.0625, "infusion_cells_a_0": 2e9 * SIZE,
}  # fmt: skip
HOST = {
    "b_cells": 1.5e10 * SIZE, "host_lymphocytes": 3e10 * SIZE, "anti_car_a": 1e5 * SIZE, "anti_car_b": 1e5 * SIZE, "effectors_a": 3e8 * SIZE,
    "effectors_b": 5e8 * SIZE, "il7_15": 3.0,
}  # fmt: skip
SEEN = ("leukaemia_cells", "cd19_negative_cells", "effectors_a", "effectors_b")


@cache
def mean_course(killing_rate: float = 16.0) -> tuple[Floats, Floats]:
    """`SEEN` by day, and the classes at the end, by kernel `ode`."""
    network = build(MANY)
    known = {p.name for p in network.all_parameters}
    given = {name: value for name, value in COURSE.items() if name in known} | {"killing_rate": killing_rate}
    start = HOST | {name: float(number) for name, number in START.items()}
    run = simulate(network, DAYS, ODE(rtol=1e-9), parameters=given, initial=start, outputs=(*SEEN, *COUNTED))
    return np.stack([run[name][0] for name in SEEN], axis=1), np.array([run[c][0, -1] for c in COUNTED])


@cache
def course_of_cells(step: float, seed: int = 1) -> tuple[Floats, Floats]:
    """The same of a million cells; nothing but they is left to chance."""
    single = replace(MANY, agents=True)
    described, cells = agent_model(single, build(single)), on_the_grid(MANY, START, 4_000_000)
    surroundings = Hybrid(rtol=1e-7, threshold=0.0)
    values, status = simulate_agents(
        described, DAYS, cells, COURSE | {"killing_rate": 16.0}, HOST, SEEN, Agents(step=step, capacity=4_000_000, surroundings=surroundings),
        seed=seed, threads=2,
    )  # fmt: skip
    assert status == codes.OK
    return values, counted(MANY, cells)


def off_by_more(found: Floats, expected: Floats) -> NDArray[np.bool_]:
    """More than one per cent and six times what counting makes uncertain; the killers pass on the noise of their targets."""
    return np.abs(found - expected) > 0.01 * expected + 6.0 * np.sqrt(expected + 1.0)


def test_many_cells_follow_the_ode_of_the_classes() -> None:
    """Leukaemia, effectors, and the end of each of 26 classes at two sites, of a million treated cells: within 1 % and six standard errors."""
    (values, classes), (expected, ends) = course_of_cells(1 / 16), mean_course()
    assert not off_by_more(values, expected).any()
    assert not off_by_more(classes, ends).any()
    assert np.sum(ends > 100) > 9
    assert expected[-1, 0] < 0.1 * expected[0, 0]
    assert expected[-1, 3] > 5.0 * expected[0, 3]
    wrong, wrong_ends = mean_course(16.0 * 0.97)
    assert off_by_more(values, wrong).any(), "killing that is 3 % slower would be seen"
    assert off_by_more(classes, wrong_ends).any()


RUNS = 6


def order() -> Floats:
    """Slopes of the error of the two effectors on the last day, mean of `RUNS` runs, from steps of 1/2 day to 1/4."""
    exact = mean_course()[0][-1, 2:]
    errors = [
        np.mean([course_of_cells(h, seed)[0][-1, 2:] / exact - 1.0 for seed in range(1, RUNS + 1)], axis=0)
        for h in (0.5, 0.25)
    ]
    return np.asarray(np.log2(errors[0] / errors[1]))


def test_the_split_of_cells_and_surroundings_is_of_second_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """Effectors of two products on day 4 at steps of 1/2 and 1/4 day, beside the ODE: errors of 6 and 8 % fall fourfold.

    One run's effectors differ from another's by 0.2 % (five seeds), the mean of six from that of others by 0.08 %, where the error is 1.3 % and
    more: the slope is uncertain by 0.1, and the bounds lie four such and more away. Cells that told what they look like at the begin of a step,
    not in its middle, would be of first order.
    """
    found = order()
    assert ((found > 1.6) & (found < 2.5)).all()
    monkeypatch.setattr(AgentRow, "_foreseen", lambda self, now, ahead, number, means: means)
    course_of_cells.cache_clear()
    assert (order() < 1.6).all()
    course_of_cells.cache_clear()


# --- no cell is lost -------------------------------------------------------------------------------------------------

CHANGING = Design(niche=True)
LIFE = {"net_growth_rate": 0.0, "blast_death_rate": 1.0, "niche_share": 0.3, "niche_exchange": 0.5, "first_hit_rate": 0.05}  # fmt: skip
BEGIN = {"marrow_two_level0": 4.25, "marrow_two_level1": 20.5, "niche_one_level2": 3.0, "marrow_none_lost": 0.75}  # fmt: skip


def test_numbers_of_the_classes_are_kept_at_every_change_between_counts_and_cells() -> None:
    """120 rows of some 28 cells that become counts above 60, and cells again at 30 or below.

    Whole cells are those of the counts, a fraction made whole at random: its mean over the rows is off by less than 6 standard errors, 0.24 to
    0.27 of a cell.
    """
    described = hand_over(CHANGING)
    made: list[Floats] = []
    changes: list[str] = []

    def to_cells(numbers: NDArray[np.int64], luck: Floats, p: Mapping[str, float]) -> Any:
        values, marks = described.to_cells(numbers, luck, p)
        assert values.shape[1] == marks.shape[1] == numbers.sum()
        np.testing.assert_array_equal(described.to_counts(values, marks, p), numbers)
        if numbers.sum() not in (0, SAMPLE):  # those are made to show their densities alone
            changes.append("cells")
            made.append(numbers)
        return values, marks

    def to_counts(values: Any, marks: Any, p: Mapping[str, float]) -> Floats:
        numbers = described.to_counts(values, marks, p)
        assert numbers.sum() == values.shape[1]
        changes.append("counts of many" if numbers.sum() > 60 else "counts")
        return numbers

    firsts = []
    for i in range(120):
        begun = len(made)
        rows = simulate_handing_over(
            replace(described, to_cells=to_cells, to_counts=to_counts), [0.0, 30.0], HandingOver(below=30, look=0.5), seed=1, first_replicate=i,
            parameters=LIFE, initial=BEGIN, outputs=["leukaemia_cells"], threads=1,
        )  # fmt: skip
        assert rows.ok.all()
        firsts.append(made[begun])
    assert 2 * changes.count("cells") == len(changes) > 260, "some become cells for a second time"
    assert changes.count("counts of many") > 10
    first = np.array(firsts)
    for name, number in zip(described.classes, first.T, strict=True):
        expected = BEGIN.get(name, 0.0)
        part = expected % 1.0
        assert set(number) <= {math.floor(expected), math.ceil(expected)}
        assert abs(number.mean() - expected) <= 6.0 * math.sqrt(part * (1.0 - part) / len(first))


@pytest.mark.parametrize("day", [1.0, 1.001, 1.00001])
def test_what_an_event_does_is_no_trend(day: float) -> None:
    """20,000 cells, chemotherapy of one log just after a step's end: cells on day 2 at steps of 1/4 as at 1/64, mean of four runs.

    Their means are of some 300 cells, uncertain by 4 %; what cells look like, extrapolated from the short step that the event ends, left
    thirteen to eighteen.
    """
    design = Design(products=(ProductDesign("a", ("cd19",)),), niche=False, agents=True, chemotherapies=1)
    described = agent_model(design, build(design))
    rates = {
        **FROZEN, "chemotherapy_time_0": day, "chemotherapy_log_kill_0": 1.0, "weight": 70e-4, "killing_rate": 4.0, "net_growth_rate": 0.1,
    }  # fmt: skip
    host = {"effectors_a": 1e5, "b_cells": 0.0, "host_lymphocytes": 3e6}

    def left(step: float) -> float:
        total = 0.0
        for seed in range(1, 5):
            cells = on_the_grid(Design(niche=False), {"marrow_two_level1": 20_000}, 80_000)
            values, status = simulate_agents(
                described, [0.0, 2.0], cells, rates, host, ["leukaemia_cells"], Agents(step=step), seed=seed
            )
            assert status == codes.OK
            total += values[-1, 0]
        return total / 4

    assert left(1 / 4) == pytest.approx(left(1 / 64), rel=0.25)
