"""Kendall's law: closed forms, the forward equations, order in the step, composition, samples, newcomers."""

import math
from itertools import pairwise

import mpmath
import numpy as np
import pytest
from scipy import integrate, stats

from sim.kernels import branching, newcomers, random, samplers
from sim.kernels._jit import DISABLED, jit

SAMPLES = 2_000 if DISABLED else 200_000
# Tests on samples in this file, counted generously; each at this level, so that the family's false-alarm rate is 1e-6. With
# 2e5 samples a chi-square test on 20 bins finds a mean that is off by 0.03 standard deviations with a probability above 0.99.
LEVEL = 1e-6 / 60


def stream(purpose=0):
    state = np.zeros(random.STATE_WORDS, dtype=np.uint64)
    random.seed_stream(state, np.uint64(1), 0, 0, purpose)
    return state


def odds(birth, death, t0, t1):
    """Return the odds of the step from t0 to t1 for rates that are functions of time."""
    middle = 0.5 * (t0 + t1)
    return branching.kendall_integrals(
        birth(t0), birth(middle), birth(t1), death(t0), death(middle), death(t1), t1 - t0
    )


def constant_odds(birth, death, dt):
    return branching.kendall_integrals(birth, birth, birth, death, death, death, dt)


def fractional(pair):
    """Return (a, c) with 1/(1 - F(z)) = a/(1 - z) + c."""
    death_odds, birth_odds = pair
    return (1 + death_odds) / (1 + birth_odds), (1 + death_odds) * birth_odds / (1 + birth_odds)


def compose(first, second):
    return first[0] * second[0], first[1] + first[0] * second[1]


def masses(pair, n, largest):
    """Return the probabilities of 0 .. largest cells from n: the binomial mixture of negative binomials, written out."""
    death_odds, birth_odds = pair
    survive = 1 / (1 + death_odds)
    cells = np.arange(largest + 1)
    total = np.zeros(largest + 1)
    for lines, weight in enumerate(stats.binom(n, survive).pmf(np.arange(n + 1))):
        if lines == 0:
            total[0] += weight
        else:
            total += weight * stats.nbinom(lines, 1 / (1 + birth_odds)).pmf(cells - lines)
    return total


def waves(t):
    return 0.3 + 0.2 * np.sin(1.3 * t)


def tides(t):
    return 0.25 + 0.2 * np.cos(1.1 * t + 0.4)


def exact_odds(birth, death, t0, t1):
    """Return the odds by solving for rho and the two integrals to 1e-13."""

    def slope(t, y):
        return [death(t) - birth(t), death(t) * math.exp(y[0]), birth(t) * math.exp(y[0])]

    rho, deaths, births = integrate.solve_ivp(
        slope, (t0, t1), [0, 0, 0], method="DOP853", rtol=1e-13, atol=1e-15
    ).y[:, -1]
    return deaths, births * math.exp(-rho)


def closed_odds(birth, death, dt):
    """Return the odds for constant rates from the textbook's alpha and beta, in enough digits for their cancellation."""
    with mpmath.workdps(400):
        b, d, t = mpmath.mpf(birth), mpmath.mpf(death), mpmath.mpf(dt)
        if b == d:
            return float(d * t), float(b * t)
        growth = mpmath.exp((b - d) * t)
        alpha = d * (growth - 1) / (b * growth - d)
        beta = b * (growth - 1) / (b * growth - d)
        return float(alpha / (1 - alpha)), float(beta / (1 - beta))


@pytest.mark.parametrize("birth", [0.0, 1e-9, 0.05, 0.1, 0.1 * (1 + 1e-12), 1.0, 3.0])
@pytest.mark.parametrize("death", [0.0, 1e-9, 0.04, 0.1, 0.5, 1.0, 3.0])
def test_constant_rates_give_the_closed_form(birth, death):
    for dt in (1e-12, 1e-6, 0.01, 0.5, 1.0, 2.5, 9.7, 10.3, 100.0, 210.0):
        assert constant_odds(birth, death, dt) == pytest.approx(
            closed_odds(birth, death, dt), rel=1e-12, abs=0.0
        )


def test_a_step_of_no_length_changes_nothing():
    assert constant_odds(0.3, 0.2, 0.0) == (0.0, 0.0)
    assert branching.kendall_step(stream(), 17.0, 0.0, 0.0) == 17.0


def test_exponents_beyond_the_range_of_floats_stay_finite():
    for birth, death in ((1e5, 0.1), (0.1, 1e5), (1e5, 1e5), (900.0, 1.0), (1.0, 900.0)):
        pair = constant_odds(birth, death, 1.0)
        assert all(0.0 < value <= branching.ODDS_LIMIT for value in pair)
        for n in (1.0, 1e15, 1e18):
            assert 0.0 <= branching.kendall_step(stream(), n, *pair) < math.inf
    assert constant_odds(0.1, 700.1, 1.0)[0] == branching.ODDS_LIMIT
    assert branching.kendall_step(stream(), 1e12, *constant_odds(0.1, 800.0, 1.0)) == 0.0


def test_varying_rates_converge_with_the_fifth_power_of_a_step_and_the_fourth_of_a_path():
    # Errors of one step fall by 2^5 when it is halved, of a path of fixed length by 2^4.
    single = []
    for dt in (0.5, 0.25, 0.125, 0.0625):
        found, exact = odds(waves, tides, 0.0, dt), exact_odds(waves, tides, 0.0, dt)
        single.append(max(abs(f - e) for f, e in zip(found, exact, strict=True)))
    assert math.log2(single[0] / single[-1]) / 3 > 4.2
    assert single[0] < 1e-5

    exact = fractional(exact_odds(waves, tides, 0.0, 6.0))
    path = []
    for steps in (6, 12, 24, 48):
        edges = np.linspace(0, 6, steps + 1)
        total = (1.0, 0.0)
        for t0, t1 in pairwise(edges):
            total = compose(total, fractional(odds(waves, tides, t0, t1)))
        path.append(max(abs(f - e) for f, e in zip(total, exact, strict=True)))
    order = math.log2(path[0] / path[-1]) / 3
    assert 3.7 < order < 5.0
    assert path[1] < 1e-4


def test_mean_is_exp_of_the_integrated_growth():
    # Simpson's rule of the net growth, whatever the quadrature of the other integral did.
    pair = branching.kendall_integrals(0.1, 0.4, 0.2, 0.5, 0.1, 0.9, 0.8)
    growth = 0.8 * ((0.1 - 0.5) + 4 * (0.4 - 0.1) + (0.2 - 0.9)) / 6
    assert branching.kendall_mean(100.0, *pair) == pytest.approx(100 * math.exp(growth), rel=1e-13)


def test_jumps_of_the_rates_stay_within_the_bounds_of_the_nodes():
    for rates in (
        (0, 0, 5, 0, 0, 0),
        (5, 0, 0, 0, 0, 5),
        (0, 0, 0, 9, 0, 0),
        (0, 9, 0, 0, 0, 0),
        (8, 0, 0, 0, 0, 9),
        (0, 0, 60, 60, 0, 0),
        (50, 0, 0, 0, 50, 60),
    ):
        b, d = rates[:3], rates[3:]
        pair = branching.kendall_integrals(*map(float, rates), 1.0)
        assert min(pair) >= 0.0
        assert max(pair) < math.inf
        low = constant_odds(float(min(b)), float(max(d)), 1.0)
        high = constant_odds(float(max(b)), float(min(d)), 1.0)
        assert high[0] * (1 - 1e-12) <= pair[0] <= low[0] * math.exp(30)
        assert low[1] * (1 - 1e-12) <= pair[1] <= high[1] * math.exp(30)


def test_two_half_steps_are_one_step():
    for birth, death, dt in (
        (0.3, 0.2, 1.0),
        (0.2, 0.3, 4.0),
        (0.25, 0.25, 2.0),
        (0.0, 0.4, 1.0),
        (0.4, 0.0, 1.0),
    ):
        half = fractional(constant_odds(birth, death, dt / 2))
        assert compose(half, half) == pytest.approx(fractional(constant_odds(birth, death, dt)), rel=1e-13)
    halves = compose(fractional(odds(waves, tides, 0, 0.1)), fractional(odds(waves, tides, 0.1, 0.2)))
    assert halves == pytest.approx(fractional(odds(waves, tides, 0, 0.2)), abs=2e-7)


def test_law_solves_the_forward_equations():
    states, n = 150, 3
    cells = np.arange(states)

    def master(t, p):
        b, d = waves(t) * cells, tides(t) * cells
        flow = -(b + d) * p
        flow[1:] += b[:-1] * p[:-1]
        flow[:-1] += d[1:] * p[1:]
        return flow

    start = np.zeros(states)
    start[n] = 1
    solved = integrate.solve_ivp(master, (0, 3), start, method="DOP853", rtol=1e-11, atol=1e-14).y[:, -1]
    assert masses(exact_odds(waves, tides, 0, 3), n, states - 1) == pytest.approx(solved, abs=1e-9)
    stepped = (1.0, 0.0)
    for t in np.arange(0, 3, 0.1):
        stepped = compose(stepped, fractional(odds(waves, tides, t, t + 0.1)))
    a, c = stepped
    pair = a + c - 1, c / a
    assert masses(pair, n, states - 1) == pytest.approx(solved, abs=2e-8)


@jit
def draw_steps(state, n, death_odds, birth_odds, steps, out):
    for i in range(out.size):
        x = n
        for _ in range(steps):
            x = branching.kendall_step(state, x, death_odds, birth_odds)
        out[i] = x


@jit
def draw_euler(state, n, birth, death, dt, out):
    for i in range(out.size):
        out[i] = samplers.binomial(state, n, math.exp(-death * dt)) + samplers.poisson(state, n * birth * dt)


def chi_square(values, expected_masses):
    """Return the p-value of samples against masses of 0, 1, 2, ... (the rest is one more bin); bins hold at least 25."""
    observed = np.bincount(
        np.minimum(values, expected_masses.size).astype(int), minlength=expected_masses.size + 1
    )
    expected = values.size * np.append(expected_masses, max(1 - expected_masses.sum(), 0.0))
    order, e, o = [], 0.0, 0.0
    for x, y in zip(expected, observed, strict=True):
        e, o = e + x, o + y
        if e >= 25:
            order.append((o, e))
            e, o = 0.0, 0.0
    if order:
        order[-1] = (order[-1][0] + o, order[-1][1] + e)
    pairs = np.array(order)
    return stats.chisquare(pairs[:, 0], pairs[:, 1], sum_check=False).pvalue


@pytest.mark.parametrize(
    ("n", "birth", "death", "dt"),
    [
        (1, 0.5, 0.5, 1.0),
        (1, 2.0, 0.3, 1.0),
        (5, 0.3, 0.0, 1.0),
        (5, 0.0, 0.3, 1.0),
        (20, 0.1, 0.9, 2.0),
        (60, 1.0, 1.0, 0.1),
    ],
)
def test_samples_follow_the_law_in_one_step_and_in_eight(n, birth, death, dt):
    expected = masses(closed_odds(birth, death, dt), n, 400)
    for steps in (1, 8):
        out = np.empty(SAMPLES)
        draw_steps(stream(steps), float(n), *constant_odds(birth, death, dt / steps), steps, out)
        assert chi_square(out, expected) > LEVEL


def test_large_populations_keep_mean_and_variance():
    # Var = n (birth + death)/(birth - death) m (m - 1) with m = exp((birth - death) dt); p-values by the normal law.
    for n in (1e4, 1e8, 1e12):
        out = np.empty(SAMPLES // 4)
        draw_steps(stream(10), n, *constant_odds(0.3, 0.2, 0.7), 1, out)
        m = math.exp(0.07)
        spread = math.sqrt(n * 5.0 * m * (m - 1))
        z = (out - n * m) / spread
        assert 2 * stats.norm.sf(abs(z.mean()) * math.sqrt(z.size)) > LEVEL
        assert 2 * stats.norm.sf(abs(z.var() - 1) * math.sqrt(z.size / 2)) > LEVEL
        assert (out == np.floor(out)).all()


def test_euler_step_fails_the_same_test():
    out = np.empty(SAMPLES)
    draw_euler(stream(11), 5.0, 0.5, 0.5, 0.5, out)
    assert chi_square(out, masses(closed_odds(0.5, 0.5, 0.5), 5, 200)) < LEVEL


def test_counts_that_floats_cannot_hold_follow_the_mean():
    pair = constant_odds(0.3, 0.2, 0.7)
    assert branching.kendall_step(stream(), 2.0**60, *pair) == branching.kendall_mean(2.0**60, *pair)
    assert branching.kendall_mean(2.0**60, *pair) == pytest.approx(2.0**60 * math.exp(0.07), rel=1e-14)


def test_lines_and_their_cells_follow_the_mean_where_either_is_beyond_what_floats_can_hold():
    """Of 2**60 a quarter survives, and grows to three cells each; fewer lines that would be as many cells do, too."""
    assert branching.surviving_lines(stream(), 2.0**60, 3.0) == 2.0**58
    assert branching.grown(stream(), 2.0**58, 3.0, 2.0) == 3 * 2.0**58
    assert branching.grown(stream(), 2.0**51, 3.0, 2.0) == 3 * 2.0**51
    assert branching.surviving_lines(stream(), 0.0, 3.0) == branching.grown(stream(), 0.0, 3.0, 2.0) == 0
    lines = np.array([branching.surviving_lines(stream(k), 1e6, 3.0) for k in range(50)])
    assert lines.mean() == pytest.approx(2.5e5, abs=5 * math.sqrt(1e6 * 0.25 * 0.75 / 50))
    assert len(set(lines)) > 40, "below, chance decides"


def test_nan_and_negative_counts_give_nan():
    assert all(math.isnan(value) for value in constant_odds(math.nan, 0.2, 1.0))
    assert all(math.isnan(value) for value in constant_odds(0.2, math.inf, 1.0))
    pair = constant_odds(0.3, 0.2, 0.7)
    for n, death_odds, birth_odds in (
        (math.nan, *pair),
        (-1.0, *pair),
        (5.0, math.nan, 0.1),
        (5.0, 0.1, math.nan),
    ):
        assert math.isnan(branching.kendall_step(stream(), n, death_odds, birth_odds))


def batches(*rows):
    out = np.zeros((4, 6))
    for k, row in enumerate(rows):
        out[k] = row
    return out


@pytest.mark.parametrize(("tilt", "half"), [(-200.0, (0.25, 0.5)), (200.0, (0.5, 0.75))])
def test_newcomers_that_all_come_early_or_late_wait_in_that_half_alone(tilt, half):
    """A hundred e-folds lie between the halves of the time: of a thousand newcomers none is in the other."""
    waiting = batches((3, 1000, 2, 0.25, 0.75, tilt))
    assert newcomers.next_group(waiting, 1, 0.0, stream()) == (1, 0.0, 0.0)
    assert waiting[0].tolist() == [3, 1000, 2, *half, tilt / 2]


def test_newcomers_that_come_evenly_are_parted_evenly_and_none_is_lost():
    """n = 100 partings of 1000 at four events in the time: 500 early on average, to 5 standard errors of 1.6."""
    state, early = stream(), []
    for _ in range(100):
        waiting = batches((3, 1000, 2, 0.0, 1.0, 0.0))
        assert newcomers.next_group(waiting, 1, 4.0, state) == (2, 0.0, 0.0)
        assert waiting[:2, 1].sum() == 1000
        assert waiting[:2, 3:5].tolist() == [[0.5, 1.0], [0.0, 0.5]]
        early.append(waiting[1, 1])
    assert np.mean(early) == pytest.approx(500, abs=5 * math.sqrt(250 / 100))
    assert np.var(early) == pytest.approx(250, abs=5 * 250 * math.sqrt(2 / 100))


def test_a_batch_for_which_there_is_no_room_is_told_and_stays_told():
    waiting = batches()
    number = 0
    for k in range(4):
        number = newcomers.add_batch(waiting, number, k, 10.0, 1.0, 0.0, 1.0, 0.0)
        assert number == k + 1
    before = waiting.copy()
    for there in (4, newcomers.FULL):
        assert newcomers.add_batch(waiting, there, 9, 10.0, 1.0, 0.0, 1.0, 0.0) == newcomers.FULL
    np.testing.assert_array_equal(waiting, before)


def quantile(u, tilt):
    return u if tilt == 0 else math.log1p(u * math.expm1(tilt)) / tilt


@pytest.mark.parametrize(("size", "bound"), [(0.2, 3e-5), (0.5, 3e-4), (1.0, 3e-4), (1.5, 3e-4)])
def test_groups_at_the_nodes_miss_the_law_of_a_line_by_what_is_stated(size, bound):
    """The least number of nodes for this many events; one node fewer misses by more than is stated."""
    points = newcomers.points_for(size)
    first = {2: 0, 3: 2, 4: 5}[points]
    fewer = [np.polynomial.legendre.leggauss(points - 1)[k] for k in (0, 1)]
    worst, too_few = 0.0, 0.0
    for growth in (-size, 0.0, size):
        for birth, death in ((size, 0.0), (0.0, size), (0.5 * size, 0.5 * size), (0.8 * size, 0.2 * size)):

            def generating(u, z, birth=birth, death=death, growth=growth):
                a, c = fractional(closed_odds(birth, death, 1 - quantile(u, growth)))
                return 1 - 1 / (a / (1 - z) + c)

            nodes = newcomers.NODES[first : first + points]
            shares = newcomers.SHARES[first : first + points]
            for z in (0.0, 0.3, 0.7, 0.99):
                exact = integrate.quad(generating, 0, 1, args=(z,), epsabs=1e-13, epsrel=1e-13)[0]
                worst = max(
                    worst, abs(sum(w * generating(u, z) for u, w in zip(nodes, shares, strict=True)) - exact)
                )
                rough = sum(0.5 * w * generating(0.5 + 0.5 * u, z) for u, w in zip(*fewer, strict=True))
                too_few = max(too_few, abs(rough - exact))
            assert sum(shares) == pytest.approx(1.0, abs=1e-15)
    assert worst < bound < too_few


def test_plain_python_and_compiled_steps_agree():
    if DISABLED:
        pytest.skip("nothing is compiled")
    args = (0.31, 0.35, 0.42, 0.2, 0.27, 0.1, 0.8)
    plain = branching.kendall_integrals.py_func(*args)
    assert plain == pytest.approx(branching.kendall_integrals(*args), rel=1e-14)
