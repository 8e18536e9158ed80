"""Models of papers under kernel `hybrid`: Kimmel's tumour against Kendall's law, and every model to its end."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

import sim
from sim.errors import NumericalWarning
from sim.models.published.record import PublishedModel
from sim.network.simulation import Hybrid, simulate
from tests.models.published import MODELS, SCRIPTS, TIGHT
from tests.reference import kimmel2021 as kimmel_script

each = pytest.mark.parametrize("model", MODELS.values(), ids=lambda model: model.name)
SLOW, MEDIUM, FAST = (kimmel_script.GROWTH[speed] for speed in ("slow", "medium", "fast"))


def extinctions(n: int, r: float, cells: float, kernel: Hybrid | None = None) -> int:
    """Return in how many of n runs, seed 1, no tumour cell is left on day 400."""
    run = simulate(
        sim.load_model("kimmel2021"),
        [0, 400],
        kernel or Hybrid(),
        n=n,
        seed=1,
        parameters={"r_B": r},
        initial={"B": cells},
        outputs=["B"],
    )
    assert run.ok.all()
    return int((run["B"][:, -1] == 0).sum())


def test_hybrid_gives_the_extinction_of_kimmels_tumour() -> None:
    """2,000 runs, seed 1, the median tumour, slow: a share off by 0.07 is seen with probability 0.9; false alarm 1e-7."""
    n, gone = 2000, extinctions(2000, SLOW, 9.486e10)
    assert stats.binomtest(gone, n, float(kimmel_script.extinct({"r_B": SLOW})[-1])).pvalue > 1e-7
    assert stats.binomtest(gone, n, float(kimmel_script.extinct({"r_B": SLOW + 0.012})[-1])).pvalue < 1e-7, (
        "the control"
    )


@pytest.mark.verify
@pytest.mark.parametrize(
    ("r", "cells"),
    [(0.065, 9.486e10), (SLOW, 2.3e9), (SLOW, 9.486e10), (SLOW, 1.3e12), (MEDIUM, 2.3e9)],
)
def test_hybrid_gives_the_extinction_of_kimmels_tumours_of_three_sizes(r: float, cells: float) -> None:
    """20,000 runs each, seed 1. At one half a share off by 0.022 is seen with probability 0.8; false alarm 1e-7 in each of five."""
    n, gone = 20_000, extinctions(20_000, r, cells)
    assert stats.binomtest(gone, n, float(kimmel_script.extinct({"r_B": r}, cells=cells)[-1])).pvalue > 1e-7
    wrong = float(kimmel_script.extinct({"r_B": r + 0.012}, cells=cells)[-1])
    assert stats.binomtest(gone, n, wrong).pvalue < 1e-7, "0.012/day more must fail"


@pytest.mark.parametrize(("r", "cells"), [(MEDIUM, 9.486e10), (FAST, 2.3e9)])
def test_a_tumour_that_cannot_die_out_comes_back(r: float, cells: float) -> None:
    """Chances of 1e-73 and less: none of 200 runs."""
    assert extinctions(200, r, cells) == 0


@pytest.mark.verify
def test_the_threshold_of_the_paper_hardly_moves_the_extinction_of_kimmels_tumour() -> None:
    """Counted from 100 cells down (a threshold of 200): 20,000 runs, seed 1; a share off by 0.02 is seen with probability 0.9."""
    n, exact = 20_000, kimmel_script.extinct_below(100, {"r_B": SLOW})
    gone = extinctions(n, SLOW, 9.486e10, Hybrid(threshold=200))
    assert stats.binomtest(gone, n, exact).pvalue > 1e-7
    assert stats.binomtest(gone, n, exact - 0.03).pvalue < 1e-7, "0.03 less must fail"


@pytest.mark.parametrize("r", [SLOW, MEDIUM, FAST])
def test_hybrid_gives_the_extinction_of_patients_with_spread_parameters(r: float) -> None:
    """1,000 patients with the chances of the script each: the number extinct has the variance of independent trials; six of its
    standard deviations, false alarm 2e-9 in each of three. Off by 0.04 in the mean at one half is seen with probability 0.9."""
    parameters = kimmel_script.patients(r)
    each_one = kimmel_script.extinct_each(parameters)
    run = simulate(
        sim.load_model("kimmel2021"), [0, 400], Hybrid(), seed=1, parameters=parameters, outputs=["B"]
    )
    gone = int((run["B"][:, -1] == 0).sum())
    bound = 6 * np.sqrt((each_one * (1 - each_one)).sum())
    assert abs(gone - each_one.sum()) < bound
    wrong = kimmel_script.extinct_each({**parameters, "r_B": parameters["r_B"] + 0.03})
    assert abs(gone - wrong.sum()) > bound, "0.03/day more must fail"


def test_most_extinctions_of_kimmels_tumour_fall_between_days_20_and_80() -> None:
    """2,000 runs, slow, of which about 1,240 die out: 0.67 of these from day 20 to 80, standard error 0.013, and 0.999 by day 140."""
    days = np.arange(0, 401, 20)
    run = simulate(sim.load_model("kimmel2021"), days, "hybrid", n=2000, seed=1, outputs=["B"])
    gone = (run["B"] == 0).mean(axis=0)
    assert abs((gone[4] - gone[1]) / gone[-1] - 0.6715) < 6 * 0.0134
    assert gone[7] / gone[-1] > 0.99, "an extinction after day 140 is rare"


def test_hybrid_and_ode_agree_where_cells_are_many() -> None:
    """CAR T cells of Leon-Triana at their peak, 1.6e10: chance is nothing."""
    net = sim.load_model("leon-triana2021-leukaemia")
    mean = simulate(net, [0, 12], TIGHT)["C"][0, -1]
    assert simulate(net, [0, 12], Hybrid(rtol=1e-6), n=2, seed=1)["C"][:, -1] == pytest.approx(mean, rel=1e-4)


@each
def test_hybrid_finishes_every_model(model: PublishedModel) -> None:
    if model.name == "barros2021-raji":
        pytest.skip("its memory cells return within a second: see below")
    begin, end = SCRIPTS[model.name].GRID[model.name][[0, -1]]
    species = [one.name for one in model.build().all_species]
    kernel = Hybrid(max_steps=3_000_000)  # HDLM-2 takes some 700,000, more than the default allows
    run = simulate(model.build(), [begin, (begin + end) / 2, end], kernel, n=3, seed=1, outputs=species)
    assert run.ok.all()
    assert np.isfinite(run.values).all()


def test_hybrid_says_that_it_cannot_follow_memory_cells_that_return_within_a_second() -> None:
    """Raji: single memory cells at a hazard of 1e5 a day and more, each of them drawn; a status, never a hang or a wrong answer."""
    with pytest.warns(NumericalWarning, match="max_steps"):
        run = simulate(sim.load_model("barros2021-raji"), [0, 21], Hybrid(max_steps=20_000), seed=1)
    assert run.status_names[0] == "max_steps"
    assert np.isnan(run["T"][0, -1])
