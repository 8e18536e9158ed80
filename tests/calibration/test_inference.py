"""A small calibration from end to end: killed and resumed it has the same bytes, and its posterior is nearer to the reports than the prior."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from calibration import inference
from calibration.inference import CHAINS, Effort, Inference
from calibration.population import dimension
from sim.errors import StorageError
from sim.kernels._jit import DISABLED

pytestmark = pytest.mark.skipif(DISABLED, reason="whole trials; the kernels have tests of their own")
SMALL = Effort(patients=300, pilot=30, draws=40)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("calibration")
    return Inference(folder, seed=3, effort=SMALL).run()


def test_the_posterior_is_nearer_to_the_reports_than_the_prior(whole) -> None:
    posterior, problem = whole
    prior = problem.points(np.random.default_rng(1).standard_normal((200, problem.dimension)))
    before = problem.log_likelihood(problem.tell(prior)).sum(axis=1)
    assert np.median(posterior.log_likelihoods) > np.median(before) + 5.0
    assert posterior.draws.shape == (CHAINS, 36, dimension(3))
    table = {row["name"]: row for row in posterior.table()}
    assert len(table) == dimension(3)
    assert all(np.isfinite(row["mean"]) and row["effective"] > 1.0 for row in table.values())


def test_what_was_interrupted_goes_on_to_the_same_bytes(
    whole, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Interrupted in the bank, in a pilot and in the chains, at another number of threads."""
    monkeypatch.setattr(inference, "KEEP_EVERY", 0.0)
    seen: list[tuple[str, int]] = []

    def stop_at(stage: str, least: int):
        def progress(name: str, done: int, total: int) -> None:
            seen.append((name, done))
            if name == stage and done >= least and done < total:
                raise KeyboardInterrupt

        return progress

    for stage, least, threads in (("patients, part 1", 300, 1), ("pilot", 25, 2), ("chains", 25, 1)):
        with pytest.raises(KeyboardInterrupt):
            Inference(tmp_path, seed=3, effort=SMALL, threads=threads, progress=stop_at(stage, least)).run()
    found, _ = Inference(tmp_path, seed=3, effort=SMALL).run()
    np.testing.assert_array_equal(found.draws, whole[0].draws)
    np.testing.assert_array_equal(found.log_likelihoods, whole[0].log_likelihoods)
    assert {name for name, _ in seen} >= {"patients, part 1", "pilot", "chains"}


def test_a_damaged_state_is_one_line(whole, tmp_path: Path) -> None:
    place = tmp_path / "pilot.json"
    place.write_text('{"points": [[0')
    with pytest.raises(StorageError, match="a calibration must be whole; delete the file"):
        Inference(tmp_path)._resumed(place)
