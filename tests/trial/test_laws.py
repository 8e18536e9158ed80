from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from sim.trial.law_forms import Rule, read_chance, read_dose, read_law
from sim.trial.laws import (
    Bernoulli,
    Beta,
    ByBurden,
    Fixed,
    Lognormal,
    Loguniform,
    Mix,
    Normal,
    Strata,
    Stratum,
    Uniform,
)
from sim.trial.problems import ProblemsError

U = np.linspace(0.001, 0.999, 999)

LAWS = [
    Fixed(value=3.0),
    Normal(mean=1.0, sd=2.0),
    Normal(mean=1.0, sd=2.0, low=0.0, high=4.0),
    Normal(mean=0.0, sd=1.0, low=5.0),
    Normal(mean=0.0, sd=1.0, high=-5.0),
    Lognormal(centre=45.0, log_sd=0.4),
    Lognormal(centre=0.04, log_sd=0.5, low=0.002, high=1.0),
    Uniform(low=-1.0, high=3.0),
    Loguniform(low=1e-3, high=0.05),
    Beta(a=2.0, b=5.0, low=0.0, high=10.0),
    Bernoulli(probability=0.81),
    Mix(values=(1e6, 3e6), weights=(13.0, 2.0)),
    Strata(strata=(Stratum(0.25, 0.001, 0.05, "log"), Stratum(0.75, 0.05, 0.95))),
]


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.describe())
def test_a_quantile_function_rises_and_stays_in_the_support(law):
    values = law.quantile(U)
    low, high = law.support()
    assert values.shape == U.shape
    assert values.dtype == np.float64
    assert np.all(np.isfinite(values))
    assert np.all(np.diff(values) >= 0.0)
    assert low <= values[0]
    assert values[-1] <= high


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.describe())
def test_the_median_is_the_value_at_one_half(law):
    assert law.median() == pytest.approx(float(law.quantile(np.array([0.5]))[0]), rel=1e-9)


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.describe())
def test_the_long_form_reads_back_as_the_same_law(law):
    assert read_law(law.form(), Rule("number")) == law


def test_quantiles_keep_the_shape_of_their_probabilities():
    assert LAWS[-1].quantile(U.reshape(27, 37)).shape == (27, 37)


def test_the_normal_law_agrees_with_scipy_far_into_both_tails():
    u = np.array([1e-12, 0.3, 1.0 - 1e-12])
    np.testing.assert_allclose(Normal(mean=1.0, sd=2.0).quantile(u), stats.norm(1.0, 2.0).ppf(u), rtol=1e-9)


@pytest.mark.parametrize(
    ("low", "high"), [(-1.0, 0.5), (1.0, 3.0), (6.0, 7.0), (-9.0, -8.0), (0.2, np.inf), (9.0, np.inf)]
)
def test_the_cut_normal_law_agrees_with_scipy_in_either_tail(low, high):
    law = Normal(mean=0.0, sd=1.0, low=low, high=high)
    np.testing.assert_allclose(law.quantile(U), stats.truncnorm(low, high).ppf(U), rtol=1e-6)


def test_a_lognormal_law_has_its_sd_on_the_natural_logarithm():
    values = Lognormal(centre=45.0, log_sd=0.4).quantile(U)
    assert np.log(values).std() == pytest.approx(0.4, rel=0.02)
    np.testing.assert_allclose(values, stats.lognorm(0.4, scale=45.0).ppf(U), rtol=1e-9)


def test_the_beta_law_agrees_with_scipy():
    np.testing.assert_allclose(Beta(a=2.0, b=5.0).quantile(U), stats.beta(2.0, 5.0).ppf(U), rtol=1e-9)


def test_a_mix_gives_each_value_its_weight():
    values = Mix(values=(1e6, 3e6), weights=(13.0, 2.0)).quantile((np.arange(15_000) + 0.5) / 15_000)
    assert (values == 1e6).sum() == 13_000
    assert (values == 3e6).sum() == 2_000


def test_a_value_without_weight_never_occurs():
    assert set(Mix(values=(1.0, 2.0, 3.0), weights=(1.0, 0.0, 1.0)).quantile(U)) == {1.0, 3.0}


def test_strata_give_each_stratum_its_share_evenly_on_its_scale():
    law = Strata(strata=(Stratum(1.0, 0.001, 0.05, "log"), Stratum(3.0, 0.05, 0.95)))
    values = law.quantile((np.arange(4000) + 0.5) / 4000)
    lower, upper = values[values < 0.05], values[values >= 0.05]
    assert len(lower) == 1000
    assert np.median(lower) == pytest.approx(math.sqrt(0.001 * 0.05), rel=0.01)
    assert upper.mean() == pytest.approx(0.5, rel=0.01)


def test_a_higher_probability_takes_no_yes_away():
    few, many = (Bernoulli(probability=p).quantile(U) for p in (0.3, 0.6))
    assert np.all(many >= few)
    assert few.mean() == pytest.approx(0.3, abs=0.002)


@pytest.mark.parametrize(("probability", "answers"), [(0.0, {0.0}), (1.0, {1.0})])
def test_certainty_is_certain(probability, answers):
    u = np.array([np.nextafter(0.0, 1.0), 0.5, 1.0 - 2.0**-53])
    assert set(Bernoulli(probability=probability).quantile(u)) == answers


def test_a_dose_by_burden_follows_the_threshold():
    rule = read_dose(
        {"low_burden": 2e6, "high_burden": {"mix": {2e5: 1, 2e6: 1}}, "threshold": 0.2}, Rule("dose")
    )
    assert isinstance(rule, ByBurden)
    doses = rule.quantile(np.array([0.1, 0.1, 0.9]), np.array([0.1, 0.2, 0.8]))
    assert list(doses) == [2e6, 2e5, 2e6]


def test_a_dose_by_burden_keeps_where_its_threshold_comes_from():
    threshold = {"value": 20, "unit": "percent", "kind": "measured", "source": "Smith 2020"}
    rule = read_dose({"low_burden": 2e6, "high_burden": 2e5, "threshold": threshold}, Rule("dose"))
    assert rule.form()["threshold"] == {
        "value": 0.2,
        "unit": "fraction",
        "kind": "measured",
        "source": "Smith 2020",
        "note": "",
    }
    assert read_dose(rule.form(), Rule("dose")) == rule
    assert rule.describe().startswith("with less than 20 % blasts")


@pytest.mark.parametrize(
    "law",
    [
        Lognormal(centre=45.0, log_sd=0.4, low=45.0),
        Normal(mean=0.0, sd=1.0, low=-0.5),
        Normal(mean=0.0, sd=1.0, high=0.5),
    ],
)
def test_no_patient_is_infinite(law):
    # The nearest to 0 and to 1 that a stream can give.
    assert np.isfinite(law.quantile(np.array([2.0**-54, 1.0 - 2.0**-53]))).all()


def test_every_number_of_a_law_is_converted_and_its_origin_kept():
    form = {
        "distribution": "lognormal",
        "median": 2,
        "log_sd": 0.4,
        "low": 1,
        "high": 8,
        "unit": "week",
        "kind": "reported",
        "source": "x",
    }
    law = read_law(form, Rule("time"))
    assert law == Lognormal(
        centre=14.0, log_sd=0.4, low=7.0, high=56.0, unit="day", kind="reported", source="x"
    )


def test_a_bare_number_is_canonical_and_assumed():
    law = read_law(5, Rule("mass"))
    assert (law.median(), law.unit, law.kind) == (5.0, "kg", "assumed")


def test_without_a_dimension_the_unit_itself_says_how_to_convert():
    assert read_law({"value": 7, "unit": "1/week"}, Rule()) == Fixed(value=1.0, unit="1/day")


def test_percent_is_a_probability_too():
    assert read_chance({"probability": 81, "unit": "percent"}).probability == pytest.approx(0.81)
    assert read_chance({"value": 0.5}).probability == 0.5


BAD = [
    ("5", "must be a number; remove the quotes"),
    ("five", "must be a number; give a number"),
    (True, "true; must be a number"),
    (None, "null; must be a number"),
    ([1], "must be a number"),
    (math.nan, ".nan; must be a finite number"),
    (math.inf, ".inf; must be a finite number"),
    (10**400, "must be a finite number"),
    (-1, "-1; must be at least 0"),
    ({"value": -1, "unit": "kg"}, "value: -1; must be at least 0"),
    ({"value": 3, "unit": "cells"}, "unit: 'cells'; must be one of kg, g"),
    ({"value": 3, "unit": 5}, "unit: 5; must be the name of a known unit"),
    ({"value": 3, "kind": "guessed"}, "kind: 'guessed'; must be one of reported"),
    ({"value": 3, "sauce": "x"}, "sauce: 'x'; unknown key; did you mean 'source'"),
    ({"value": 3, "source": 7}, "source: 7; must be text"),
    ({"value": 3, "mix": {1: 1}}, "one form"),
    ({"unit": "kg"}, "needs one of value"),
    ({"vlaue": 3}, "did you mean 'value'"),
    ({"distribution": "lognormall", "median": 3}, "did you mean 'lognormal'"),
    ({"distribution": "lognormal", "median": 3}, "add log_sd"),
    ({"distribution": "lognormal", "median": 3, "log_sd": 0}, "log_sd: 0; must be more than 0"),
    ({"distribution": "lognormal", "median": -3, "log_sd": 1}, "median: -3; must be more than 0"),
    ({"distribution": "lognormal", "median": 3, "log_sd": 1, "sd": 1}, "sd: 1; unknown key"),
    ({"distribution": "lognormal", "median": 3, "log_sd": 1, "low": 5, "high": 4}, "must be below high"),
    ({"distribution": "lognormal", "median": 3, "log_sd": 1, "low": -5, "high": -4}, "above 0"),
    ({"distribution": "normal", "mean": 3, "sd": 1}, "the law reaches -inf; add low: 0"),
    ({"distribution": "normal", "mean": 3, "sd": 0.1, "low": 9}, "next to nothing"),
    ({"distribution": "uniform", "low": 3, "high": 3}, "must be below high"),
    ({"distribution": "loguniform", "low": 0, "high": 3}, "starts above 0"),
    ({"distribution": "beta", "a": 0, "b": 1}, "a: 0; must be more than 0"),
    (
        {"distribution": "beta", "a": 2, "b": 5, "high": 3, "unit": "g"},
        "a beta law in g needs low and high; add low",
    ),
    ({"distribution": "bernoulli", "probability": 2}, "between 0 and 1"),
    ({"mix": {}}, "positive weight"),
    ({"mix": {"a": 1}}, "mix: 'a'; must be a number"),
    ({"mix": {1.0: -1}}, "mix.1.0: -1; a weight is not negative"),
    ({"mix": [[1, 1], [1, 2]]}, "stands once"),
    ({"mix": 3}, "must map values to weights"),
    ({"strata": []}, "list of strata"),
    ({"strata": [3]}, "strata.0: 3; must be a mapping"),
    ({"strata": [{"low": 1, "high": 2}]}, "add weight"),
    ({"strata": [{"weight": -1, "low": 1, "high": 2}]}, "a weight is not negative"),
    ({"strata": [{"weight": 0, "low": 1, "high": 2}]}, "positive weight"),
    ({"strata": [{"weight": 1, "low": 1, "high": 2, "scale": "lgo"}]}, "did you mean 'log'"),
    ({"strata": [{"weight": 1, "low": 0, "high": 2, "scale": "log"}]}, "starts above 0"),
    ({"strata": [{"weight": 1, "low": 1, "high": 3}, {"weight": 1, "low": 2, "high": 4}]}, "do not overlap"),
]


@pytest.mark.parametrize(("raw", "message"), BAD)
def test_a_form_that_is_not_valid_is_refused_with_value_rule_and_fix(raw, message):
    with pytest.raises(ProblemsError) as caught:
        read_law(raw, Rule("mass", low=0.0))
    line = caught.value.problems[0].line()
    assert message in line
    assert line.count("; ") >= 2


@pytest.mark.parametrize(
    "raw", [1.2, -0.1, {"probability": 2}, {"kind": "reported"}, "yes", {"probability": 0.5, "mix": 1}]
)
def test_what_is_no_probability_is_refused(raw):
    with pytest.raises(ProblemsError):
        read_chance(raw)


@pytest.mark.parametrize(
    "raw", [{"low_burden": 1}, {"low_burden": -1, "high_burden": 1, "threshold": 0.2}, {"threshold": 2}]
)
def test_a_dose_by_burden_needs_valid_parts(raw):
    with pytest.raises(ProblemsError):
        read_dose(raw, Rule("dose", low=0.0))


def test_an_open_bound_excludes_itself():
    with pytest.raises(ProblemsError, match="must be more than 0"):
        read_law(0, Rule("density", low=0.0, open_low=True))


def test_a_law_of_a_probability_may_not_leave_it():
    with pytest.raises(ProblemsError, match="add high: 1"):
        read_law({"distribution": "lognormal", "median": 0.5, "log_sd": 1}, Rule("fraction", 0.0, 1.0))


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "value",
                        "unit",
                        "kind",
                        "mix",
                        "strata",
                        "distribution",
                        "low",
                        "high",
                        "probability",
                        "median",
                        "log_sd",
                    ]
                )
                | st.text(max_size=3),
                inner,
                max_size=4,
            )
        ),
        max_leaves=8,
    )
)
def test_whatever_is_given_is_a_law_within_bounds_or_refused(raw):
    try:
        law = read_law(raw, Rule("fraction", 0.0, 1.0))
    except ProblemsError as error:
        lines = [problem.line() for problem in error.problems]
    else:
        values = law.quantile(U)
        lines = ["in bounds"] if np.all((values >= 0.0) & (values <= 1.0)) else []
    assert lines
    assert not any("\n" in line for line in lines)
