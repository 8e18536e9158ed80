"""Chains against a posterior that is known in closed form, bytes after a pause, and what the diagnostics say of good and bad chains."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from calibration.diagnostics import effective_size, rank_of, rhat, uniformity
from calibration.sampler import EllipticalSlice, Whitening

DATA, NOISE = np.array([1.5, -0.5, 0.0]), np.array([0.5, 2.0, 0.2])


def log_likelihood(points: np.ndarray) -> np.ndarray:
    """Normal measurements of each number: the posterior is normal with known mean and SD."""
    return (-0.5 * ((points - DATA) / NOISE) ** 2).sum(axis=1)


def sampled(draws: int, seed: int = 1) -> EllipticalSlice:
    starts = np.random.default_rng(seed).standard_normal((4, 3))
    chains = EllipticalSlice(starts, log_likelihood(starts), seed)
    while chains.length < draws:
        chains.tell(log_likelihood(chains.ask()))
    return chains


def test_the_posterior_is_the_one_in_closed_form() -> None:
    """Means and SDs within 5 standard errors of the effective draws (false alarm 6e-7 each, six of them); another SD of 10 % would be found."""
    draws = sampled(4000).draws()
    precision = 1.0 + 1.0 / NOISE**2
    mean, sd = (DATA / NOISE**2) / precision, 1.0 / np.sqrt(precision)
    for k in range(3):
        one = draws[:, :, k]
        size = effective_size(one)
        assert size > 400.0
        assert rhat(one) < 1.01
        assert abs(one.mean() - mean[k]) < 5.0 * sd[k] / math.sqrt(size)
        error = 5.0 * sd[k] / math.sqrt(2.0 * size)
        assert abs(one.std() - sd[k]) < error * 1.5
        assert abs(one.std() - 1.2 * sd[k]) > error


def test_a_ridge_is_walked_along_in_its_own_numbers() -> None:
    """Two numbers of which only the sum is known: the closed-form posterior, and more effective draws than without whitening."""
    measured, noise = 1.0, 0.02

    def ridge(points: np.ndarray) -> np.ndarray:
        return -0.5 * ((points.sum(axis=1) - measured) / noise) ** 2

    precision = np.eye(2) + np.ones((2, 2)) / noise**2
    covariance = np.linalg.inv(precision)
    mean = covariance @ np.full(2, measured / noise**2)
    rng = np.random.default_rng(1)
    pilot = rng.multivariate_normal(mean, 1.5 * covariance, 500)
    sizes = {}
    for whitening in (Whitening(np.zeros(2), np.eye(2)), Whitening.of(pilot)):
        starts = whitening.numbers(rng.multivariate_normal(mean, covariance, 4))
        np.testing.assert_allclose(whitening.numbers(whitening.points(starts)), starts, atol=1e-9)
        chains = EllipticalSlice(starts, whitening.log_likelihood(starts, ridge(whitening.points(starts))), 1)
        while chains.length < 3000:
            v = chains.ask()
            chains.tell(whitening.log_likelihood(v, ridge(whitening.points(v))))
        draws = whitening.points(chains.draws().reshape(-1, 2)).reshape(4, -1, 2)
        difference = draws[:, :, 0] - draws[:, :, 1]
        sizes[whitening] = effective_size(draws[:, :, 0])
        assert abs(draws[:, :, 0].mean() - mean[0]) < 5.0 * math.sqrt(covariance[0, 0] / sizes[whitening])
        assert abs(difference.std() - math.sqrt(2.0)) < 5.0 / math.sqrt(effective_size(difference))
    plain, whitened = sizes.values()
    assert whitened > 3.0 * plain


def test_chains_go_on_from_a_kept_state_bit_for_bit() -> None:
    whole = sampled(60)
    part = sampled(25)
    resumed = EllipticalSlice.resume(json.loads(json.dumps(part.state())))
    while resumed.length < 60:
        resumed.tell(log_likelihood(resumed.ask()))
    np.testing.assert_array_equal(resumed.draws(), whole.draws())
    np.testing.assert_array_equal(resumed.log_likelihoods(), whole.log_likelihoods())


def test_a_chain_does_not_depend_on_the_others() -> None:
    starts = np.random.default_rng(1).standard_normal((4, 3))
    two = EllipticalSlice(starts[:2], log_likelihood(starts[:2]), 1)
    while two.length < 30:
        two.tell(log_likelihood(two.ask()))
    np.testing.assert_array_equal(two.draws()[:, :30], sampled(30).draws()[:2, :30])


def test_the_impossible_is_never_drawn() -> None:
    starts = np.full((2, 1), 0.5)
    chains = EllipticalSlice(starts, np.zeros(2), 1)
    while chains.length < 500:
        asked = chains.ask()[:, 0]
        chains.tell(np.where(asked > 0.0, 0.0, np.where(asked < -1.0, np.nan, -math.inf)))
    assert (chains.draws() > 0.0).all()
    assert abs(chains.draws().mean() - math.sqrt(2.0 / math.pi)) < 0.1


def test_a_start_that_is_impossible_is_refused() -> None:
    with pytest.raises(ValueError, match="a chain begins where the data are possible"):
        EllipticalSlice(np.zeros((1, 1)), np.array([-math.inf]), 1)


def test_effective_size_of_a_chain_of_known_correlation() -> None:
    """Of an AR(1) chain with correlation a, n draws are worth n (1 - a)/(1 + a)."""
    rng, a, n = np.random.default_rng(1), 0.8, 20_000
    chains = np.zeros((4, n))
    chains[:, 0] = rng.standard_normal(4)
    for k in range(1, n):
        chains[:, k] = a * chains[:, k - 1] + math.sqrt(1.0 - a * a) * rng.standard_normal(4)
    expected = 4 * n * (1.0 - a) / (1.0 + a)
    assert effective_size(chains) == pytest.approx(expected, rel=0.1)
    independent = rng.standard_normal((4, 2000))
    assert effective_size(independent) == pytest.approx(8000, rel=0.1)


def test_r_hat_finds_chains_apart_and_chains_of_other_breadth() -> None:
    rng = np.random.default_rng(1)
    good = rng.standard_normal((4, 1000))
    assert rhat(good) < 1.01
    assert rhat(good + np.array([[0.0], [0.0], [0.0], [0.5]])) > 1.02
    assert rhat(good * np.array([[1.0], [1.0], [1.0], [3.0]])) > 1.02


def test_ranks_of_a_right_and_of_a_wrong_inference() -> None:
    """Three hundred normal means: a posterior that is right has uniform ranks, one that is too narrow by a third has not."""
    rng = np.random.default_rng(1)
    for factor, right in ((1.0, True), (0.65, False)):
        ranks = []
        for _ in range(300):
            truth = rng.standard_normal()
            data = truth + rng.standard_normal()
            draws = 0.5 * data + factor * math.sqrt(0.5) * rng.standard_normal(500)
            ranks.append(rank_of(truth, draws, np.full(500, 1.0 / 500), rng))
        p = uniformity(np.array(ranks), 100, rng)
        assert (p > 1e-3) is right, p
