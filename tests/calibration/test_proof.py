"""The proof and the judges of a posterior, on a problem whose answer is known.

Three numbers, standard normal a priori; two shares of them are reported, 20 patients each, and one median. Statistical tests: n in each, chance of
a false alarm 1 % in all (`LEVEL`) where nothing else is said; seed 1.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import SimpleNamespace

import numpy as np
import pytest
from scipy import stats
from scipy.special import expit

from calibration.likelihoods import summary
from calibration.problem import Told
from calibration.proof import Synthetic, chains_agree, prove
from calibration.reliability import _distance, power_scaling, ridges

SETS = 400


@dataclass(frozen=True)
class Toy:
    """A share of 20, or a median known to 20 %."""

    place: int
    report: float = 0.0

    def replicate(self, figure: np.ndarray, generator: np.random.Generator) -> Toy:
        if self.place < 2:
            return replace(self, report=int(generator.binomial(20, figure[0])))
        return replace(self, report=float(figure[0] * np.exp(generator.normal(0.0, 0.2))))

    def log_likelihood(self, figure: np.ndarray) -> np.ndarray:
        x = figure[:, 0]
        return stats.binom.logpmf(int(self.report), 20, x) if self.place < 2 else summary(x, self.report, 0.2)


class Problem:
    """Two shares of the sum and of the difference of two numbers, and a median that is the third's."""

    dimension = 3
    targets = (Toy(0), Toy(1), Toy(2))

    def points(self, values: np.ndarray) -> SimpleNamespace:
        return SimpleNamespace(values=np.atleast_2d(values), names=("a", "b", "c"))

    def tell(self, points: SimpleNamespace, threads: int | None = None) -> Told:
        a, b, c = points.values.T
        return Told(
            [expit(a + b)[:, None], expit(a - b)[:, None], np.exp(0.3 * c)[:, None]], np.full((len(a), 1), 1e5)
        )  # fmt: skip

    def log_likelihood(self, told: Told, targets=None) -> np.ndarray:
        asked = self.targets if targets is None else targets
        return np.stack([one.log_likelihood(f) for one, f in zip(asked, told.figures, strict=True)], axis=1)


@pytest.fixture(scope="module")
def problem() -> Problem:
    return Problem()


@pytest.fixture(scope="module")
def prior(problem) -> tuple[np.ndarray, Told]:
    draws = np.random.default_rng(1).standard_normal((20_000, 3))
    return draws, problem.tell(problem.points(draws))


@pytest.fixture(scope="module")
def synthetic(problem) -> Synthetic:
    generator = np.random.default_rng(2)
    points = problem.points(generator.standard_normal((SETS, 3)))
    figures = problem.tell(points)
    reports = [
        [
            one.replicate(figure[k], generator)
            for one, figure in zip(problem.targets, figures.figures, strict=True)
        ]
        for k in range(SETS)
    ]
    return Synthetic(points, figures, reports)


def test_ranks_of_a_right_inference_are_uniform_and_intervals_cover(problem, prior, synthetic) -> None:
    """400 sets: coverage of 90 % intervals within 5 standard errors."""
    proof = prove(problem, synthetic, *prior, seed=1)
    assert proof.ranks.alarms() == []
    assert (abs(proof.coverage(0.9) - 0.9) < 5.0 * np.sqrt(0.09 / SETS)).all()
    assert np.median(proof.effective) > 1000
    truth, mean, sd = (proof.recovered[:, :, k] for k in range(3))
    assert (abs(((truth - mean) / sd).std(axis=0) - 1.0) < 5.0 / np.sqrt(2 * SETS)).all()


@pytest.mark.parametrize(
    ("name", "spoil"),
    [
        ("a likelihood counted twice", lambda logs: 2.0 * logs),
        ("half a likelihood", lambda logs: 0.5 * logs),
        (
            "noise of two in the likelihood",
            lambda logs: logs + 2.0 * np.random.default_rng(len(logs)).standard_normal(len(logs)),
        ),
    ],
)
def test_a_wrong_inference_is_found(problem, prior, synthetic, name: str, spoil) -> None:
    """Power: each of these gave an alarm with ten of ten other seeds; where nothing was wrong none of the ten did."""
    assert prove(problem, synthetic, *prior, seed=1, spoil=spoil).ranks.alarms(), name


def test_data_of_another_law_are_found(problem, prior, synthetic) -> None:
    """A figure that is 0.05 too high in what the patients do, as of a bank that is wrong."""
    generator = np.random.default_rng(3)
    figures = synthetic.figures.figures
    moved = [np.clip(figures[0] + 0.1, 0.0, 1.0), *figures[1:]]
    reports = [
        [one.replicate(f[k], generator) for one, f in zip(problem.targets, moved, strict=True)]
        for k in range(SETS)
    ]
    assert prove(problem, synthetic._replace(reports=reports), *prior, seed=1).ranks.alarms()


def test_chains_have_the_means_of_the_weighed_draws(problem, prior, synthetic) -> None:
    """Ten sets, three numbers: all 30 differences within 4.5 standard errors, false alarms 2e-4."""
    found = [chains_agree(problem, synthetic.reports[k], *prior, draws=150, seed=k) for k in range(10)]
    assert (abs(np.array([one.difference for one in found])) < 4.5).all()
    wrong = chains_agree(problem, synthetic.reports[0], prior[0] + 0.5, prior[1], draws=150, seed=0)
    assert (abs(wrong.difference) > 4.5).any()


def test_power_scaling_tells_what_the_data_decide() -> None:
    """A number of which the data say much, one of which they say nothing; and how far a normal law moves, exactly."""
    generator = np.random.default_rng(1)
    known, unknown = 1.0 + 0.2 * generator.standard_normal(20_000), generator.standard_normal(20_000)
    # The posterior of `known` under its prior N(0, 1) is N(1, 0.04): its likelihood is what is left.
    logs = -0.5 * ((known - 1.0) / 0.2) ** 2 + 0.5 * known**2
    first, second = power_scaling(np.stack([known, unknown], axis=1), logs, ("known", "unknown"))
    assert first.likelihood > 0.05
    assert second.likelihood < 0.02
    assert second.prior > 0.05
    assert second.reading == "the prior decides"
    assert first.reading != "the prior decides"


def test_the_distance_is_that_of_the_two_laws() -> None:
    """Of N(0, 1) and the same weighed to N(0.5, 1), from 100,000 draws, beside numerical integrals."""
    x = np.random.default_rng(1).standard_normal(100_000)
    grid = np.linspace(x.min(), x.max(), 20_001)
    p, q = stats.norm.cdf(grid), stats.norm.cdf(grid, 0.5)

    def divergence(a, b):
        terms = np.where(a > 0, a * np.log2(a / (0.5 * (a + b))), 0.0) + (b - a) / (2.0 * np.log(2.0))
        return np.trapezoid(terms, grid)

    both = divergence(p, q) + divergence(q, p) + divergence(1 - p, 1 - q) + divergence(1 - q, 1 - p)
    exact = np.sqrt(both / np.trapezoid(p + q + (2.0 - p - q), grid))
    assert _distance(x, 0.5 * x - 0.125) == pytest.approx(exact, rel=0.03)
    assert _distance(x, np.zeros(len(x))) == pytest.approx(0.0, abs=1e-6)


def test_ridges_are_the_correlated_pairs() -> None:
    draws = np.random.default_rng(1).standard_normal((5000, 3))
    draws[:, 1] = 0.8 * draws[:, 0] + 0.6 * draws[:, 1]
    ((one, other, rho),) = ridges(draws, ("a", "b", "c"))
    assert {one, other} == {"a", "b"}
    assert rho == pytest.approx(0.786, abs=0.02), "rank correlation of a normal pair with 0.8"
