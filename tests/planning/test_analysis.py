"""What is on record at a cut of the data, by hand: analysis sets, readings of a transplant, losses, the looks."""

from __future__ import annotations

import numpy as np
import pytest

from sim.planning.analysis import analyse, at_cut, full_information, record_of, responses
from sim.planning.design import TrialDesign
from sim.planning.enrolment import Enrolment, blocks_of, enrol
from sim.planning.states import STATES, states_at
from tests.planning.made_pool import ARMS, exponential, outcomes, pool

NAN, INF = np.nan, np.inf
WAIT = 20.0

# A relapse on day 200 after a transplant on day 100; a remission that lasts; no response; a death of the treatment on day 50, in remission; a
# product that was never made, death on day 70.
COURSES = {
    "cr": [1.0, 1.0, 0.0, 1.0, 0.0],
    "cr_day": [28.0, 60.0, NAN, 28.0, NAN],
    "rfs_days": [172.0, 670.0, NAN, 22.0, NAN],
    "rfs_event": [1.0, 0.0, NAN, 1.0, NAN],
    "remission_days": [172.0, 670.0, NAN, 22.0, NAN],
    "remission_event": [1.0, 0.0, NAN, 0.0, NAN],
    "relapse_day": [200.0, NAN, NAN, NAN, NAN],
    "death_day": [NAN, NAN, 400.0, 50.0, 70.0],
    "last_followup_day": [730.0, 730.0, 400.0, 50.0, 70.0],
    "transplant_day": [100.0, NAN, NAN, NAN, NAN],
    "infused": [1.0, 1.0, 1.0, 1.0, 0.0],
    "evaluable": [1.0, 1.0, 1.0, 0.0, 0.0],
}


def seen(cut=1e6, entry=0.0, lost=INF, **design):
    """Days and events of the five, in one arm."""
    plan = TrialDesign(arms=ARMS, sizes=(5,), **design)
    course = pool({arm: outcomes(arm, 5, **COURSES) for arm in ARMS}, WAIT).course(ARMS[0], plan)
    place = np.arange(5)[None, :]
    entered = Enrolment(
        np.zeros(1, int), place, np.full((1, 5), entry), np.broadcast_to(lost, (1, 5)).astype(float)
    )
    record = record_of(entered, (course,))
    if plan.rate:
        inside, responded = responses(record, np.array([cut]))
        return inside[0].tolist(), responded[0].tolist()
    days, event = at_cut(record, np.array([cut]))
    return days[0].round(6).tolist(), event[0].tolist()


def told(days, wanted):
    np.testing.assert_array_equal(np.array(days), np.array(wanted))


class TestTimes:
    def test_from_enrolment_count_the_wait_and_the_product_that_was_never_made(self) -> None:
        days, event = seen(endpoint="efs")
        told(days, [220, 750, 0, 70, 0])
        assert event == [True, False, True, True, True]
        told(seen(endpoint="os")[0], [750, 750, 420, 70, 90])

    def test_from_the_infusion_leave_it_out(self) -> None:
        days, event = seen(endpoint="efs", analyses=("infused",))
        told(days, [200, 730, 0, 50, NAN])
        assert event == [True, False, True, True, False]
        told(seen(endpoint="os", analyses=("evaluable",))[0], [730, 730, 400, NAN, NAN])

    def test_from_remission_are_of_those_who_reached_it(self) -> None:
        told(seen(endpoint="rfs")[0], [172, 670, NAN, 22, NAN])
        assert seen(endpoint="rfs")[1] == [True, False, False, True, False]
        assert seen(endpoint="remission")[1] == [True, False, False, False, False]

    def test_end_at_the_cut_of_the_data(self) -> None:
        days, event = seen(cut=300.0, entry=100.0, endpoint="os")
        told(days, [200, 200, 200, 70, 90])
        assert event == [False, False, False, True, True]

    def test_ask_the_same_wait_of_who_responded_and_who_did_not(self) -> None:
        """Best response counts to day 90 after the infusion: before, nobody is analysed, whatever is known of some."""
        assert np.isnan(seen(cut=109.0, endpoint="efs")[0]).all()
        told(seen(cut=111.0, endpoint="efs")[0], [111, 111, 0, 70, 0])

    def test_end_when_a_patient_is_lost_and_without_response_on_record_at_once(self) -> None:
        days, event = seen(lost=60.0, endpoint="efs")
        told(days, [60, 0, 0, 60, 0])
        assert event == [False, True, True, False, True]

    def test_of_a_death_before_day_0_without_a_wait_are_0(self) -> None:
        dying = {arm: outcomes(arm, 2, death_day=[-3.0, NAN], infused=[0.0, 1.0]) for arm in ARMS}
        course = pool(dying).course(ARMS[0], TrialDesign(arms=ARMS, sizes=(5,), endpoint="os"))
        assert course.event.tolist() == [0.0, INF]
        assert course.end.tolist() == [INF, 730.0]

    @pytest.mark.parametrize(
        ("reading", "days", "event"),
        [("ignored", 220, True), ("event", 120, True), ("censored", 120, False), ("competing", 750, False)],
    )
    def test_read_a_transplant_as_the_plan_says(self, reading, days, event) -> None:
        found = seen(endpoint="efs", readings=(reading,))
        assert (found[0][0], found[1][0]) == (days, event)
        assert found[0][1:] == [750, 0, 70, 0]


class TestRates:
    def test_count_everybody_who_was_enrolled_infused_or_evaluable(self) -> None:
        responded = [True, True, False, True, False]
        assert seen(endpoint="cr") == ([True] * 5, responded)
        assert seen(endpoint="cr", analyses=("infused",)) == ([True] * 4 + [False], responded)
        assert seen(endpoint="cr", analyses=("evaluable",)) == (
            [True] * 3 + [False] * 2,
            [True, True, False, False, False],
        )

    def test_wait_for_the_last_day_of_a_response(self) -> None:
        assert seen(cut=109.0, endpoint="cr")[0] == [False] * 5

    def test_take_who_was_lost_before_his_response_for_none(self) -> None:
        assert seen(lost=60.0, endpoint="cr") == ([True] * 5, [True, False, False, True, False])
        # Lost before the first restaging on day 21 after the infusion nobody can be evaluated.
        assert seen(lost=40.0, endpoint="cr", analyses=("evaluable",))[0] == [False] * 5


def test_states_follow_a_course() -> None:
    both = pool({arm: outcomes(arm, 5, **COURSES) for arm in ARMS}, WAIT)
    wanted = {
        0.0: [0] * 5,
        50.0: [1, 0, 0, 1, 0],
        125.0: [2, 1, 0, 4, 4],
        230.0: [3, 1, 0, 4, 4],
        430.0: [3, 1, 4, 4, 4],
    }
    for day, states in wanted.items():
        assert states_at(both, ARMS[0], "enrolled", day).tolist() == states
    assert states_at(both, ARMS[0], "infused", 125.0 - WAIT).tolist() == [2, 1, 0, 4]
    assert len(STATES) == 5


@pytest.fixture(scope="module")
def record():
    """Five hundred trials of 30 an arm whose first arm dies half as fast."""
    patients = exponential({ARMS[0]: 0.001, ARMS[1]: 0.002}, 2000)
    plan = TrialDesign(arms=ARMS, sizes=(30,), endpoint="os")
    entered = enrol(plan, 30, np.arange(500), 1, blocks_of(patients, 60))
    return record_of(entered, tuple(patients.course(arm, plan) for arm in ARMS))


class TestLooks:
    def design(self, **changes):
        return TrialDesign(arms=ARMS, sizes=(30,), endpoint="os", **changes)

    def test_stop_with_the_events_that_they_wait_for(self, record) -> None:
        found = analyse(self.design(looks=(0.5,), spending="pocock"), record, 40.0)
        assert found.early.any()
        assert not found.early.all()
        assert (found.events[found.early] == 20).all()
        assert (found.first | found.second)[found.early].all()

    def test_an_event_driven_trial_ends_at_its_events_or_its_time(self, record) -> None:
        found = analyse(self.design(events=30, follow_up=30_000.0), record, 30.0)
        assert (found.events == 30).all()
        whole = analyse(self.design(), record, 0.0)
        both = analyse(self.design(events=30), record, 30.0)
        assert (both.duration <= whole.duration + 1e-9).all()
        assert (both.events <= 30).all()
        assert np.array_equal(whole.events, full_information(self.design(), record))

    def test_of_futility_stop_trials_that_reject_nothing(self, record) -> None:
        plain = analyse(self.design(looks=(0.5,)), record, 40.0)
        found = analyse(self.design(looks=(0.5,), futility=0.5), record, 40.0)
        stopped = found.early & ~(found.first | found.second)
        assert stopped.any()
        assert not (found.first & ~plain.first).any(), "the boundaries are the same"

    def test_of_which_none_takes_place_leave_the_fixed_test(self, record) -> None:
        """A look at 99 % of more events than there are patients never comes."""
        never = analyse(self.design(looks=(0.99,)), record, 100.0)
        plain = analyse(self.design(), record, 0.0)
        assert np.array_equal(never.first, plain.first)
        assert not never.early.any()
