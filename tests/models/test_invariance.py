"""Laws of whole courses that no form of the model may change, and hybrid against mean-field courses; the drift itself is in test_leukaemia.py.

One adult with 30 % blasts and a CD22 product, who is spared death, so that every course reaches its last day. Each test of sameness is asked
again of something that is not the same, and must see it.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import simpson
from scipy.stats import fisher_exact

from sim.models.design import Design, ProductDesign
from sim.models.leukaemia import build
from sim.network.network import Network
from sim.network.simulation import ODE, Hybrid, simulate
from sim.network.trajectories import Trajectories
from sim.trial.cohort import draw
from sim.trial.courses import HYBRID
from tests.models.trials import SEED, courses, infusion, product, trial

WHOLE = build(Design(products=(ProductDesign("cd22", ("cd22",)),)))
TWINS = build(
    Design(products=(ProductDesign("cd22", ("cd22",)), ProductDesign("twin", ("cd22",), construct="cd22")))
)
CELLS = ("leukaemia_cells", "car_t_cells", "b_cells", "memory_cells", "anti_car_cd22", "host_lymphocytes")
OUTPUTS = (*CELLS, "il6", "il7_15", "cd22_mean_density")
DAYS = np.arange(-5.0, 366.0)
IMMORTAL = {f"limit_{cause}": 1e9 for cause in ("leukaemia", "treatment", "infection", "background")}
TIGHT = ODE(rtol=1e-9, atol=1e-9)


def course(
    net: Network = WHOLE,
    kernel: str | ODE | Hybrid = TIGHT,
    *,
    n: int = 1,
    weight: float = 70.0,
    levels: tuple[float, float, float] = (0.2, 0.6, 0.2),
    dose: float = 2e6,
    **parameters: float,
) -> Trajectories:
    """Course after a dose in cells/kg, in equal parts if there are two products; `levels` are the shares of the CD22 levels."""
    size = weight / 70.0
    names = ("cd22", "twin") if net is TWINS else ("cd22",)
    given = {**IMMORTAL, "lymphodepletion_time_0": -4.0, "weight": weight, **parameters}
    for name in names:
        given |= {
            f"infusion_time_{name}_0": 0.0,
            f"infusion_cells_{name}_0": 0.06 * dose * weight / len(names),
        }
    initial = {"normal_marrow_fraction": 0.7, "b_cells": 1e10 * size, "host_lymphocytes": 3e11 * size}
    initial["anti_car_cd22"] = 1e6 * size
    for level, share in enumerate(levels):
        cells = 0.3 * 1.4e10 * weight * share
        initial[f"marrow_two_level{level}"] = np.floor(cells * (1.0 - 9e-5))
        initial[f"niche_two_level{level}"] = np.floor(cells * 9e-5)
    return simulate(
        net, DAYS, kernel, n=n, seed=1, parameters=given, initial=initial, outputs=OUTPUTS, threads=1
    )


def apart(one: Trajectories, two: Trajectories, *, scale: float = 1.0) -> float:
    """Largest relative difference of any total on any day, down to a thousandth of a cell, after scaling the cells of the first."""
    worst = 0.0
    for name in OUTPUTS:
        expected = (scale if name in CELLS else 1.0) * one[name]
        worst = max(worst, float((np.abs(two[name] - expected) / np.maximum(np.abs(expected), 1e-3)).max()))
    return worst


def test_product_in_two_halves_has_the_mean_course_of_the_whole() -> None:
    """Every total over a year, to 3e-6. A failure means that two products compete otherwise than one with itself.

    Halves of which one sees CD22 better are not the whole.
    """
    assert apart(course(), course(TWINS)) < 3e-6
    assert apart(course(), course(TWINS, threshold_twin_cd22=1400.0)) > 0.1


def test_classes_of_equal_antigen_have_the_mean_course_of_one() -> None:
    """Without a spread of CD22, cells on one level and on three are the same leukaemia, to 1e-6 over a year; with a little spread not."""
    one = course(levels=(0.0, 1.0, 0.0), cd22_spread=0.0)
    assert apart(one, course(levels=(0.3, 0.5, 0.2), cd22_spread=0.0)) < 1e-6
    assert apart(one, course(levels=(0.3, 0.5, 0.2), cd22_spread=0.1)) > 0.1


def test_mean_course_in_cells_per_kg_does_not_depend_on_body_weight() -> None:
    """A child of 20 kg against an adult of 70 kg, to 1e-5 over a year; not if the child gets the adult's number of cells."""
    assert apart(course(), course(weight=20.0), scale=20.0 / 70.0) < 1e-5
    assert apart(course(), course(weight=20.0, dose=7e6), scale=20.0 / 70.0) > 0.1


CLEARED = {"cd22_density": 3300.0, "cd22_spread": 0.1, "levels": (0.0, 1.0, 0.0)}
"""A patient whose leukaemia is down to its last cells about two months after the infusion."""


def extinct(
    net: Network = WHOLE,
    *,
    kernel: Hybrid | None = None,
    n: int = 400,
    **changes: object,
) -> tuple[Trajectories, int]:
    """Replicates of the cleared patient, and how many of them have no leukaemia on day 55."""
    found = course(net, kernel or Hybrid(), n=n, **{**CLEARED, **changes})  # type: ignore[arg-type]
    return found, int((found["leukaemia_cells"][:, DAYS == 55.0] == 0.0).sum())


def same_share(one: int, other: int, n: int = 400) -> float:
    """P-value of Fisher's test of two shares of n."""
    return float(fisher_exact([[one, other], [n - one, n - other]]).pvalue)


def test_product_in_two_halves_has_the_extinction_and_means_of_the_whole() -> None:
    """400 replicates each, some 50 without leukaemia on day 55 (SE 7); shares that differ by 0.12 would be seen.

    A failure means that chance treats two products otherwise than one. Halves of which one sees CD22 better end more often without.
    """
    (one, gone), (two, as_halves) = extinct(), extinct(TWINS)
    assert 25 < gone < 360
    assert same_share(gone, as_halves) > 1e-3
    for name in ("car_t_cells", "b_cells", "anti_car_cd22"):
        a, b = (run[name][:, DAYS == 20.0].mean() for run in (one, two))
        assert b == pytest.approx(a, rel=2e-3), name
    assert same_share(gone, extinct(TWINS, threshold_twin_cd22=1200.0)[1]) < 1e-3


def test_classes_of_equal_antigen_have_the_extinction_of_one() -> None:
    """400 replicates each, some 50 extinct (SE 7); shares that differ by 0.12 would be seen.

    A failure means that how cells are spread over classes changes their luck. Where densities differ it does: by a spread of
    0.1, a tenth as many die out, which the test misses with probability below 1e-6.
    """
    spread = (0.3, 0.5, 0.2)
    gone, as_three = (extinct(cd22_spread=0.0, levels=levels)[1] for levels in ((0.0, 1.0, 0.0), spread))
    assert 25 < gone < 360
    assert same_share(gone, as_three) > 1e-3
    assert same_share(gone, extinct(cd22_spread=0.1, levels=spread)[1]) < 1e-3


def largest_bias(kernel: Hybrid, density: float) -> float:
    """Largest deviation of hybrid means from the mean field, down to 1e5 cells and up to day 20."""
    mean, rows = (course(kernel=k, n=n, cd22_density=density) for k, n in ((ODE(), 1), (kernel, 100)))
    until, worst = DAYS <= 20.0, 0.0
    for name in ("leukaemia_cells", "car_t_cells", "b_cells"):
        expected = mean[name][0, until]
        large = expected > 1e5
        assert large.sum() > 15
        found = rows[name][:, until].mean(axis=0)
        worst = max(worst, float(np.abs(found[large] / expected[large] - 1.0).max()))
    return worst


@pytest.mark.parametrize("density", [2000.0, 3000.0])
def test_means_of_hybrid_courses_approach_the_mean_field_while_populations_are_large(density: float) -> None:
    """100 replicates, with the options of a trial and with tight ones; down to 1e5 leukaemia cells chance moves their mean by 0.01 %, so that what is seen is bias.

    The largest is in the steepest fall of the leukaemia, by a factor of ten a day, where a minute counts; what stays with tight tolerances
    comes from the first hour, when effectors in tissue, and so their mean division age, are a matter of few cells. A failure means that
    the splitting between populations and environment is biased, or that noise reaches what is large.
    """
    assert largest_bias(HYBRID, density) < 0.015
    assert largest_bias(Hybrid(tolerance=0.02, rtol=1e-5), density) < 0.007


def test_the_same_comparison_sees_the_bias_of_a_coarse_step() -> None:
    assert largest_bias(Hybrid(tolerance=3.0, rtol=1e-2), 2000.0) > 0.03


UNTREATED = build(Design(lymphodepletions=0, supportive=False))


def surviving_founders(
    second_hit: float, birth: float = 0.105, death: float = 0.04, cells: float = 3e11
) -> float:
    """Expected CD19-negative founders whose line survives, from the network's own one-copy cells in one growth from one cell."""
    end = np.log(cells) / (birth - death)
    times = np.linspace(0.0, end, 801)
    one_copy = [species.name for species in UNTREATED.all_species if species.name.startswith("marrow_one_")]
    run = simulate(
        UNTREATED,
        times,
        ODE(rtol=1e-7, atol=1e-12),
        parameters={
            "net_growth_rate": birth - death,
            "blast_death_rate": death,
            "first_hit_rate": 1e-7,
            "second_hit_rate": second_hit,
            "leukaemia_cells_per_kg": 1e40,
            "niche_exchange": 0.0,
            **{f"limit_{cause}": 1e99 for cause in ("leukaemia", "infection", "background")},
        },
        initial={"marrow_two_level1": 1.0},
        outputs=tuple(one_copy),
    )
    founders = second_hit * birth * sum(run[name][0] for name in one_copy)
    return float(simpson(founders, x=times)) * (1.0 - death / birth)


def test_the_network_founds_as_many_cd19_negative_lines_as_the_law_of_clones() -> None:
    """0.246 lines that survive at 3e11 cells from one, u1 = u2 = 1e-7, and ten times that at u2 = 1e-6, given the mean of one-copy cells.

    A failure means that the network and the law of the clones at infusion count copies or divisions differently; half the first hits, as
    with one copy in place of two, would be seen.
    """
    assert surviving_founders(1e-7) == pytest.approx(0.246, rel=0.02)
    assert surviving_founders(1e-6) == pytest.approx(2.46, rel=0.02)
    assert surviving_founders(1e-7, cells=3e10) == pytest.approx(0.02, rel=0.15)


def test_threads_and_the_order_of_patients_change_no_byte() -> None:
    """60 patients who expand, contract and lose their last cells by chance; replicates and a part of the patients too.

    A failure means that luck belongs to workers or places. The same patients under another seed differ.
    """
    scenario = trial({"cd19": [infusion("cd19")]}, products={"cd19": product("cd19")}, horizon=200)
    days, names = np.arange(-5.0, 201.0, 5.0), ("leukaemia_cells", "car_t_cells", "il6")
    order = np.random.default_rng(3).permutation(60)
    cohorts = {
        place: draw(scenario, "cd19", SEED, of) for place, of in (("plain", np.arange(60)), ("mixed", order))
    }
    plain = courses(cohorts["plain"], days, names, n=2)
    threaded = courses(cohorts["plain"], days, names, n=2, threads=2)
    mixed = courses(cohorts["mixed"], days, names, n=2, threads=2)
    part = courses(draw(scenario, "cd19", SEED, order[:7]), days, names, n=2)
    other = courses(draw(scenario, "cd19", SEED + 1, np.arange(60)), days, names, n=2)
    for name in names:
        assert plain[name].tobytes() == threaded[name].tobytes()
        by_patient = plain[name].reshape(60, 2, -1)
        assert by_patient[order].tobytes() == mixed[name].tobytes()
        assert by_patient[order[:7]].tobytes() == part[name].tobytes()
        assert by_patient.tobytes() != other[name].tobytes()
