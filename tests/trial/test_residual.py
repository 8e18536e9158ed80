"""Residual disease cell by cell: shares by density, clones, what of them a trial keeps and draws."""

from __future__ import annotations

import math

import numpy as np
import pytest

import sim
from sim.errors import InputError
from sim.kernels import agent_layout as at
from sim.kernels import status as codes
from sim.kernels._jit import DISABLED
from sim.network.residual import ANTIGENS, BIN_EDGES, CLONES, Residual, describe_clones, shares_of
from sim.network.trajectories import Trajectories
from sim.trial.outcomes import Outcomes
from sim.trial.residual import WHEN, ResidualDisease
from sim.trial.scenario_io import load

PATIENTS = 12


def cells(
    cd19: list[float], cd22: list[float], copies: list[int], lost: list[bool]
) -> tuple[np.ndarray, np.ndarray]:
    """Cells of such densities of two copies of CD19 and of CD22."""
    values = np.zeros((at.VALUES, len(cd19)), np.float32)
    values[at.LN19], values[at.LN22] = np.log(cd19), np.log(cd22)
    marks = np.zeros((at.MARKS, len(cd19)), np.uint8)
    marks[at.COPIES], marks[at.FLAGS] = copies, np.where(lost, at.LOST, 0)
    return values, marks


def test_shares_by_density_hold_every_cell_once():
    """One copy has half the density; what contacts have taken counts; cells without the antigen come first, those beyond in the outer bins."""
    values, marks = cells(
        [1000.0, 1000.0, 1000.0, 1e9], [200.0, 400.0, 0.01, 5.0], [2, 1, 0, 2], [False, False, False, True]
    )
    values[at.SHED22, 1] = math.log(0.5)
    shares = shares_of(values, marks)
    np.testing.assert_allclose(shares.sum(axis=1), 1.0)
    assert shares[0, 0] == shares[1, 0] == 0.25
    place = 1 + np.searchsorted(BIN_EDGES, np.log10([1000.0, 500.0, 200.0]) + 1e-3) - 1
    assert shares[0, place[0]] == shares[0, place[1]] == 0.25
    assert shares[0, -1] == 0.25, "a billion is beyond the last edge"
    assert shares[1, place[2]] == 0.5, "four hundred, of which half is lost, and two hundred"
    assert shares[1, 1] == 0.25, "a hundredth is below the first edge"
    assert np.isnan(shares_of(values[:, :0], marks[:, :0])).all()


def test_the_largest_clone_is_described():
    values, marks = cells([1.0] * 5, [1500.0, 1500.0, 1500.0, 3000.0, 3000.0], [0, 0, 0, 2, 2], [False] * 5)
    found = dict(
        zip(
            CLONES[3:],
            describe_clones(values, marks, np.array([7, 7, 7, 2, 9], np.int32), 3000.0),
            strict=True,
        )
    )
    assert found["cells"] == 5
    assert found["clones"] == 3
    assert found["largest_share"] == pytest.approx(0.6)
    assert found["cd19_copies"] == 0
    assert found["cd22_lost"] == 0
    assert found["cd22_log_fold"] == pytest.approx(math.log(0.5), abs=1e-6)
    none = describe_clones(values[:, :0], marks[:, :0], np.zeros(0, np.int32), 3000.0)
    assert none[:2] == (0.0, 0.0)
    assert np.isnan(none[2:]).all()


@pytest.mark.parametrize("name", ["cd22-dimming", "residual-clone"])
def test_the_shipped_scenarios_simulate_residual_disease_cell_by_cell(name):
    scenario = load(name)
    assert scenario.engine.kernel == "agents"
    assert scenario.patients.paired


@pytest.fixture(scope="module")
def dimming():
    if DISABLED:
        pytest.skip("whole trials; the kernels have tests of their own")
    return sim.run(load("cd22-dimming", {"patients.size": PATIENTS}), seed=1)


def mode(table, arm: str, when: str, antigen: str) -> float:
    """Mean of log10 density over the cells that have the antigen."""
    here = (
        (table["arm"] == arm)
        & (table["when"] == when)
        & (table["antigen"] == antigen)
        & np.isfinite(table["low"])
    )
    middle, share = 0.5 * (table["low"][here] + table["high"][here]), table["share"][here]
    return float((middle * share).sum() / share.sum())


class TestDimming:
    """Twelve patients an arm, seed 1: what the scenario must show, by margins far above the width of a bin."""

    def test_shares_add_up(self, dimming):
        table = dimming.single_cells["densities"]
        for arm in dimming.arms:
            for when in WHEN:
                for antigen in ANTIGENS:
                    here = (table["arm"] == arm) & (table["when"] == when) & (table["antigen"] == antigen)
                    assert table["share"][here].sum() == pytest.approx(1.0, abs=1e-5)

    def test_the_three_looks_are_at_the_same_patients(self, dimming):
        table = dimming.single_cells["densities"]
        outcomes = dimming.outcomes
        for arm in dimming.arms:
            relapsed = np.count_nonzero((outcomes["arm"] == arm) & np.isfinite(outcomes["relapse_day"]))
            here = table["arm"] == arm
            assert relapsed > 0
            assert set(table["patients"][here].tolist()) == {relapsed}

    def test_cd22_moves_down_without_being_lost_and_cd19_stays(self, dimming):
        table = dimming.single_cells["densities"]
        for arm in dimming.arms:
            assert mode(table, arm, "nadir", "cd22") < mode(table, arm, "before", "cd22") - 0.3
            assert abs(mode(table, arm, "nadir", "cd19") - mode(table, arm, "before", "cd19")) < 0.1
        lost = (table["antigen"] == "cd22") & np.isnan(table["low"])
        assert table["share"][lost].max() < 0.01

    def test_it_comes_back_where_the_car_t_cells_are_gone(self, dimming):
        """Of the fall to the nadir more is made up for by the relapse where the CAR T cells are rejected."""
        table = dimming.single_cells["densities"]
        back = {}
        for arm in dimming.arms:
            before, nadir, relapse = (mode(table, arm, when, "cd22") for when in WHEN)
            back[arm] = (relapse - nadir) / (before - nadir)
        assert back["rejected"] > back["lasting"] + 0.1
        assert back["rejected"] > 1.0 / 3.0

    def test_tables_are_kept_and_drawn(self, dimming, tmp_path):
        import matplotlib as mpl

        mpl.use("Agg")
        dimming.save(tmp_path / "run")
        kept = sim.open(tmp_path / "run")
        for name, table in dimming.single_cells.items():
            for column, values in table.items():
                np.testing.assert_array_equal(values, kept.single_cells[name][column], err_msg=column)
        figures = {file.stem for file in (tmp_path / "run" / "figures").glob("*.png")}
        assert {"antigen_densities", "residual_clones"} <= figures
        assert len(kept.densities()) == 4
        assert len(kept.clones()) == 2

    def test_clones_are_of_the_patients(self, dimming):
        table = dimming.single_cells["clones"]
        assert len(table["patient"]) == 2 * PATIENTS
        single = np.isfinite(table["founders"])
        assert single.any()
        assert (table["founders"][single] <= 100_000 * 1.01).all()
        assert (table["clones"][single] <= table["founders"][single]).all()
        assert (table["counts_day"][single] > table["cells_day"][single]).all()


def test_of_a_row_that_failed_there_are_no_clones():
    """Two patients who had been single cells; the course of the second has failed since."""
    residual = Residual.of(2, 3)
    residual.clones[:] = np.arange(len(CLONES))
    courses = Trajectories(
        t=np.array([0.0, 30.0, 60.0]),
        names=("leukaemia_cells",),
        values=np.array([[[9.0], [4.0], [9.0]], [[9.0], [4.0], [np.nan]]]),
        status=np.array([codes.OK, codes.CAPACITY], np.int8),
        fired={},
        statistics={},
        patients=np.arange(2),
        replicates=np.zeros(2, np.int64),
        kernel="agents",
        residual=residual,
    )
    seen = ResidualDisease()
    outcomes = {"relapse_day": np.array([60.0, np.nan]), "relapse_phenotype": np.array(["cd22_low", ""])}
    seen.add("only", np.arange(2), courses, Outcomes(outcomes))
    table = seen.clones()
    assert table["patient"].tolist() == [0, 1]
    for k, name in enumerate(CLONES):
        np.testing.assert_array_equal(table[name], [k, np.nan], err_msg=name)


def test_another_kernel_has_nothing_to_draw():
    result = sim.run("untreated", patients=2, kernel="ode")
    assert result.single_cells["densities"] == {}
    for draw in (result.densities, result.clones):
        with pytest.raises(
            InputError, match="no relapse was simulated cell by cell; nothing to draw; take kernel agents"
        ):
            draw()
