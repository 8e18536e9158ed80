"""Every sampler against its law, over the whole range of its parameters.

For each case: N draws; the sum under its own exact law, the variance by its standard error, the distribution by chi-square on
bins or Kolmogorov-Smirnov, and the correlation of neighbours. The family is all of these tests; each is made at the level
1e-6 divided by their number (Bonferroni), about 5e-9 or 5.8 standard errors. With N = 1e6 a shift of the mean by 0.008 standard
deviations is found with a probability above 0.98: 1 % of the mean of a Poisson number with mean 0.64, 0.1 % at mean 64. The
Kolmogorov-Smirnov test finds a distribution function that is wrong by 0.005.
"""

import math

import mpmath
import numpy as np
import pytest
from scipy import stats

from sim.kernels import random, samplers
from sim.kernels._jit import DISABLED, jit
from tests.kernels import laws

N = 3_000 if DISABLED else 1_000_000
SEED = 1

POISSON = [1e-3, 0.1, 1.0, 5.0, 9.99, 10.0, 11.5, 20.0, 137.0, 1e3, 1e5, 1e7, 1e9, 1e12]
BINOMIAL = [
    (1.0, 0.3), (2.0, 0.5), (10.0, 0.1), (7.0, 0.93), (19.0, 0.5), (25.0, 0.5), (40.0, 0.5), (100.0, 0.9), (1e3, 0.3), (1e3, 1e-6),
    (1e6, 5e-6), (1e6, 1.1e-5), (1e6, 0.01), (1e9, 1e-12), (1e9, 9e-9), (1e9, 0.7), (1e12, 1e-12), (1e12, 1e-9), (1e12, 1e-3),
    (2e12, 0.5), (2.0**53, 1e-16), (2.0**53, 1e-15), (2.0**53, 1e-10),
]  # fmt: skip
NEGATIVE_BINOMIAL = [
    (1.0, 1e-3), (1.0, 0.05), (1.0, 1.0), (1.0, 30.0), (2.0, 0.9), (10.0, 0.05), (10.0, 2.0), (0.2, 0.7), (0.2, 8.0), (99.0, 0.1),
    (101.0, 0.1), (1e3, 1.5), (1e6, 1e-6), (1e6, 0.1), (1e9, 0.02), (1e12, 1e-14), (1e12, 0.1),
]  # fmt: skip
GAMMA = [0.05, 0.3, 0.99, 1.0, 1.5, 7.0, 300.0, 1e6, 1e12]

MULTINOMIAL = [
    (5.0, (0.2, 0.5, 0.3)),
    (1000.0, (1e-4, 0.9, 0.05, 0.0499)),
    (1e9, (0.999999, 5e-10, 1e-6)),
    (1e12, (3.0, 1.0, 0.0, 2.0, 2.0)),
]
CASES = len(POISSON) + len(BINOMIAL) + len(NEGATIVE_BINOMIAL) + len(GAMMA) + 2
# Four tests a case, two tails, two tests a class of the multinomials and one a pair of neighbouring classes.
FAMILY = 4 * CASES + 2 + sum(3 * len(weights) for _, weights in MULTINOMIAL)
LEVEL = 1e-6 / FAMILY


def stream(purpose=0, patient=0):
    state = np.zeros(random.STATE_WORDS, dtype=np.uint64)
    random.seed_stream(state, np.uint64(SEED), patient, 0, purpose)
    return state


def number(*parameters):
    """Return the number of a case, so that each has a stream of its own."""
    return int(np.abs(np.array(parameters)).view(np.uint64).sum() % np.uint64(1 << 31))


@jit
def draw_poisson(state, mean, out):
    for i in range(out.size):
        out[i] = samplers.poisson(state, mean)


@jit
def draw_binomial(state, n, p, out):
    for i in range(out.size):
        out[i] = samplers.binomial(state, n, p)


@jit
def draw_negative_binomial(state, size, odds, out):
    for i in range(out.size):
        out[i] = samplers.negative_binomial(state, size, odds)


@jit
def draw_gamma(state, shape, out):
    for i in range(out.size):
        out[i] = samplers.gamma(state, shape)


@jit
def draw_normal(state, out):
    for i in range(out.size):
        out[i] = samplers.normal(state)


@jit
def draw_exponential(state, out):
    for i in range(out.size):
        out[i] = samplers.exponential(state)


@jit
def draw_multinomial(state, n, weights, out):
    for i in range(out.shape[0]):
        samplers.multinomial(state, n, weights, out[i])


def sample(draw, *parameters, count=N):
    out = np.empty(count)
    draw(stream(1, number(0.0, *parameters)), *parameters, out)
    return out


def assert_follows(values, law):
    assert np.isfinite(values).all()
    if law.discrete:
        assert (values == np.floor(values)).all()
        assert values.min() >= 0.0
    found = laws.p_values(values, law)
    assert (found > LEVEL).all(), found


@pytest.mark.parametrize("mean", POISSON)
def test_poisson_follows_its_law(mean):
    assert_follows(sample(draw_poisson, mean), laws.poisson_law(mean, N))


@pytest.mark.parametrize(("n", "p"), BINOMIAL)
def test_binomial_follows_its_law(n, p):
    values = sample(draw_binomial, n, p)
    assert values.max() <= n
    assert_follows(values, laws.binomial_law(n, p, N))


@pytest.mark.parametrize(("size", "odds"), NEGATIVE_BINOMIAL)
def test_negative_binomial_follows_its_law(size, odds):
    assert_follows(sample(draw_negative_binomial, size, odds), laws.negative_binomial_law(size, odds, N))


@pytest.mark.parametrize("shape", GAMMA)
def test_gamma_follows_its_law(shape):
    assert_follows(sample(draw_gamma, shape), laws.gamma_law(shape, N))


def test_normal_follows_its_law_out_into_the_tail():
    values = sample(draw_normal)
    assert_follows(values, laws.normal_law(N))
    # Beyond the last layer another branch draws: about 260 of a million.
    far = np.abs(values[np.abs(values) > samplers._NORMAL_START])
    assert far.size > N // 10_000 or DISABLED
    if far.size:
        assert (
            stats.kstest(stats.norm.sf(far) / stats.norm.sf(samplers._NORMAL_START), "uniform").pvalue > LEVEL
        )


def test_exponential_follows_its_law_out_into_the_tail():
    values = sample(draw_exponential)
    assert_follows(values, laws.gamma_law(1.0, N))
    far = values[values > samplers._EXPONENTIAL_START]
    if far.size:
        assert stats.kstest(far - samplers._EXPONENTIAL_START, "expon").pvalue > LEVEL


@pytest.mark.parametrize(("n", "weights"), MULTINOMIAL)
def test_multinomial_shares_all_cells_by_their_weights(n, weights):
    weights = np.array(weights)
    p = weights / weights.sum()
    out = np.empty((N // 4, weights.size))
    draw_multinomial(stream(2, number(n, *weights)), n, weights, out)
    assert (out.sum(axis=1) == n).all()
    for i in range(weights.size):
        if p[i] == 0.0:
            assert not out[:, i].any()
            continue
        law = laws.binomial_law(n, p[i], out.shape[0])
        assert laws.total_p(out[:, i], law) > LEVEL
        assert laws.distribution_p(out[:, i], law) > LEVEL
        # A class and the next together are binomial too: this sees a wrong covariance.
        j = (i + 1) % weights.size
        together = laws.binomial_law(n, min(p[i] + p[j], 1.0), out.shape[0])
        if p[i] + p[j] < 1.0:
            assert laws.distribution_p(out[:, i] + out[:, j], together) > LEVEL


@pytest.mark.skipif(DISABLED, reason="a plain-Python sample is too small to tell")
def test_wrong_samplers_fail_the_same_tests():
    # A binomial whose probability is 1 % off, in each of the two algorithms.
    for n, p in ((10.0, 0.1), (1e3, 0.3), (1e12, 1e-9)):
        assert laws.p_values(sample(draw_binomial, n, 1.01 * p), laws.binomial_law(n, p, N)).min() < LEVEL
    # The usual shortcut: a rounded normal with the right mean and variance.
    for mean in (12.0, 137.0):
        rounded = np.maximum(np.floor(mean + math.sqrt(mean) * sample(draw_normal) + 0.5), 0.0)
        wrong = laws.p_values(rounded, laws.poisson_law(mean, N))
        assert wrong[2] < LEVEL
    # Poisson in place of negative binomial: right mean, wrong spread.
    wrong = laws.p_values(sample(draw_poisson, 10.0), laws.negative_binomial_law(100.0, 0.1, N))
    assert wrong[1] < LEVEL
    assert wrong[2] < LEVEL
    assert laws.p_values(sample(draw_gamma, 7.07), laws.gamma_law(7.0, N)).min() < LEVEL
    # Each draw twice: only the correlation of neighbours sees it.
    repeated = np.repeat(sample(draw_normal, count=N // 2), 2)
    assert laws.neighbours_p(repeated) < LEVEL


def test_mass_functions_keep_their_digits_for_large_counts():
    with mpmath.workdps(60):
        for mean in (10.0, 1e3, 1e8, 1e15):
            for z in (-4.0, -0.3, 0.0, 1.0, 5.0):
                k = max(math.floor(mean + z * math.sqrt(mean)), 1)
                exact = -mpmath.mpf(mean) + k * mpmath.log(mpmath.mpf(mean)) - mpmath.loggamma(k + 1)
                assert samplers._poisson_log_mass(float(k), mean) == pytest.approx(
                    float(exact), abs=1e-7, rel=1e-11
                )
        for n, p in ((30.0, 0.4), (1e6, 2e-5), (1e12, 0.3), (2.0**52, 0.5)):
            spread = math.sqrt(n * p * (1.0 - p))
            for z in (-3.0, 0.0, 2.0, 4.0):
                k = math.floor(n * p + z * spread)
                exact = (
                    mpmath.loggamma(n + 1) - mpmath.loggamma(k + 1) - mpmath.loggamma(mpmath.mpf(n) - k + 1)
                    + k * mpmath.log(mpmath.mpf(p)) + (mpmath.mpf(n) - k) * mpmath.log1p(-mpmath.mpf(p))
                )  # fmt: skip
                # n p itself is known to 1e-16 of itself, which is 1e-16 sqrt(n) of a standard deviation.
                found = samplers._binomial_log_mass(float(k), n, p, 1.0 - p)
                assert found == pytest.approx(float(exact), abs=1e-7)


def test_ziggurat_layers_have_equal_areas():
    for x, y, tail, known in (
        (samplers._NORMAL_X, samplers._NORMAL_Y, samplers._normal_tail, 3.6541528853610088),
        (
            samplers._EXPONENTIAL_X,
            samplers._EXPONENTIAL_Y,
            samplers._exponential_density,
            7.69711747013104972,
        ),
    ):
        assert x[1] == pytest.approx(known, abs=1e-13)  # Doornik 2005, table 1; Marsaglia and Tsang 2000
        areas = x[1:-1] * np.diff(y[1:])
        base = x[1] * y[1] + tail(x[1])
        assert areas == pytest.approx(np.full(areas.size, base), rel=1e-11)
        assert x[0] * y[1] == pytest.approx(base, rel=1e-14)


@pytest.mark.parametrize(
    ("function", "parameters", "expected"),
    [
        (samplers.poisson, (0.0,), 0.0),
        (samplers.poisson, (math.nan,), math.nan),
        (samplers.poisson, (-1.0,), math.nan),
        (samplers.poisson, (math.inf,), math.nan),
        (samplers.gamma, (0.0,), 0.0),
        (samplers.gamma, (math.nan,), math.nan),
        (samplers.gamma, (-0.5,), math.nan),
        (samplers.gamma, (math.inf,), math.nan),
        (samplers.binomial, (0.0, 0.3), 0.0),
        (samplers.binomial, (7.0, 0.0), 0.0),
        (samplers.binomial, (7.0, 1.0), 7.0),
        (samplers.binomial, (2.0**53, 1.0), 2.0**53),
        (samplers.binomial, (0.9, 0.5), 0.0),
        (samplers.binomial, (-1.0, 0.5), math.nan),
        (samplers.binomial, (5.0, 1.1), math.nan),
        (samplers.binomial, (5.0, -0.1), math.nan),
        (samplers.binomial, (math.nan, 0.5), math.nan),
        (samplers.binomial, (5.0, math.nan), math.nan),
        (samplers.negative_binomial, (0.0, 0.3), 0.0),
        (samplers.negative_binomial, (5.0, 0.0), 0.0),
        (samplers.negative_binomial, (5.0, -0.1), math.nan),
        (samplers.negative_binomial, (math.nan, 0.1), math.nan),
        (samplers.negative_binomial, (5.0, math.inf), math.nan),
        (samplers.round_randomly, (4.0,), 4.0),
        (samplers.round_randomly, (math.nan,), math.nan),
        (samplers.round_randomly, (math.inf,), math.nan),
    ],
)
def test_degenerate_arguments_give_the_limit_or_nan(function, parameters, expected):
    drawn = function(stream(), *parameters)
    assert drawn == expected or (math.isnan(drawn) and math.isnan(expected))


@pytest.mark.parametrize(
    ("function", "parameters"),
    [
        (samplers.poisson, (1e-320,)),
        (samplers.poisson, (1e16,)),
        (samplers.poisson, (1e300,)),
        (samplers.gamma, (1e-300,)),
        (samplers.gamma, (1e300,)),
        (samplers.binomial, (2.0**53, 5e-324)),
        (samplers.binomial, (2.0**53, 0.5)),
        (samplers.binomial, (2.0**53, 1.0 - 2.0**-53)),
        (samplers.binomial, (1e18, 0.5)),
        (samplers.binomial, (1e300, 1e-300)),
        (samplers.negative_binomial, (1e-300, 1e300)),
        (samplers.negative_binomial, (1e12, 1e3)),
        (samplers.negative_binomial, (1e-12, 0.5)),
    ],
)
def test_extreme_arguments_return_a_number(function, parameters):
    state = stream()
    for _ in range(100):
        drawn = function(state, *parameters)
        assert drawn >= 0.0
        assert drawn < math.inf


def test_counts_of_2_to_53_keep_their_mean_and_spread():
    # Mean of 2e4 draws: five standard errors are 5/sqrt(2e4) = 0.035 standard deviations, false alarm 6e-7 each.
    count = 500 if DISABLED else 20_000
    n = 2.0**53
    for values, mean, spread in (
        (sample(draw_binomial, n, 0.5, count=count), n / 2, math.sqrt(n) / 2),
        (sample(draw_poisson, n, count=count), n, math.sqrt(n)),
        (sample(draw_poisson, 1e17, count=count), 1e17, math.sqrt(1e17)),
    ):
        z = (values - mean) / spread
        assert abs(z.mean()) < 5.0 / math.sqrt(count)
        assert abs(z.var() - 1.0) < 5.0 * math.sqrt(2.0 / count)


def test_a_pair_keeps_the_rare_failures_that_one_minus_p_would_lose():
    # 1e12 cells that each stay with probability 1 - 1e-13: 0.1 leave on average, while 1 - p would be wrong by 0.08 %
    # at p = 1 - 1e-13 and be 0 at 1e-17.
    state = stream(3)
    left = np.array([1e15 - samplers.binomial_pair(state, 1e15, 1.0, 1e-17) for _ in range(3000)])
    assert stats.binomtest(int((left > 0).sum()), 3000, -math.expm1(-0.01)).pvalue > 1e-6


def test_multinomial_refuses_by_nan():
    out = np.zeros(3)
    for n, weights in ((5.0, (0, 0, 0)), (5.0, (1, -1, 1)), (math.nan, (1, 1, 1)), (5.0, (1, math.nan, 1))):
        samplers.multinomial(stream(), n, np.array(weights, dtype=float), out)
        assert np.isnan(out).all()
    samplers.multinomial(stream(), 0.0, np.ones(3), out)
    assert not out.any()


def test_random_rounding_has_the_mean_of_its_argument():
    state = stream(4)
    drawn = np.array([samplers.round_randomly(state, 2.3) for _ in range(5000)])
    assert set(drawn) == {2.0, 3.0}
    assert stats.binomtest(int((drawn == 3.0).sum()), 5000, 0.3).pvalue > 1e-6
