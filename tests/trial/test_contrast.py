"""A comparison of two arms as a user meets it: `Result.compare`, of made-up courses and of rows written by hand."""

from __future__ import annotations

import json
from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pytest

import sim
from sim.errors import InputError
from sim.trial import courses
from sim.trial.contrast import DEFAULT_ENDPOINTS, contrast
from sim.trial.contrast_view import html, record, text
from sim.trial.incidence import cumulative_incidence
from sim.trial.outcomes import Outcomes
from sim.trial.summary import relapse_incidence
from sim.trial.survival import kaplan_meier
from tests.trial.made_up import MadeUp
from tests.trial.small_posterior import small_posterior
from tests.trial.two_arms import followed, rows

PAIRED = sim.load("fry2018-cd22").with_({"patients.paired": True})


@pytest.fixture(scope="module")
def paired():
    """Eighty patients, the same people in both arms, with made-up courses that know no arm."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(courses, "simulate", MadeUp())
        return sim.run(PAIRED, patients=80, seed=1)


def with_rows(result, first: Outcomes, second: Outcomes):
    """The same trial with other rows in its arms higher and lowest."""
    parts = [
        Outcomes({**part, "arm": np.full(part.rows, arm)})
        for part, arm in ((first, "higher"), (second, "lowest"))
    ]
    return replace(result, outcomes=Outcomes.concatenate(parts))


class TestValues:
    def test_arms_that_do_the_same_to_the_same_people_differ_by_nothing(self, paired):
        found = paired.compare("higher", "lowest")
        assert found.pairing.paired
        for line in found.lines:
            assert line.difference == 0.0
            assert line.simulation_sd == pytest.approx(0.0, abs=1e-12)
            assert line.lower <= 0.0 <= line.upper
        assert found["efs_mean"].upper == pytest.approx(0.0, abs=1e-9)

    def test_figures_are_those_of_the_curves_of_each_arm(self, result):
        found = result.compare(
            "higher", "lowest", on=("efs", "os", "relapse_of_responders"), at=182.0, until=400.0
        )
        for arm, side in (("higher", "first"), ("lowest", "second")):
            own = result.outcomes.arm(arm)
            for name in ("efs", "os"):
                days = own[f"{name}_days"]
                curve = kaplan_meier(days[np.isfinite(days)], own[f"{name}_event"][np.isfinite(days)])
                assert getattr(found[f"{name}_at"], side) == pytest.approx(float(curve.at(182.0)), abs=1e-12)
            curve = relapse_incidence(own, "ignored")
            for cause in ("positive", "cd19-negative"):
                name = f"relapse_of_responders_{cause.replace('-', '_')}"
                wanted = float(curve.at(cause, 182.0)) if cause in curve.causes else 0.0
                assert getattr(found[name], side) == pytest.approx(wanted, abs=1e-12)
        assert not found.pairing.paired

    def test_of_everybody_those_without_remission_compete_from_the_first_day(self, result):
        own = result.outcomes.arm("higher")
        found = result.compare("higher", "lowest", on="relapse", at=365.0)["relapse_any"]
        judged = np.isfinite(own["cr"])
        days = np.where(own["cr"] == 1, own["rfs_days"] + own["cr_day"], 0.0)[judged]
        relapsed = np.isfinite(own["relapse_day"]) | (own["death_cause"] == "leukaemia")
        cause = np.where(own["cr"] == 1, np.where(own["rfs_event"] == 1, np.where(relapsed, 1, 2), 0), 3)[
            judged
        ]
        curve = cumulative_incidence(days, cause, ["relapse", "death", "none"])
        assert found.first == pytest.approx(float(curve.at("relapse", 365.0)), abs=1e-12)
        assert found.n_first == judged.sum()

    def test_paired_difference_is_that_of_the_patients_worked_by_hand(self, paired):
        # Both 40, 20 only in the first, 5 only in the second, 15 neither: 0.1875 with SD sqrt((25/80 - 0.1875^2)/79).
        first = np.repeat([1.0, 1.0, 0.0, 0.0], [40, 20, 5, 15])
        second = np.repeat([1.0, 0.0, 1.0, 0.0], [40, 20, 5, 15])
        found = with_rows(paired, rows(80, cr=first), rows(80, cr=second)).compare(
            "higher", "lowest", on="cr"
        )["cr"]
        assert found.difference == pytest.approx(0.1875)
        assert found.simulation_sd == pytest.approx(((25 / 80 - 0.1875**2) / 79) ** 0.5)
        assert (found.n_first, found.n_second) == (80, 80)

    def test_transplant_is_read_as_asked_after_the_run(self, paired):
        days = np.linspace(100.0, 900.0, 80)
        transplanted = rows(80, **followed(days), transplant_day=np.full(80, 50.0))
        result = with_rows(paired, transplanted, rows(80, **followed(days)))
        kept, event, apart = (
            result.compare("higher", "lowest", on="os", at=365.0, transplant=rule)["os_at"].first
            for rule in ("ignored", "event", "competing")
        )
        assert (event, apart) == (0.0, 1.0)
        assert kept == pytest.approx((days > 365.0).mean())


class TestHazardRatio:
    def test_is_told_where_hazards_keep_their_proportion(self, paired):
        luck = np.random.default_rng(1).exponential(size=(2, 400))
        result = with_rows(
            paired, rows(400, **followed(600.0 * luck[0])), rows(400, **followed(300.0 * luck[1]))
        )
        (ratio,) = result.compare("higher", "lowest", on="os").ratios
        assert ratio.proportional_p >= 0.05
        assert 0.35 < ratio.lower < ratio.value < ratio.upper < 0.7
        assert ratio.note == ""

    def test_is_not_told_where_curves_cross(self, paired):
        luck = np.random.default_rng(1).exponential(size=400)
        crossing = np.where(luck < 0.5, 100.0 + 800.0 * luck, 400.0 + 5000.0 * (luck - 0.5))
        result = with_rows(paired, rows(400, **followed(300.0 * luck)), rows(400, **followed(crossing)))
        found = result.compare("higher", "lowest", on="os", until=730.0)
        (ratio,) = found.ratios
        assert np.isnan([ratio.value, ratio.lower, ratio.upper]).all()
        assert ratio.proportional_p < 0.05
        assert "not told" in ratio.note
        assert "os: not told" in text(found)
        assert record(found)["hazard_ratios"][0]["value"] is None

    def test_few_events_are_said_and_none_make_no_ratio(self, paired):
        days = np.linspace(100.0, 3000.0, 80)
        result = with_rows(paired, rows(80, **followed(days)), rows(80, **followed(days[::-1] + 1.0)))
        (ratio,) = result.compare("higher", "lowest", on="os").ratios
        assert "few events" in ratio.note
        result = with_rows(paired, rows(80, **followed(days)), rows(80, **followed(days + 5000.0)))
        (ratio,) = result.compare("higher", "lowest", on="os").ratios
        assert np.isnan(ratio.value)
        assert "no event" in ratio.note


class TestTwoRuns:
    def test_same_seed_pairs_an_arm_with_itself_under_other_treatment(self, paired, result, monkeypatch):
        monkeypatch.setattr(courses, "simulate", MadeUp())
        other = sim.run(PAIRED.with_({"arms.higher.infusions.0.dose": 1e7}), patients=80, seed=1)
        found = paired.compare("higher", "higher", other=other)
        assert found.pairing.paired
        assert sorted(found.apart) == ["arm.infusions.0.dose.mix", "arm.infusions.0.dose.value"]
        assert found.apart["arm.infusions.0.dose.value"] == (None, 1e7)
        assert found.arms[0] != found.arms[1]

    def test_another_seed_is_other_people(self, paired, monkeypatch):
        monkeypatch.setattr(courses, "simulate", MadeUp())
        other = sim.run(PAIRED, patients=40, seed=2)
        found = paired.compare("higher", "lowest", other=other)
        assert not found.pairing.paired
        assert found.apart["seed"] == (1, 2)
        assert "Not paired: 80 and 40 virtual patients" in text(found)

    def test_what_is_measured_otherwise_is_said(self, paired, monkeypatch):
        monkeypatch.setattr(courses, "simulate", MadeUp())
        other = sim.run(PAIRED.with_({"assay.mrd_limit": 1e-3}), patients=80, seed=1)
        assert "not examined or judged alike" in text(paired.compare("lowest", "lowest", other=other))

    def test_two_rules_for_transplants_need_a_choice(self, paired):
        changed = paired.scenario.with_({"criteria.transplant": "censored"})
        other = replace(paired, scenario=changed)
        with pytest.raises(InputError, match="ignored in one scenario, censored in the other"):
            paired.compare("lowest", "lowest", other=other)
        assert paired.compare("lowest", "lowest", other=other, transplant="event").transplant == "event"


class TestFailedRows:
    def test_are_left_out_with_their_partners_and_counted(self, monkeypatch):
        monkeypatch.setattr(courses, "simulate", MadeUp(failing=10))
        with pytest.warns(sim.errors.NumericalWarning):
            result = sim.run(PAIRED, patients=40, seed=1)
        status = result.outcomes["status"].copy()
        status[(result.outcomes["arm"] == "lowest") & (result.outcomes["patient"] == 7)] = 1
        result = replace(result, outcomes=Outcomes({**result.outcomes, "status": status}))
        found = result.compare("higher", "lowest")
        assert found.pairing.failed == (4, 5)
        assert found.pairing.left_out == 1
        assert "Rows that failed: 4 and 5" in text(found)
        assert 7 not in found.pairing.first["patient"]

    def test_nobody_left_is_an_error(self, paired):
        failed = rows(80, status=np.ones(80, dtype=np.int8))
        with pytest.raises(InputError, match="fewer than 2 patients"):
            with_rows(paired, failed, rows(80)).compare("higher", "lowest")


class TestErrors:
    @pytest.mark.parametrize(
        ("options", "words"),
        [
            ({"on": "pfs"}, "on: 'pfs'; must be one of cr, "),
            ({"on": ()}, "on: ''; must be one of"),
            ({"at": 1000.0}, "at: 1000; must be above 0 and at most 730"),
            ({"until": 0.0}, "until: 0; must be above 0"),
            ({"level": 1.0}, "level: 1; must be between 0 and 1"),
            ({"transplant": "lost"}, "transplant: 'lost'; must be one of ignored"),
        ],
    )
    def test_say_what_to_do(self, paired, options, words):
        with pytest.raises(InputError, match=words):
            paired.compare("higher", "lowest", **options)

    def test_an_arm_that_is_not_there_or_twice_is_refused(self, paired):
        with pytest.raises(InputError, match="'tandm'; no such arm"):
            paired.compare("tandm", "lowest")
        with pytest.raises(InputError, match="named twice"):
            paired.compare("lowest", "lowest")


class TestViews:
    def test_table_has_a_row_for_each_quantity(self, result):
        found = result.compare("higher", "lowest")
        table = found.table()
        assert table["name"].tolist()[:4] == ["cr", "mrd_negative", "efs_at", "efs_mean"]
        assert len(table) == 2 + 2 * 2 + 7
        assert (table["lower"] <= table["difference"]).all()
        assert (table["difference"] <= table["upper"]).all()
        with pytest.raises(KeyError):
            found["nothing"]

    def test_responders_are_marked_as_other_people(self, result):
        said = text(result.compare("higher", "lowest", on=("remission", "rfs")))
        assert "of responders at 12 months *" in said
        assert "not the same people" in said

    def test_html_and_record_hold_the_same(self, result):
        found = contrast((result, "higher"), (result, "lowest"))
        assert html(found) == found._repr_html_()
        told = json.loads(json.dumps(record(found), allow_nan=False))
        assert told["paired"] is False
        assert len(told["differences"]) == len(found.lines)
        assert [ratio["endpoint"] for ratio in told["hazard_ratios"]] == ["efs", "os"]
        assert DEFAULT_ENDPOINTS[0] == "cr"

    def test_figure_has_a_column_for_each_endpoint_over_time(self, result):
        axes = result.compare("higher", "lowest", on=("cr", "efs", "relapse"), until=730.0).plot()
        assert len(axes) == 4
        assert axes[0].get_ylim()[0] == 0.0
        low, high = axes[2].get_ylim()
        assert low == -high
        plt.close("all")

    def test_no_figure_of_a_share_alone(self, result):
        with pytest.raises(InputError, match="no curve to draw"):
            result.compare("higher", "lowest", on="cr").plot()


def test_populations_of_a_posterior_make_intervals_wider_and_are_told(tmp_path, monkeypatch):
    monkeypatch.setattr(courses, "simulate", MadeUp())
    folder = small_posterior(tmp_path / "posterior", "fry2018-cd22")
    drawn = PAIRED.with_({"patients.posterior": {"folder": str(folder), "draws": 5, "trial": "fry2018-cd22"}})
    result = sim.run(drawn, patients=50, seed=1)
    # The first arm has remission in the even populations alone.
    first = rows(50, cr=(np.arange(50) % 5 % 2 == 0).astype(float))
    second = rows(50, cr=np.zeros(50))
    found = with_rows(result, first, second).compare("higher", "lowest", on="cr")
    plain = with_rows(replace(result, provenance={}), first, second).compare("higher", "lowest", on="cr")
    assert found.pairing.shared is not None
    assert found.pairing.shared.populations == 5
    assert found["cr"].difference == plain["cr"].difference == pytest.approx(0.6)
    assert found["cr"].lower < plain["cr"].lower - 0.2
    # Five populations of shares 1, 0, 1, 0, 1.
    assert found["cr"].simulation_sd == pytest.approx((0.3 / 5) ** 0.5)
    assert "not known of parameters" in text(found)
    assert record(found)["populations"] == 5
