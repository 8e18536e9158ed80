"""Courses of single patients in the mean: kinetics of the CAR T cells, and what lymphodepletion does to them."""

from __future__ import annotations

import numpy as np

from sim.models.design import Design, ProductDesign
from sim.models.leukaemia import build
from sim.network.simulation import ODE, simulate
from sim.network.trajectories import Trajectories

NETWORK = build(Design(products=(ProductDesign("cd19", ("cd19",)),)))
DAYS = np.arange(-5.0, 241.0)
IMMORTAL = {f"limit_{cause}": 1e9 for cause in ("leukaemia", "treatment", "infection", "background")}


def course(
    blasts: float = 0.4, dose: float = 2e6, anti_car: float = 1e5, **parameters: float
) -> Trajectories:
    """Mean course of an adult after one infusion on day 0; `dose` in cells/kg."""
    cells = blasts * 1.4e10 * 70.0
    initial = {"marrow_two_level1": cells * (1.0 - 9e-5), "niche_two_level1": cells * 9e-5}
    initial |= {"normal_marrow_fraction": 1.0 - blasts, "b_cells": 1e10, "anti_car_cd19": anti_car}
    given = {
        "lymphodepletion_time_0": -4.0,
        "infusion_time_cd19_0": 0.0,
        "infusion_cells_cd19_0": dose * 70.0 * 0.06,
    }
    outputs = ["car_t_cells", "car_t_blood", "leukaemia_cells", "b_cell_fraction", "il6", "anti_car_cd19"]
    return simulate(
        NETWORK,
        DAYS,
        ODE(rtol=1e-5),
        parameters={**IMMORTAL, **given, **parameters},
        initial=initial,
        outputs=outputs,
    )


def peak(run: Trajectories) -> tuple[float, float]:
    """Height and day of the peak of CAR T cells within 60 days."""
    cells = run["car_t_cells"][0, :66]
    return float(cells.max()), float(DAYS[cells.argmax()])


def test_expansion_contraction_and_tail_are_those_of_published_kinetics() -> None:
    blood = course()["car_t_blood"][0]
    at = {day: float(blood[int(day + 5)]) for day in range(240)}
    top = max(at, key=lambda day: at[day])
    assert 7 <= top <= 14
    doubling = np.log(2.0) * 3.0 / np.log(at[6] / at[3])
    assert 0.6 < doubling < 0.9
    contraction = np.log(2.0) * 10.0 / np.log(at[top + 2] / at[top + 12])
    assert 3.5 < contraction < 6.5
    tail = np.log(2.0) * 120.0 / np.log(at[90] / at[210])
    assert 80.0 < tail < 400.0


def test_peak_changes_less_than_twofold_over_a_tenfold_dose() -> None:
    low, high = peak(course(dose=1e6))[0], peak(course(dose=1e7))[0]
    assert 1.0 < high / low < 2.0


def test_peak_follows_antigen_burden_and_saturates() -> None:
    heights = [peak(course(blasts=blasts))[0] for blasts in (0.004, 0.04, 0.4)]
    slopes = np.diff(np.log10(heights))
    assert 0.2 < slopes.mean() < 1.0
    assert slopes[1] < slopes[0]


def test_without_lymphodepletion_the_peak_is_later_and_lower() -> None:
    with_it, without = peak(course()), peak(course(lymphodepletion_time_0=np.inf))
    assert without[0] < 0.9 * with_it[0]
    assert without[1] > with_it[1]


def test_primed_patient_without_lymphodepletion_rejects_and_a_naive_one_does_not() -> None:
    def height(anti_car: float, lymphodepletion: float) -> float:
        return peak(course(anti_car=anti_car, lymphodepletion_time_0=lymphodepletion))[0]

    naive, primed = 1e5, 1e9
    assert height(primed, -4.0) > 0.5 * height(naive, -4.0)
    assert height(primed, np.inf) < 0.05 * height(primed, -4.0)
    assert height(naive, np.inf) > 0.3 * height(naive, -4.0)


def test_b_cells_go_with_the_leukaemia_and_stay_away() -> None:
    share = course()["b_cell_fraction"][0]
    assert share[5 + 28] < 0.03
    assert share[5 + 180] < 0.03


def test_serum_il6_peaks_with_burden() -> None:
    little, much = (float(course(blasts=b)["il6"].max()) for b in (0.01, 0.5))
    assert much > 5.0 * little
    assert 1e2 < much < 1e5
