"""Single leukaemia cells: exact laws of numbers, clones and densities in held surroundings, recognition as in the network, same bytes.

One row of many founders is as many independent lines, told apart by their clone. Bounds are five standard errors: false alarms of 6e-7 a
question, some thirty questions. Each control is an error of the size that the test would miss one time in a thousand or less.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pytest

from sim.kernels import agent_layout as kernel
from sim.kernels import agent_sums
from sim.kernels import status as codes
from sim.kernels._jit import DISABLED
from sim.models.agents import agent_model, recognition_text
from sim.models.design import Design, ProductDesign
from sim.models.leukaemia import build
from sim.network.agent_model import AgentModel
from sim.network.agents import Agents, chunk_streams, layout_of, recogniser_of, simulate_agents
from sim.network.cells import CHUNKS, Cells
from sim.network.expression import evaluate, parse

FOUNDERS = 300 if DISABLED else 40_000
CD19, CD22 = 11300.0, 3000.0
STILL = {"cd22_relaxation_time": math.inf, "cd19_relaxation_time": math.inf}
FAITHFUL = {"first_hit_rate": 0.0, "second_hit_rate": 0.0, "cd22_loss_rate": 0.0}


def model(*products: ProductDesign, niche: bool = False, chemotherapies: int = 0) -> AgentModel:
    design = Design(products=products, niche=niche, agents=True, chemotherapies=chemotherapies)
    return agent_model(design, build(design))


def founders(
    n: int = FOUNDERS, ln22: float = math.log(CD22), room: int = 8 * FOUNDERS, site: int = 0, copies: int = 2
) -> Cells:
    """Cells of the patient's median CD19, each a clone of its own."""
    cells = Cells(room)
    values, marks = np.zeros((kernel.VALUES, n), np.float32), np.zeros((kernel.MARKS, n), np.uint8)
    values[kernel.LN19], values[kernel.LN22] = math.log(CD19), ln22
    marks[kernel.COPIES], marks[kernel.SITE] = copies, site
    cells.fill(values, marks, np.arange(n, dtype=np.int32))
    return cells


def run(
    described: AgentModel,
    days: list[float],
    cells: Cells,
    parameters: Mapping[str, float],
    outputs: tuple[str, ...] = ("leukaemia_cells",),
    initial: Mapping[str, float] | None = None,
    step: float = 1.0,
    threads: int = 1,
    capacity: int = 4 * FOUNDERS,
) -> np.ndarray:
    values, status = simulate_agents(
        described, days, cells, parameters, initial or {}, outputs, Agents(step=step, capacity=capacity), seed=1, threads=threads
    )  # fmt: skip
    assert status == codes.OK
    return values


def clone_sizes(cells: Cells, n: int = FOUNDERS) -> np.ndarray:
    return np.bincount(cells.gather()[2], minlength=n)


def off(found: float, share: float, n: int = FOUNDERS) -> float:
    """Return by how many standard errors a share is off."""
    return abs(found - share) / math.sqrt(share * (1.0 - share) / n)


def kendall(birth: float, death: float, t: float) -> tuple[float, float]:
    """Return the chance of a line to be extinct, and the ratio of the geometric law of its size if not."""
    e = math.exp((birth - death) * t)
    return death * (e - 1.0) / (birth * e - death), birth * (e - 1.0) / (birth * e - death)


@pytest.mark.parametrize("step", [0.5, 10.0])
def test_lines_have_kendalls_law_whatever_the_step(step: float) -> None:
    """Extinct lines, and lines of 1, 2 and 3 or more cells, after ten days of birth 0.25 and death 0.2."""
    cells = founders()
    rates = {"net_growth_rate": 0.05, "blast_death_rate": 0.2, "leukaemia_cells_per_kg": 1e300, **STILL}
    run(model(), [0.0, 10.0], cells, rates, step=step)
    sizes = clone_sizes(cells)
    gone, ratio = kendall(0.25, 0.2, 10.0)
    shares = [gone, (1 - gone) * (1 - ratio), (1 - gone) * (1 - ratio) * ratio, (1 - gone) * ratio**2]
    for k, share in enumerate(shares):
        found = np.mean(sizes == k) if k < 3 else np.mean(sizes >= 3)
        assert off(found, share) < 5
    assert DISABLED or off(np.mean(sizes == 0), kendall(0.25, 0.19, 10.0)[0]) > 5


def test_densities_walk_as_the_law_says_while_cells_divide() -> None:
    """Mean and variance of ln CD22 of a growing population, begun two standard deviations low without spread; half the noise is inherited."""
    spread, n = 0.34 * math.log(10.0), FOUNDERS // 4
    cells = founders(n, ln22=math.log(CD22) - 2 * spread)
    run(
        model(), [0.0, 8.0], cells, {"net_growth_rate": 0.15, "blast_death_rate": 0.05, "cd22_relaxation_time": 10.0, "inheritance_noise": 0.5},
        step=4.0,
    )  # fmt: skip
    values, _, clone = cells.gather()
    # Cells are brought to the last day when they tell what they look like.
    x = (values[kernel.LN22] - math.log(CD22)) / spread
    left = math.exp(-0.8)
    mean, variance = -2.0 * left, 1.0 - left**2
    lines = np.bincount(clone, minlength=n).clip(1)
    error = math.sqrt(variance * np.mean(lines**2) / np.mean(lines) / len(x))  # cousins are alike at most
    assert abs(x.mean() - mean) < 5 * error
    assert abs(x.var() - variance) < 5 * error * math.sqrt(2.0 * variance)
    assert DISABLED or abs(x.var() - 0.5 * variance) > 10 * error, "the inherited half is missing"


def test_mutants_are_thrown_off_at_divisions() -> None:
    """First and second hits, loss of CD22 and switch of lineage, of cells that only divide: shares of the cells after a day at 0.5 a day."""
    cells = founders()
    rates = {
        "net_growth_rate": 0.5, "blast_death_rate": 0.0, "first_hit_rate": 0.1, "second_hit_rate": 0.3, "cd22_loss_rate": 0.1,
        "lineage_switch_rate": 0.05, "leukaemia_cells_per_kg": 1e300, **STILL,
    }  # fmt: skip
    seen = run(
        model(),
        [0.0, 1.0],
        cells,
        rates,
        ("leukaemia_cells", "cd19_negative_cells", "cd22_lost_cells", "switched_cells"),
    )
    _, marks, _ = cells.gather()
    copies, flags = marks[kernel.COPIES], marks[kernel.FLAGS]
    total = len(copies)
    growth = math.exp(0.5)
    # Means of linear equations; a daughter is a mutant of one kind at most, the first that comes.
    two = math.exp(0.5 * (1 - 0.2 - 0.05))
    two += 0.0
    assert abs(total / FOUNDERS - growth) < 5 * math.sqrt(growth * (growth - 1) / FOUNDERS)
    switched = np.mean(flags & kernel.SWITCHED > 0)
    lost = np.mean(flags & kernel.LOST > 0)
    assert seen[-1].tolist() == [
        total,
        np.sum(copies == 0),
        np.sum(flags & kernel.LOST > 0),
        np.sum(flags & kernel.SWITCHED > 0),
    ]
    assert off(switched, 1 - math.exp(-0.05 * 0.5), total) < 6
    assert off(np.mean(copies == 2), two / growth, total) < 6
    assert lost > switched


PRODUCTS = {
    "single": (ProductDesign("a", ("cd22",)),),
    "tandem": (ProductDesign("a", ("cd19", "cd22"), "additive"),),
    "either": (ProductDesign("a", ("cd19", "cd22"), "either"),),
    "two": (ProductDesign("a", ("cd19",)), ProductDesign("b", ("cd22",))),
}
# CAR T cells that neither divide nor die, so that the surroundings hold still.
IDLE = {
    "effector_death_rate": 0.0, "memory_formation_rate": 0.0, "exhaustion_rate": 0.0, "blood_exit_rate": 0.0, "anti_car_growth_rate": 0.0,
    "rejection_rate": 0.0, "b_cell_killing_weight": 0.0, "leukaemia_cells_per_kg": 1e300,
}  # fmt: skip


@pytest.mark.parametrize("name", PRODUCTS)
def test_cells_are_killed_by_the_recognition_of_the_network(name: str) -> None:
    """Cells of a CD22 at which recognition is far from 0 and 1, that do nothing but be killed for two days: exponential."""
    products = PRODUCTS[name]
    described = model(*products)
    d22 = 1200.0
    cells = founders(ln22=math.log(d22), copies=1)
    rates = {
        **IDLE,
        **FAITHFUL,
        **STILL,
        "net_growth_rate": 0.0,
        "blast_death_rate": 0.0,
        "killing_rate": 2.0,
    }
    rates |= {f"effector_division_rate_{p.name}": 0.0 for p in products}
    for p in products:
        rates |= {f"threshold_{p.name}_cd19": 8000.0} if "cd19" in p.targets else {}
    active = {f"effectors_{p.name}": 1.5e8 * (k + 1) for k, p in enumerate(products)}
    run(described, [0.0, 2.0], cells, rates, initial=active, step=0.5)
    known = {p.name: float(p.value) for p in described.surroundings.all_parameters} | rates
    size = known["weight"] / 70.0
    names = {"d19": 0.5 * CD19, "d22": d22, **known}
    phi = {p.name: evaluate(parse(recognition_text(p, "lysis")), names) for p in products}
    assert all(0.05 < value < 0.95 for value in phi.values())
    rivals = sum(phi[p.name] * active[f"effectors_{p.name}"] for p in products)
    # Targets that are recognised are few beside the half-saturation.
    hazard = 2.0 * sum(
        phi[p.name] * active[f"effectors_{p.name}"] / (known["killing_saturation"] * size + rivals)
        for p in products
    )
    left = float(np.mean(clone_sizes(cells) > 0))
    assert off(left, math.exp(-2 * hazard)) < 5
    assert DISABLED or off(left, math.exp(-2.1 * hazard)) > 5


def test_cells_in_a_niche_are_killed_less_and_move() -> None:
    """Shares at the marrow and the niche after a day of exchange alone, and of killing in the niche alone."""
    described = model(ProductDesign("a", ("cd19",)), niche=True)
    rates = {
        **IDLE, **FAITHFUL, **STILL, "net_growth_rate": 0.0, "blast_death_rate": 0.0, "effector_division_rate_a": 0.0,
        "niche_exchange": 2.0, "niche_share": 0.3,
    }  # fmt: skip
    cells = founders()
    run(described, [0.0, 1.0], cells, rates)
    moved = float(np.mean(cells.gather()[1][kernel.SITE] == 1))
    assert off(moved, 0.3 * (1 - math.exp(-2.0))) < 5
    cells = founders(site=1)
    rates |= {"niche_exchange": 0.0, "niche_access": 0.25, "killing_rate": 2.0, "threshold_a_cd19": 1.0}
    run(described, [0.0, 1.0], cells, rates, initial={"effectors_a": 1e14})
    assert off(float(np.mean(clone_sizes(cells) > 0)), math.exp(-0.5)) < 5


def test_events_spare_their_share_of_the_cells() -> None:
    described = model(chemotherapies=1)
    cells = founders()
    rates = {
        **FAITHFUL,
        **STILL,
        "net_growth_rate": 0.0,
        "blast_death_rate": 0.0,
        "chemotherapy_time_0": 1.0,
        "chemotherapy_log_kill_0": 0.5,
    }
    seen = run(described, [0.0, 0.9, 1.0, 2.0], cells, rates, step=1.0)[:, 0]
    assert seen[0] == FOUNDERS
    assert seen[2] == seen[3] == cells.total
    assert off(cells.total / FOUNDERS, 10**-0.5) < 5


def test_contacts_take_antigen_that_comes_back() -> None:
    """Contacts without killing to speak of: the mean fall of ln CD22 is that of a Poisson number of losses that fade; CD19 is not seen."""
    described = model(ProductDesign("a", ("cd22",)))
    rates = {
        **IDLE, **FAITHFUL, **STILL, "net_growth_rate": 0.0, "blast_death_rate": 0.0, "effector_division_rate_a": 0.0, "killing_rate": 2e-6,
        "contact_ratio": 1e6, "contact_loss": 0.05, "contact_recovery_time": 3.0, "threshold_a_cd22": 1e-3,
    }  # fmt: skip
    cells = founders()
    run(described, [0.0, 4.0], cells, rates, initial={"effectors_a": 1e14})
    values = cells.gather()[0]
    expected = math.log(0.95) * 2.0 * 3.0 * (1 - math.exp(-4.0 / 3.0))
    error = abs(math.log(0.95)) * math.sqrt(2.0 * 1.5 / FOUNDERS)
    assert abs(values[kernel.SHED22].mean() - expected) < 5 * error
    assert not values[kernel.SHED19].any()


def test_quiescent_cells_do_not_divide_and_awake() -> None:
    cells = founders()
    rates = {
        **FAITHFUL,
        **STILL,
        "net_growth_rate": 0.0,
        "blast_death_rate": 0.0,
        "quiescence_rate": 0.4,
        "awakening_rate": 0.2,
    }
    run(model(), [0.0, 3.0], cells, rates)
    asleep = float(np.mean(cells.gather()[1][kernel.FLAGS] & kernel.QUIESCENT > 0))
    assert off(asleep, 0.4 / 0.6 * (1 - math.exp(-1.8))) < 5


@pytest.mark.parametrize("niche", [False, True])
def test_what_cells_tell_is_summed_as_numpy_sums_it(niche: bool) -> None:
    """Two products that compete and a dual one, cells of every kind at two sites, a block that is not full: sums from single precision."""
    products = (ProductDesign("a", ("cd19", "cd22"), "either"), ProductDesign("b", ("cd22",)))
    described, n, rng = model(*products, niche=niche), 3000, np.random.default_rng(1)
    cells = Cells(n)
    values, marks = np.zeros((kernel.VALUES, n), np.float32), np.zeros((kernel.MARKS, n), np.uint8)
    values[: kernel.TOUCHED] = rng.normal([[9.0], [8.0], [-0.5], [-0.5]], 1.0, (4, n))
    marks[kernel.COPIES], marks[kernel.SITE] = rng.integers(0, 3, n), rng.integers(0, 1 + niche, n)
    marks[kernel.FLAGS] = rng.choice([0, kernel.LOST, kernel.LOST | kernel.SWITCHED, kernel.QUIESCENT], n)
    cells.fill(values, marks, np.arange(n, dtype=np.int32))
    names = {name: 1.0 + 0.1 * i for i, name in enumerate(described.signals)} | STILL
    names |= {
        "cd22_density": CD22,
        "threshold_a_cd19": 6000.0,
        "threshold_a_cd22": 1500.0,
        "threshold_b_cd22": 2500.0,
    }
    y, layout = np.array([names[one] for one in described.signals]), layout_of(described)
    pairs = len(described.pairs)
    width = agent_sums.OF_A_SITE + 2 * len(products) + pairs
    sums = np.zeros((CHUNKS, (1 + niche) * width + agent_sums.COMPOSITION))
    recognise = recogniser_of(described.signals, described.lysis, described.stimulation)
    lanes = chunk_streams(1, 0, 0)[1]
    agent_sums.sum_cells(
        0.0, y, layout, recognise, cells.values, cells.marks, cells.number, lanes, 0, CHUNKS, sums
    )
    found = sums.sum(axis=0)
    d19 = 0.5 * marks[kernel.COPIES] * np.exp(values[kernel.LN19] + values[kernel.SHED19], dtype=float)
    lost = (marks[kernel.FLAGS] & kernel.LOST) > 0
    d22 = np.where(lost, 0.0, np.exp(values[kernel.LN22] + values[kernel.SHED22], dtype=float))
    seen = {
        kind: np.array([[evaluate(parse(text), {**names, "d19": a, "d22": b}) for a, b in zip(d19, d22, strict=True)] for text in texts])
        for kind, texts in (("lysis", described.lysis), ("stimulation", described.stimulation))
    }  # fmt: skip
    active = np.array([[names[f"active_{p.name}"]] for p in products])
    load = np.array([[names[f"killing_load_{p.name}"]] for p in products])
    recognising = (seen["lysis"] * active).sum(axis=0)
    hazard = names["killing_rate"] * (seen["lysis"] * active / (load + recognising)).sum(axis=0)
    for site in range(1 + niche):
        at = marks[kernel.SITE] == site
        access = names["niche_access"] if site else 1.0
        told = [at.sum(), *seen["lysis"][:, at].sum(axis=1), *seen["stimulation"][:, at].sum(axis=1)]
        told += [seen["stimulation"][:, at].min(axis=0).sum()] * pairs
        asleep = (marks[kernel.FLAGS][at] & kernel.QUIESCENT) > 0
        told += [access * hazard[at].sum(), asleep.sum()]
        assert found[site * width : (site + 1) * width] == pytest.approx(told, rel=1e-5)
    switched, low = (marks[kernel.FLAGS] & kernel.SWITCHED) > 0, d22 < agent_sums.LOW_CD22 * CD22
    whole = [(marks[kernel.COPIES] == 0).sum(), lost.sum(), switched.sum(), low.sum(), d19.sum(), d22.sum()]
    assert found[-agent_sums.COMPOSITION :] == pytest.approx(whole, rel=1e-5)


def test_threads_and_levelling_change_no_byte() -> None:
    """Some 60,000 cells, above the number from which threads share them; one thread or two."""
    n = 300 if DISABLED else 60_000
    found = []
    for threads in (1, 2):
        cells = founders(n, room=4 * n)
        values = run(
            model(ProductDesign("a", ("cd22",))), [0.0, 2.0], cells, {}, ("leukaemia_cells", "cd22_mean_density"), {"effectors_a": 1e8},
            threads=threads, capacity=4 * n,
        )  # fmt: skip
        found.append((values, *cells.gather()))
    for one, two in zip(*found, strict=True):
        assert np.array_equal(one, two)


def test_a_population_in_one_chunk_is_dealt_to_all() -> None:
    cells = founders(2000, room=20_000)
    several = cells.gather()
    cells.number[:] = 0
    for to, found in zip((cells.values, cells.marks, cells.clone), several, strict=True):
        to[0, ..., :2000] = found
    cells.number[0] = 2000
    rates = {**FAITHFUL, "net_growth_rate": 0.1, "blast_death_rate": 0.0, "leukaemia_cells_per_kg": 1e300}
    run(model(), [0.0, 0.5], cells, rates, step=0.25, capacity=20_000)
    assert cells.total >= 2000
    assert cells.number.max() <= 2.5 * cells.total / len(cells.number) + 130
    assert set(cells.gather()[2]) == set(several[2])


def test_more_cells_than_there_is_room_for_is_a_status() -> None:
    cells = founders(50, room=100)
    values, status = simulate_agents(
        model(), [0.0, 1.0, 30.0, 40.0], cells, {"net_growth_rate": 0.5, "leukaemia_cells_per_kg": 1e300}, {}, ["leukaemia_cells"],
        Agents(step=0.5, capacity=100), seed=1,
    )  # fmt: skip
    assert codes.NAMES[status] == "capacity"
    assert values[0, 0] == 50
    assert np.isnan(values[-1, 0])
    assert np.isfinite(values[1, 0])


@pytest.mark.parametrize(
    "rates",
    [
        {"first_hit_rate": 0.51},
        {"first_hit_rate": 0.4, "cd22_loss_rate": 0.3},
        {"second_hit_rate": 0.8, "cd22_loss_rate": 0.3},
        {"second_hit_rate": -0.1},
        {"cd22_loss_rate": -0.1, "first_hit_rate": 0.3},
    ],
)
def test_hits_that_are_no_chances_are_a_status(rates: dict[str, float]) -> None:
    """As in the other kernels, where the reaction that is left for a faithful daughter gets a negative rate."""
    cells = founders(50, room=400)
    values, status = simulate_agents(
        model(), [0.0, 1.0], cells, {**FAITHFUL, **rates}, {}, ["leukaemia_cells"], Agents(step=0.5, capacity=400)
    )  # fmt: skip
    assert codes.NAMES[status] == "negative_propensity"
    assert np.isnan(values[-1, 0])


def test_hits_that_add_up_to_one_are_chances() -> None:
    """Every daughter has a copy less, or has lost CD22."""
    cells = founders(200, room=4000)
    rates = {
        "first_hit_rate": 0.25,
        "second_hit_rate": 0.5,
        "cd22_loss_rate": 0.5,
        "net_growth_rate": 0.8,
        "blast_death_rate": 0.0,
    }
    _, status = simulate_agents(
        model(), [0.0, 1.0], cells, rates, {}, ["leukaemia_cells"], Agents(step=0.5, capacity=4000), seed=1
    )  # fmt: skip
    marks = cells.gather()[1]
    changed = (marks[kernel.COPIES] < 2) | ((marks[kernel.FLAGS] & kernel.LOST) != 0)
    assert codes.NAMES[status] == "ok"
    assert np.count_nonzero(~changed) == 200


@pytest.mark.parametrize(
    ("rates", "expected"),
    [
        ({"net_growth_rate": 0.7}, "capacity"),
        ({"blast_death_rate": math.inf}, "non_finite"),
        ({"blast_death_rate": math.nan}, "non_finite"),
        ({"blast_death_rate": -0.1}, "negative_propensity"),
        ({"blast_death_rate": 1e9, "net_growth_rate": -1e9}, "event_budget"),
    ],
)
def test_what_a_step_cannot_do_is_a_status(rates: dict[str, float], expected: str) -> None:
    """A chunk that is full within a step, rates that are none, and more candidates than the budget."""
    cells = founders(64, room=1000)
    uncrowded = {**FAITHFUL, "leukaemia_cells_per_kg": 1e300}
    values, status = simulate_agents(
        model(), [0.0, 10.0], cells, {**uncrowded, **rates}, {}, ["leukaemia_cells"], Agents(step=10.0, capacity=1000)
    )  # fmt: skip
    assert codes.NAMES[status] == expected
    assert np.isnan(values[-1, 0])
