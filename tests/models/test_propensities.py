"""Every rate of the leukaemia network against the formula of the model's description, written out by hand, at random states."""

from __future__ import annotations

import math
from collections.abc import Mapping

import pytest

from sim.models.antigen import AntigenGrid
from sim.models.design import Design, ProductDesign
from sim.models.leukaemia import build
from sim.network.network import Network
from tests.models.test_leukaemia import drift, random_state, values

TARGETS = {"cd19": ("cd19",), "cd22": ("cd22",), "tandem": ("cd19", "cd22")}
FORMS = {"tandem": "additive"}
GRID = AntigenGrid()
LEVELS = dict(zip(GRID.level_names, GRID.ladder.positions, strict=True))

Numbers = Mapping[str, float]


@pytest.fixture(scope="module")
def net() -> Network:
    products = tuple(
        ProductDesign(name, targets, FORMS.get(name, "single"))  # type: ignore[arg-type]
        for name, targets in TARGETS.items()
    )
    return build(Design(products=products, transplant=True))


def state_of(net: Network, seed: int) -> dict[str, float]:
    """Cells over decades, all concentrations away from their start."""
    moved = {"myeloid_activation": 0.4, "il6": 900.0, "tocilizumab": 0.5, "steroids": 0.3}
    return random_state(net, seed) | moved | {"graft": 1.0, "transplant_risk": 0.6}


def density(v: Numbers, antigen: str, cell: str) -> float:
    """Molecules per cell of a class such as "two_level1"; a B cell is "b_cell"."""
    if cell == "b_cell":
        return v[f"b_cell_{antigen}"]
    if cell == "switched":
        return 0.0
    cd19, cd22 = cell.split("_")
    if antigen == "cd19":
        return {"two": 1.0, "one": 0.5, "none": 0.0}[cd19] * v["cd19_density"]
    return 0.0 if cd22 == "lost" else v["cd22_density"] * 10 ** (v["cd22_spread"] * LEVELS[cd22])


def seen(v: Numbers, product: str, cell: str, shift: float) -> float:
    """phi with a shift of 1, psi with that of the stimulation: x^h/(1 + x^h) of the added occupancies."""
    x = sum(
        v[f"strength_{product}_{a}"] * density(v, a, cell) / (shift * v[f"threshold_{product}_{a}"])
        for a in TARGETS[product]
    )
    x = x ** v["recognition_steepness"]
    return x / (1.0 + x)


class Rates:
    """The quantities of the model's description at one state, from parameters and species alone."""

    def __init__(self, v: Numbers) -> None:
        self.v, self.size = v, v["weight"] / 70.0
        cells = [c.name for c in GRID.classes]
        self.reach = {c: v[f"marrow_{c}"] + v["niche_access"] * v[f"niche_{c}"] for c in cells}
        self.active = {
            k: v[f"effectors_{k}"] + v["exhausted_activity"] * v[f"exhausted_{k}"] for k in TARGETS
        }
        self.targets = {**self.reach, "b_cell": v["b_cells"]}
        self.recognised = {k: self._sum(k, 1.0, v["b_cell_killing_weight"]) for k in TARGETS}
        self.stimulation = {
            k: self._sum(k, v[f"stimulation_shift_{k}"], v["b_cell_stimulation_weight"]) for k in TARGETS
        }

    def _sum(self, k: str, shift: float, b_cell_weight: float) -> float:
        return sum(
            (b_cell_weight if c == "b_cell" else 1.0) * seen(self.v, k, c, shift) * n
            for c, n in self.targets.items()
        )

    def killing(self, cell: str) -> float:
        phi = {k: seen(self.v, k, cell, 1.0) for k in TARGETS}
        rivals = sum(phi[m] * self.active[m] for m in TARGETS)
        saturation = self.v["killing_saturation"] * self.size
        return self.v["killing_rate"] * sum(
            phi[k] * self.active[k] / (saturation + self.recognised[k] + rivals) for k in TARGETS
        )

    def signal(self, k: str) -> float:
        v, crowd = self.v, 0.0
        for m, antigens in TARGETS.items():
            if not set(TARGETS[k]) & set(antigens):
                continue  # another antigen: its effectors take nothing from this product
            shared = sum(
                (v["b_cell_stimulation_weight"] if c == "b_cell" else 1.0)
                * min(seen(v, k, c, v[f"stimulation_shift_{k}"]), seen(v, m, c, v[f"stimulation_shift_{m}"]))
                * n
                for c, n in self.targets.items()
            )
            crowd += (1.0 if m == k else shared / self.stimulation[k]) * v[f"effectors_{m}"]
        below = v["signal_saturation"] * self.size + self.recognised[k] + v["signal_crowding"] * crowd
        return self.stimulation[k] / below

    def drive(self) -> float:
        return self.v["il7_15"] / (self.v["il7_15_half_drive"] + self.v["il7_15"])


@pytest.mark.parametrize("seed", range(4))
def test_killing_and_signal_are_those_of_competing_products(net: Network, seed: int) -> None:
    v = values(net, state_of(net, seed), weight=40.0)
    rates = Rates(v)
    for c in ("two_level0", "two_level1", "one_level2", "none_level1", "two_lost"):
        assert v[f"killing_{c}"] == pytest.approx(rates.killing(c), rel=1e-9), c
    killed_b = v["b_cell_killing_weight"] * rates.killing("b_cell")
    assert v["killing_b_cells"] == pytest.approx(killed_b, rel=1e-9)
    for k in TARGETS:
        assert v[f"recognised_{k}"] == pytest.approx(rates.recognised[k], rel=1e-9)
        assert v[f"signal_{k}"] == pytest.approx(rates.signal(k), rel=1e-6)


@pytest.mark.parametrize("seed", range(4))
def test_cells_of_a_product_divide_change_and_die_by_the_formulas(net: Network, seed: int) -> None:
    state = state_of(net, seed)
    v, change = values(net, state, weight=40.0), drift(net, state, weight=40.0)
    rates, g = Rates(v), Rates(v).drive()
    for k in TARGETS:
        sig, e, m, x, b = (
            rates.signal(k),
            *(v[f"{what}_{k}"] for what in ("effectors", "memory", "exhausted", "blood_effectors")),
        )
        age = v[f"division_age_{k}"]
        e0, rejected = v["antigen_only_division"], v["rejection_rate"] / rates.size * v[f"anti_car_{k}"]
        division = v[f"effector_division_rate_{k}"] * sig * (e0 + 2.0 * (1.0 - e0) * g)
        division /= 1.0 + (age / v[f"programme_{k}"]) ** 6
        to_memory, to_exhausted = v["memory_formation_rate"] * (1.0 - sig) * e, v["exhaustion_rate"] * sig * e
        recruited = v["memory_activation_rate"] * sig * m
        d_e = v["effector_death_rate"] + rejected
        homing = v["blood_exit_rate"] * b
        egress = v["blood_exit_rate"] * v["blood_share"] / (1.0 - v["blood_share"]) * e
        expected = {
            "effectors": division * e - to_memory - to_exhausted - d_e * e + 2.0 * recruited + homing - egress,
            "memory": v["memory_division_rate"] * g * (1.0 - sig) * m + to_memory - recruited
            - (v[f"memory_death_rate_{k}"] + rejected) * m,
            "exhausted": to_exhausted - (v["exhausted_death_rate"] + rejected) * x,
            "blood_effectors": egress - homing - d_e * b,
            "division_age": division - age * 2.0 * recruited / (e + rates.size),
        }  # fmt: skip
        for what, rate in expected.items():
            assert change[f"{what}_{k}"] == pytest.approx(rate, rel=1e-5), (k, what)
        many = v[f"effectors_{k}"] ** 2
        growth = v["anti_car_growth_rate"] * many / ((v["anti_car_saturation"] * rates.size) ** 2 + many)
        z = (growth - v["anti_car_death_rate"]) * v[f"anti_car_{k}"]
        assert change[f"anti_car_{k}"] == pytest.approx(z, rel=1e-9)


@pytest.mark.parametrize("seed", range(4))
def test_host_and_cytokines_follow_the_formulas(net: Network, seed: int) -> None:
    state = state_of(net, seed)
    v, change = values(net, state, weight=40.0), drift(net, state, weight=40.0)
    rates = Rates(v)
    host, healthy = v["host_lymphocytes"], v["host_lymphocytes_healthy"] * rates.size
    normal_death = v["host_division_rate"] / (v["il7_15_half_drive"] + 1.0)
    consumers = host + sum(
        v[f"memory_{k}"] + v["effector_consumption"] * (v[f"effectors_{k}"] + v[f"blood_effectors_{k}"])
        for k in TARGETS
    )
    q, h = v["il7_15_consumption"], v["il7_15"]
    flux = sum(rates.killing(c) * n for c, n in rates.reach.items())
    flux += v["b_cell_killing_weight"] * rates.killing("b_cell") * v["b_cells"]
    marrow = sum(v[f"{site}_{c.name}"] for site in ("marrow", "niche") for c in GRID.classes)
    capacity = v["marrow_cells_per_kg"] * 40.0
    y = flux**2 / ((v["myeloid_saturation"] * rates.size) ** 2 + flux**2)
    il6 = (
        v["il6_clearance"] * v["il6_baseline"]
        + v["il6_release"] * v["myeloid_activation"] * (1.0 - v["steroids"])
        - v["il6_clearance"] * v["il6"] * (1.0 - v["receptor_clearance_share"] * v["tocilizumab"])
    )
    b_cells = (
        v["b_cell_death_rate"]
        * (v["b_cells_healthy"] * rates.size * v["normal_marrow_fraction"] - v["b_cells"])
        - v["b_cell_killing_weight"] * rates.killing("b_cell") * v["b_cells"]
    )
    expected = {
        "host_lymphocytes": (v["host_division_rate"] * rates.drive() - normal_death) * host,
        "il7_15": v["il7_15_turnover"] * (1.0 + q - h - q * h * consumers / healthy),
        "b_cells": b_cells,
        "normal_marrow_fraction": (max(1.0 - marrow / capacity, 0.0) - v["normal_marrow_fraction"])
        / v["marrow_recovery_time"],
        "myeloid_activation": v["myeloid_turnover"] * (y - v["myeloid_activation"]),
        "il6": il6,
    }
    for name, rate in expected.items():
        assert change[name] == pytest.approx(rate, rel=1e-6), name
    fraction = marrow / (marrow + v["normal_marrow_fraction"] * capacity)
    assert v["marrow_blast_fraction"] == pytest.approx(fraction, rel=1e-12)


def test_hazards_of_death_are_those_of_their_causes(net: Network) -> None:
    state = state_of(net, 1)
    v, change = values(net, state, weight=40.0), drift(net, state, weight=40.0)
    filling = v["leukaemia_cells"] / (v["marrow_cells_per_kg"] * 40.0)
    index = v["il6"] * (1.0 - v["tocilizumab"])
    immunity = v["host_lymphocytes"] / (v["host_lymphocytes_healthy"] * 40.0 / 70.0)
    protection = v["infection_protection"] ** 2
    expected = {
        "leukaemia": v["leukaemia_hazard"] * filling**3,
        "treatment": v["treatment_hazard"] * index / (v["treatment_il6"] + index),
        "infection": v["infection_hazard"] * protection / (protection + immunity**2),
        "transplant": v["transplant_hazard"] * 0.6,
        "background": v["background_hazard"],
    }
    for cause, rate in expected.items():
        assert change[f"hazard_{cause}"] == pytest.approx(rate, rel=1e-9), cause


def test_crowding_kills_as_many_as_divide_at_its_scale_and_growth_ends_below_it() -> None:
    net = build(Design(products=()))
    capacity = 70.0 * 2.4e10

    def growth(cells: float) -> float:
        change = drift(net, {"marrow_two_level1": cells})
        return sum(rate for name, rate in change.items() if name.startswith(("marrow_", "niche_")))

    # At K_L what crowding leaves is the natural death; growth and death meet where L = K_L (r_L - d_L)/r_L.
    assert growth(capacity) == pytest.approx(-0.068 * capacity, rel=1e-9)
    assert growth(capacity * 0.115 / 0.183) == pytest.approx(0.0, abs=1e-6 * capacity)
    assert growth(1e6) == pytest.approx(0.115e6, rel=1e-5)


def test_graft_kills_every_class_alike_in_every_site(net: Network) -> None:
    state = state_of(net, 2)
    with_, without = drift(net, state), drift(net, {**state, "graft": 0.0})
    for site in ("marrow", "niche"):
        for c in GRID.classes:
            name = f"{site}_{c.name}"
            lost = (without[name] - with_[name]) / state[name]
            assert math.isclose(lost, 0.10, rel_tol=1e-6), name
