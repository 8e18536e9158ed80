"""Examinations, planned and prompted, and which of them take place: exact cases on a grid of days."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sim.trial.examinations import Examinations, examine, place_of
from sim.trial.scenario_schema import Assay

NAN = float("nan")
T = np.arange(-2.0, 101.0)


def look(
    *blasts: dict[float, float], death: float = NAN, followup: float = 100.0, **assay: Any
) -> Examinations:
    """Examine rows of steps, day -> marrow blasts from then on; visits on days 28 and 60."""
    rows = np.zeros((len(blasts), len(T)))
    for row, steps in zip(rows, blasts, strict=True):
        for day, value in steps.items():
            row[day <= T] = value
    rule = Assay(**({"visits": (28, 60), "overt_blasts": 0.25} | assay))
    return examine(T, rows, rule, np.full(len(blasts), death), np.full(len(blasts), followup))


def test_visits_alternate_with_what_may_be_prompted_between_them() -> None:
    seen = look({})
    assert seen.planned.tolist() == [True, False, True, False]
    assert seen.day[0] == pytest.approx([28, NAN, 60, NAN], nan_ok=True)
    assert seen.observed[0].tolist() == [True, False, True, False]
    assert seen.column[0].tolist() == [30, -1, 62, -1]


def test_one_examination_is_prompted_on_the_first_overt_day_between_two_visits() -> None:
    seen = look({40: 0.3, 42: 0.1, 45: 0.5, 50: 0.1}, {70: 0.25})
    assert seen.day == pytest.approx(np.array([[28, 40, 60, NAN], [28, NAN, 60, 70]]), nan_ok=True)


def test_before_the_first_visit_nothing_is_prompted() -> None:
    assert look({5: 0.9, 20: 0.0}).day[0] == pytest.approx([28, NAN, 60, NAN], nan_ok=True)


@pytest.mark.parametrize(
    ("death", "seen"), [(60.0, [True, False]), (60.5, [True, True]), (0.0, [False, False])]
)
def test_nobody_is_examined_on_the_day_of_death_or_later(death: float, seen: list[bool]) -> None:
    assert look({}, death=death).observed[0, ::2].tolist() == seen


def test_the_last_day_of_the_follow_up_counts() -> None:
    assert look({}, followup=60.0).observed[0, ::2].tolist() == [True, True]
    assert look({}, followup=59.0).observed[0, ::2].tolist() == [True, False]
    assert not look({}, followup=-np.inf).observed.any()


def test_an_output_is_seen_where_an_examination_took_place_and_nowhere_else() -> None:
    seen = look({}, {40: 0.3}, followup=50.0)
    value = np.stack([T, 10.0 * T])
    assert seen.see(value) == pytest.approx(
        np.array([[28, NAN, NAN, NAN], [280, 400, NAN, NAN]]), nan_ok=True
    )


def test_a_time_within_a_second_is_the_same_and_another_is_refused() -> None:
    assert place_of(T, np.array([-2.0, 28.0 + 1e-6, 100.0]), "visits").tolist() == [0, 30, 102]
    with pytest.raises(ValueError, match=r"visits: 28\.5"):
        place_of(T, np.array([28.5]), "visits")
    with pytest.raises(ValueError, match="visits: 101"):
        look({}, visits=(28, 101))
