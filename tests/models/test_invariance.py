"""Laws of whole courses that no form of the model may change, and hybrid against mean-field courses; the drift itself is in test_leukaemia.py.

One adult with 30 % blasts and a CD22 product, who is spared death, so that every course reaches its last day.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import fisher_exact

from sim.models.design import Design, ProductDesign
from sim.models.leukaemia import build
from sim.network.network import Network
from sim.network.simulation import ODE, Hybrid, simulate
from sim.network.trajectories import Trajectories

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
    **parameters: float,
) -> Trajectories:
    """Course after 2e6 cells/kg, in equal parts if there are two products; `levels` are the shares of the CD22 levels."""
    size = weight / 70.0
    names = ("cd22", "twin") if net is TWINS else ("cd22",)
    given = {**IMMORTAL, "lymphodepletion_time_0": -4.0, "weight": weight, **parameters}
    for name in names:
        given |= {f"infusion_time_{name}_0": 0.0, f"infusion_cells_{name}_0": 8.4e6 * size / len(names)}
    initial = {"normal_marrow_fraction": 0.7, "b_cells": 1e10 * size, "host_lymphocytes": 3e11 * size}
    initial["anti_car_cd22"] = 1e6 * size
    for level, share in enumerate(levels):
        cells = 0.3 * 1.4e10 * weight * share
        initial[f"marrow_two_level{level}"] = np.floor(cells * (1.0 - 9e-5))
        initial[f"niche_two_level{level}"] = np.floor(cells * 9e-5)
    return simulate(
        net, DAYS, kernel, n=n, seed=1, parameters=given, initial=initial, outputs=OUTPUTS, threads=1
    )


def assert_equal(one: Trajectories, two: Trajectories, *, scale: float = 1.0, rel: float) -> None:
    for name in OUTPUTS:
        factor = scale if name in CELLS else 1.0
        np.testing.assert_allclose(two[name], factor * one[name], rtol=rel, atol=1e-3 * rel, err_msg=name)


def test_product_in_two_halves_has_the_mean_course_of_the_whole() -> None:
    """Every total over a year, to 3e-6. A failure means that two products compete otherwise than one with itself."""
    assert_equal(course(), course(TWINS), rel=3e-6)


def test_classes_of_equal_antigen_have_the_mean_course_of_one() -> None:
    """Without a spread of CD22, cells on one level and on three are the same leukaemia, to 1e-7 over a year."""
    one = course(levels=(0.0, 1.0, 0.0), cd22_spread=0.0)
    assert_equal(one, course(levels=(0.3, 0.5, 0.2), cd22_spread=0.0), rel=1e-6)


def test_mean_course_in_cells_per_kg_does_not_depend_on_body_weight() -> None:
    """A child of 20 kg against an adult of 70 kg, to 1e-6 over a year."""
    assert_equal(course(), course(weight=20.0), scale=20.0 / 70.0, rel=1e-5)


CLEARED = {"cd22_density": 3300.0, "cd22_spread": 0.1, "levels": (0.0, 1.0, 0.0)}
"""A patient whose leukaemia is down to its last cells about two months after the infusion."""


def test_product_in_two_halves_has_the_extinction_and_means_of_the_whole() -> None:
    """400 replicates each, some with and some without leukaemia on day 55; shares that differ by 0.12 would be seen.

    A failure means that chance treats two products otherwise than one.
    """
    one, two = (course(net, Hybrid(), n=400, **CLEARED) for net in (WHOLE, TWINS))
    gone = [int((run["leukaemia_cells"][:, DAYS == 55.0] == 0.0).sum()) for run in (one, two)]
    assert 40 < gone[0] < 360
    assert fisher_exact([gone, [400 - k for k in gone]]).pvalue > 1e-3
    for name in ("car_t_cells", "b_cells", "anti_car_cd22"):
        a, b = (run[name][:, DAYS == 20.0].mean() for run in (one, two))
        assert b == pytest.approx(a, rel=2e-3), name


def test_classes_of_equal_antigen_have_the_extinction_of_one() -> None:
    """400 replicates each; shares of extinct courses that differ by 0.12 would be seen.

    A failure means that how cells are spread over classes changes their luck.
    """
    same = {**CLEARED, "cd22_spread": 0.0}
    one, two = (
        course(kernel=Hybrid(), n=400, **{**same, "levels": levels})
        for levels in ((0.0, 1.0, 0.0), (0.3, 0.5, 0.2))
    )
    gone = [int((run["leukaemia_cells"][:, DAYS == 55.0] == 0.0).sum()) for run in (one, two)]
    assert 40 < gone[0] < 360
    assert fisher_exact([gone, [400 - k for k in gone]]).pvalue > 1e-3


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
    """100 replicates; down to 1e5 leukaemia cells chance moves their mean by 0.01 %, so that what is seen is bias.

    The largest is in the steepest fall of the leukaemia, by a factor of ten a day, where a minute counts; what stays with tight tolerances
    comes from the first hour, when effectors in tissue, and so their mean division age, are a matter of few cells. A failure means that
    the splitting between populations and environment is biased, or that noise reaches what is large.
    """
    assert largest_bias(Hybrid(tolerance=0.1), density) < 0.015
    assert largest_bias(Hybrid(tolerance=0.02, rtol=1e-5), density) < 0.007
