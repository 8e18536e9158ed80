"""The clone-size law against closed forms, direct simulation, Luria and Delbrueck, and the figure of the design."""

import math
from itertools import pairwise

import numpy as np
import pytest
from scipy import integrate, stats

from sim.kernels import branching, clones, random, samplers
from sim.kernels._jit import DISABLED, jit
from tests.kernels.test_branching import chi_square, fractional

PATIENTS = 300 if DISABLED else 100_000
# Tests on samples in this file; each at this level, so that the family's false-alarm rate is 1e-6.
LEVEL = 1e-6 / 20

BIRTH, DEATH = 0.105, 0.04
NO_TREATMENT = np.ones(1)


def stream(purpose=0):
    state = np.zeros(random.STATE_WORDS, dtype=np.uint64)
    random.seed_stream(state, np.uint64(1), 0, 0, purpose)
    return state


@jit
def draw_two_hit(state, birth, death, u1, u2, start, sizes, survival, variant_survival, out):
    for i in range(out.shape[0]):
        drawn = clones.two_hit_clones(state, birth, death, u1, u2, start, sizes, survival, variant_survival)
        out[i, 0], out[i, 1], out[i, 2], out[i, 3] = drawn


@jit
def draw_single_hit(state, birth, death, u, start, sizes, survival, variant_survival, out):
    for i in range(out.shape[0]):
        drawn = clones.single_hit_clones(state, birth, death, u, start, sizes, survival, variant_survival)
        out[i, 0], out[i, 1], out[i, 2] = drawn


def sample_two_hit(purpose, *history, count=PATIENTS):
    out = np.empty((count, 4))
    draw_two_hit(stream(purpose), *history, out)
    return out


def expected_lines(birth, death, level, slope, length, a_end, c_end):
    """Return the expected lines of one phase by adaptive quadrature."""
    rate = birth - death

    def density(s):
        fade = math.exp(-rate * (length - s))
        alive = 1 / (fade * (a_end + c_end) + birth * (1 - fade) / rate)
        return (level + slope * s) * math.exp(rate * s) * alive

    edges = np.linspace(0, length, 60)
    return sum(integrate.quad(density, lo, hi, epsrel=1e-12)[0] for lo, hi in pairwise(edges))


def test_design_figure_of_surviving_founders():
    # model.md: 0.246 at 3e11 cells from one, about 0.02 at 3e10 and 0.6 at most of having any at 1e12; ten times at u2 = 1e-6.
    assert clones.expected_surviving_founders(BIRTH, DEATH, 1e-7, 1e-7, 3e11) == pytest.approx(
        0.246, rel=0.02
    )
    assert clones.expected_surviving_founders(BIRTH, DEATH, 1e-7, 1e-6, 3e11) == pytest.approx(2.46, rel=0.02)
    assert clones.expected_surviving_founders(BIRTH, DEATH, 1e-7, 1e-7, 3e10) == pytest.approx(0.02, rel=0.15)
    assert -math.expm1(-clones.expected_surviving_founders(BIRTH, DEATH, 1e-7, 1e-7, 1e12)) == pytest.approx(
        0.6, rel=0.05
    )


def test_closed_form_is_the_integral_of_founders_and_their_survival():
    rate, cells = BIRTH - DEATH, 3e11
    founders = integrate.quad(
        lambda t: 1e-7 * BIRTH * 2 * 1e-7 * BIRTH * t * math.exp(rate * t),
        0,
        math.log(cells) / rate,
        epsrel=1e-12,
    )[0]
    exact = founders * (1 - DEATH / BIRTH)
    assert clones.expected_surviving_founders(BIRTH, DEATH, 1e-7, 1e-7, cells) == pytest.approx(
        exact, rel=1e-10
    )


@pytest.mark.parametrize(("u2", "cells"), [(1e-7, 3e11), (1e-6, 3e11), (1e-7, 1e12)])
def test_sampled_founders_whose_line_survives_have_the_closed_mean(u2, cells):
    # After the growth all but the variant are removed (1e-30 of them left) and the lines grow on by exp(14): then a line that
    # stands is one that survives for ever, but for one in a million.
    sizes = np.array([cells, cells * 1e-30 * math.exp(14)])
    drawn = sample_two_hit(1, BIRTH, DEATH, 1e-7, u2, 1.0, sizes, np.array([1e-30, 1.0]), np.ones(2))
    expected = clones.expected_surviving_founders(BIRTH, DEATH, 1e-7, u2, cells)
    assert abs(drawn[:, 1].mean() - expected) < 4 * math.sqrt(expected / PATIENTS)
    assert stats.poisson(expected * PATIENTS).sf(drawn[:, 1].sum()) > LEVEL
    assert drawn[0, 3] == pytest.approx(expected, rel=1e-5)


def test_law_of_a_line_through_treatments_is_the_composition_of_its_parts():
    sizes, survival, variant = (
        np.array([1e9, 1e8, 1e10]),
        np.array([1e-3, 0.02, 1.0]),
        np.array([0.4, 0.02, 1.0]),
    )
    rate = BIRTH - DEATH

    def grow(time):
        return fractional(branching.kendall_integrals(BIRTH, BIRTH, BIRTH, DEATH, DEATH, DEATH, time))

    parts = [
        grow(30.0),
        (1 / 0.4, 0.0),
        grow(math.log(1e8 / 1e6) / rate),
        (1 / 0.02, 0.0),
        grow(math.log(1e10 / 2e6) / rate),
        (1.0, 0.0),
    ]

    def generating(z):
        for a, c in reversed(parts):
            z = 1 - 1 / (a / (1 - z) + c)
        return z

    a, c = clones.line_law(0, 30.0, BIRTH, DEATH, 1.0, sizes, survival, variant)
    for z in (0.0, 0.4, 0.999):
        assert 1 - 1 / (a / (1 - z) + c) == pytest.approx(generating(z), rel=1e-11)


@pytest.mark.parametrize(("birth", "death"), [(BIRTH, DEATH), (0.3, 0.0), (0.2, 0.15), (0.2, 0.19)])
@pytest.mark.parametrize("spared", [1e-4, 0.5])
def test_expected_lines_agree_with_quadrature_through_a_remission(birth, death, spared):
    sizes, survival, variant = np.array([1e12, 3e11]), np.array([1e-4, 1.0]), np.array([spared, 1.0])
    rate, u1, u2 = birth - death, 1e-7, 3e-7
    total, one_copy, wild = 0.0, 0.0, 1.0
    for phase in range(2):
        length = math.log(sizes[phase] / wild) / rate
        a, c = clones.line_law(phase, 0.0, birth, death, 1.0, sizes, survival, variant)
        slope = 2 * u1 * birth * wild
        total += expected_lines(birth, death, u2 * birth * one_copy, u2 * birth * slope, length, a, c)
        one_copy = (one_copy + slope * length) * math.exp(rate * length) * survival[phase]
        wild = sizes[phase] * survival[phase]
    drawn = sample_two_hit(2, birth, death, u1, u2, 1.0, sizes, survival, variant, count=PATIENTS // 50)
    assert drawn[0, 3] == pytest.approx(total, rel=1e-6)
    assert drawn[0, 2] == pytest.approx(one_copy, rel=1e-12)
    p = stats.poisson(total * drawn.shape[0])
    assert min(p.cdf(drawn[:, 1].sum()), p.sf(drawn[:, 1].sum() - 1)) > LEVEL


@jit
def simulate_line(state, time, birth, death):
    """Return the cells of a line after a time, event by event."""
    cells, t = 1.0, 0.0
    while cells > 0.0:
        t += samplers.exponential(state) / (cells * (birth + death))
        if t > time:
            break
        cells += 1.0 if random.uniform(state) * (birth + death) < birth else -1.0
    return cells


@jit
def simulate_two_types(state, birth, death, u1, u2, wild, lengths, survival, out):
    """Simulate one-copy and variant cells event by event, the wild type following its mean."""
    rate = birth - death
    for i in range(out.shape[0]):
        one, none, n = 0.0, 0.0, wild
        for phase in range(lengths.size):
            t = 0.0
            while True:
                # The wild type's mutations by thinning at their rate at the end of the phase.
                arrivals = 2.0 * u1 * birth * n * math.exp(rate * lengths[phase])
                total = arrivals + (one + none) * (birth + death)
                t += samplers.exponential(state) / total
                if t > lengths[phase]:
                    break
                pick = random.uniform(state) * total
                if pick < arrivals:
                    if pick < 2.0 * u1 * birth * n * math.exp(rate * t):
                        one += 1.0
                    continue
                pick -= arrivals
                if pick < one * birth:
                    # A division whose daughter may have lost the second copy as well as one that has not.
                    if random.uniform(state) < u2:
                        none += 1.0
                    one += 1.0
                elif pick < one * (birth + death):
                    one -= 1.0
                elif pick < one * (birth + death) + none * birth:
                    none += 1.0
                else:
                    none -= 1.0
            n *= math.exp(rate * lengths[phase]) * survival[phase]
            one = samplers.binomial(state, one, survival[phase])
            none = samplers.binomial(state, none, survival[phase])
        out[i, 0] = none
        out[i, 1] = one


def test_small_two_type_process_has_the_same_means_and_nearly_the_same_law():
    birth, death, u1, u2, wild = 0.5, 0.2, 0.05, 1e-3, 200.0
    lengths, survival = np.array([6.0, 4.0]), np.array([0.2, 1.0])
    first = wild * math.exp(0.3 * 6.0)
    sizes = np.array([first, first * 0.2 * math.exp(0.3 * 4.0)])
    count = 20 if DISABLED else 8000
    direct = np.empty((count, 2))
    simulate_two_types(stream(3), birth, death, u1, u2, wild, lengths, survival, direct)
    drawn = sample_two_hit(4, birth, death, u1, u2, wild, sizes, survival, survival)
    if DISABLED:
        return
    # Means are equal exactly; p-values by the normal law (5 standard errors: 6e-7).
    spread = math.hypot(direct[:, 0].std() / math.sqrt(count), drawn[:, 0].std() / math.sqrt(PATIENTS))
    assert abs(direct[:, 0].mean() - drawn[:, 0].mean()) < 5 * spread
    assert abs(direct[:, 1].mean() - drawn[0, 2]) < 5 * direct[:, 1].std() / math.sqrt(count)
    # Here one-copy cells are some hundreds, so their noise hardly shows in the probability of having no variant cell.
    p = (drawn[:, 0] == 0).mean()
    assert abs((direct[:, 0] == 0).mean() - p) < 5 * math.sqrt(p * (1 - p) / count) + 0.01


@jit
def simulate_founders(state, birth, death, level, slope, length, out):
    """Found lines at their own times (thinning) and follow each event by event."""
    rate = birth - death
    bound = (level + slope * length) * math.exp(rate * length)
    for i in range(out.size):
        out[i] = 0.0
        for _ in range(int(samplers.poisson(state, bound * length))):
            s = random.uniform(state) * length
            if random.uniform(state) * bound < (level + slope * s) * math.exp(rate * s):
                out[i] += simulate_line(state, length - s, birth, death)


def test_sizes_have_the_law_of_lines_followed_event_by_event():
    birth, death, u1, u2, wild, length = 0.6, 0.25, 0.01, 0.01, 50.0, 8.0
    rate = birth - death
    sizes = np.array([wild * math.exp(rate * length)])
    count = 200 if DISABLED else 20_000
    direct = np.empty(count)
    simulate_founders(stream(5), birth, death, 0.0, u2 * birth * 2 * u1 * birth * wild, length, direct)
    drawn = sample_two_hit(6, birth, death, u1, u2, wild, sizes, NO_TREATMENT, NO_TREATMENT)[:, 0]
    largest = int(max(direct.max(), drawn.max())) + 1
    table = np.array([np.bincount(x.astype(int), minlength=largest) for x in (direct, drawn)])
    # Bins of at least 50 of the direct simulation, then a test of homogeneity.
    starts, filled = [0], 0
    for value in range(largest):
        if filled >= 50:
            starts.append(value)
            filled = 0
        filled += table[0, value]
    assert stats.chi2_contingency(np.add.reduceat(table, starts, axis=1)).pvalue > LEVEL
    if not DISABLED:
        # Control: lines of the same mean number but founded at twice the hits.
        wrong = sample_two_hit(6, birth, death, u1, 1.2 * u2, wild, sizes, NO_TREATMENT, NO_TREATMENT)[:, 0]
        table[1] = np.bincount(np.minimum(wrong.astype(int), largest - 1), minlength=largest)
        assert stats.chi2_contingency(np.add.reduceat(table, starts, axis=1)).pvalue < LEVEL


def test_one_hit_without_death_is_luria_and_delbrueck():
    # Lea and Coulson 1949: p0 = exp(-m), p_n = (m/n) sum of p_i/(n - i + 1) over i < n, with m = u N.
    m, cells = 1.5, 1e8
    p = np.zeros(120)
    p[0] = math.exp(-m)
    for n in range(1, p.size):
        p[n] = m / n * sum(p[i] / (n - i + 1) for i in range(n))
    out = np.empty((PATIENTS, 3))
    draw_single_hit(stream(7), 0.3, 0.0, m / cells, 1.0, np.array([cells]), NO_TREATMENT, NO_TREATMENT, out)
    assert out[0, 2] == pytest.approx(m, rel=1e-6)
    assert chi_square(out[:, 0], p) > LEVEL
    draw_single_hit(stream(7), 0.3, 0.15, m / cells, 1.0, np.array([cells]), NO_TREATMENT, NO_TREATMENT, out)
    if not DISABLED:
        assert chi_square(out[:, 0], p) < LEVEL  # death changes it


def test_drug_against_the_lost_antigen_multiplies_the_clone():
    sizes, survival = np.array([1e11, 1e11]), np.array([1e-4, 1.0])
    history = (BIRTH, DEATH, 1e-7, 1e-6, 1.0, sizes, survival)
    plain = sample_two_hit(8, *history, np.array([1e-4, 1.0]), count=5000)
    selected = sample_two_hit(8, *history, np.array([1.0, 1.0]), count=5000)
    # Lines of the first growth are added to those of the second, each as many cells larger as the second growth is long.
    assert selected[0, 3] > 1.3 * plain[0, 3]
    assert selected[:, 0].mean() > 100 * plain[:, 0].mean()
    assert selected[0, 2] == plain[0, 2]


def test_many_lines_cost_no_more_than_few():
    drawn = sample_two_hit(
        9, BIRTH, DEATH, 1e-3, 1e-3, 1.0, np.array([1e12]), NO_TREATMENT, NO_TREATMENT, count=200
    )
    assert drawn[:, 1].mean() == pytest.approx(drawn[0, 3], rel=1e-4)
    assert (drawn[:, 0] >= drawn[:, 1]).all()
    assert (drawn[:, :2] == np.floor(drawn[:, :2])).all()


def test_nothing_mutates_without_hits_or_time():
    for u1, u2, cells in ((0.0, 1e-6, 1e11), (1e-6, 0.0, 1e11), (1e-6, 1e-6, 0.5)):
        drawn = sample_two_hit(
            9, BIRTH, DEATH, u1, u2, 1.0, np.array([cells]), NO_TREATMENT, NO_TREATMENT, count=5
        )
        assert not drawn[:, [0, 1, 3]].any()


@pytest.mark.parametrize(
    ("change", "value"),
    [("birth", 0.04), ("birth", math.nan), ("death", -0.1), ("u1", -1e-9), ("u2", 1.5), ("u1", math.nan), ("start", 0.0),
     ("sizes", [math.nan]), ("sizes", []), ("survival", [0.0]), ("survival", [1.5]), ("variant_survival", [1.0, 1.0])],
)  # fmt: skip
def test_impossible_histories_give_nan(change, value):
    history = {
        "birth": BIRTH, "death": DEATH, "u1": 1e-7, "u2": 1e-7, "start": 1.0,
        "sizes": [1e11], "survival": [1.0], "variant_survival": [1.0],
    }  # fmt: skip
    history[change] = value
    arguments = [np.array(v, dtype=float) if isinstance(v, list) else v for v in history.values()]
    assert all(math.isnan(x) for x in clones.two_hit_clones(stream(), *arguments))
    if change not in ("u1", "u2"):
        del history["u2"]
        arguments = [np.array(v, dtype=float) if isinstance(v, list) else v for v in history.values()]
        assert all(math.isnan(x) for x in clones.single_hit_clones(stream(), *arguments))


@pytest.mark.parametrize(
    ("birth", "death", "cells"),
    [(0.1, 0.1, 10), (0.1, 0.2, 10), (0.1, -0.1, 10), (math.inf, 0.1, 10), (0.1, 0.05, 0.5), (0.1, 0.05, math.inf),
     (0.1, math.nan, 10)],
)  # fmt: skip
def test_founders_of_an_impossible_growth_are_nan(birth, death, cells):
    assert math.isnan(clones.expected_surviving_founders(birth, death, 1e-3, 1e-3, cells))


def test_a_cell_that_has_not_grown_has_no_founder():
    assert clones.expected_surviving_founders(0.1, 0.05, 1e-3, 1e-3, 1.0) == pytest.approx(0, abs=1e-18)


def cohort(patients):
    n = patients.size
    out = np.empty((n, 4))
    column = np.ones(n)
    clones.two_hit_cohort(
        np.uint64(1), patients, 0, 126, BIRTH * column, DEATH * column, 1e-7 * column, 10.0 ** (-7 + patients % 3), column,
        np.tile([1e12, 3e11], (n, 1)), np.tile([1e-4, 1.0], (n, 1)), np.tile([1e-4, 1.0], (n, 1)), out,
    )  # fmt: skip
    return out


def test_a_patient_draws_the_same_in_any_company():
    together = cohort(np.arange(20))
    assert together[:, 1].any()
    assert (cohort(np.array([13, 4])) == together[[13, 4]]).all()
