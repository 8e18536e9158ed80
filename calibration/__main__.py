"""``python -m calibration proof|rivals``: the long proofs beside a posterior, written into the folder of a calibration.

    python -m calibration proof  --folder runs/calibration     # 250 synthetic sets of trials, on the first part of the bank
    python -m calibration rivals --folder runs/calibration     # negative controls and structural rivals, each calibrated

Both are resumed where they were as far as patients are simulated, and give the same bytes with the same seed.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

# Nothing here is large linear algebra, whose threads would spin beside the others.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

from calibration.emulator import fit_emulator, points_around
from calibration.files import write_whole
from calibration.inference import Effort, Inference
from calibration.proof import LEVEL, Agreement, Proof, chains_agree, prove, synthetic_trials
from calibration.rivals import RIVALS, Fit, fit

SETS, PATIENTS, PRIOR = 250, 500, 20_000
LEAST_SETS = 200
AGREEING, DRAWS, POINTS = 10, 1000, 4000
SMALL = Effort(patients=32_768, pilot=200, first=500, draws=1000, points=2000)


def main(arguments: list[str] | None = None) -> None:
    """Run one of the two."""
    parser = argparse.ArgumentParser(prog="python -m calibration", description=__doc__)
    parser.add_argument("what", choices=("proof", "rivals"))
    parser.add_argument("--folder", type=Path, default=Path("runs/calibration"))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--sets", type=int, default=SETS)
    parser.add_argument("--prior", type=int, default=PRIOR)
    given = parser.parse_args(arguments)
    found = (
        _proof(given.folder, given.seed, given.sets, given.prior)
        if given.what == "proof"
        else _rivals(given.folder, given.seed)
    )
    text = json.dumps(found, indent=1) + "\n"
    place = given.folder / f"{given.what}.json"
    write_whole(place, lambda partial: partial.write_text(text, encoding="utf-8"))
    print(place)
    unsure = [
        name for name, one in found.items() if given.what == "rivals" and one["control"] and not one["worse"]
    ]
    for name in unsure:
        print(
            f"{name}: a negative control that does not fit worse beyond what is unknown of both",
            file=sys.stderr,
        )
    few = given.what == "proof" and found["sets"] < LEAST_SETS
    if few:
        print(f"{found['sets']} sets; at least {LEAST_SETS} are asked for; give more --sets", file=sys.stderr)
    if unsure or few:
        raise SystemExit(1)


def _say(stage: str, done: int, total: int) -> None:
    if done == total:
        print(f"{stage}: {done}", file=sys.stderr, flush=True)


def _proof(folder: Path, seed: int, sets: int, many: int) -> dict[str, Any]:
    inference = Inference(folder, seed, progress=_say)
    problem = inference.first_problem()
    synthetic = synthetic_trials(problem, inference.scenarios, sets, PATIENTS, seed + 1)
    prior = np.random.Generator(np.random.Philox(key=[seed, 4])).standard_normal((many, problem.dimension))
    around = points_around(problem, prior[:POINTS])
    learned = fit_emulator(
        problem, inference.scenarios, around, progress=lambda done, total: _say("figures", done, total)
    )
    told = learned.tell(problem.points(prior))
    proof = prove(problem, synthetic, prior, told, seed, tell=learned.tell)
    spoiled = prove(problem, synthetic, prior, told, seed, lambda logs: 2.0 * logs, learned.tell)
    # The sets on whose weighed draws most can rest.
    firm = np.argsort(-proof.effective, kind="stable")[:AGREEING]
    agreements = [
        chains_agree(problem, synthetic.reports[k], prior, told, DRAWS, seed + int(k), learned.tell)
        for k in firm
    ]
    return {**_record(proof, told.effective, sets), "agreement": _agreement(agreements), "twice": spoiled.ranks.alarms()}  # fmt: skip


def _record(proof: Proof, patients: Any, asked: int) -> dict[str, Any]:
    return {
        "sets": len(proof.effective),
        "asked": asked,
        "level": LEVEL,
        "p_values": proof.ranks.p_values(),
        "alarms": proof.ranks.alarms(),
        "coverage_90": dict(zip(proof.ranks.names, proof.coverage(0.9).tolist(), strict=False)),
        "effective_draws": np.quantile(proof.effective, [0.0, 0.05, 0.5]).tolist(),
        "effective_patients": np.quantile(patients.min(axis=1), [0.05, 0.5]).tolist(),
        "correlation": {
            name: float(np.corrcoef(proof.recovered[:, k, 0], proof.recovered[:, k, 1])[0, 1])
            for k, name in enumerate(proof.ranks.names[:-1])
        },
        "ranks": proof.ranks.ranks.tolist(),
    }


def _agreement(found: list[Agreement]) -> dict[str, Any]:
    differences = np.array([one.difference for one in found])
    return {
        "sets": len(found),
        "largest": float(abs(differences).max()),
        "mean_square": float((differences**2).mean()),
        "effective": float(np.median([one.effective for one in found])),
    }


def _rivals(folder: Path, seed: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    shipped: Fit | None = None
    for rival in RIVALS:
        print(rival.name, file=sys.stderr, flush=True)
        one = fit(rival, folder / "rivals" / rival.name.replace(" ", "-"), SMALL, seed, progress=_say)
        shipped = shipped or one
        found[rival.name] = {
            "worse": one.worse_than(shipped),
            "rhat": one.rhat,
            "effective": one.effective,
            "meaning": rival.meaning,
            "control": rival.control,
            "best": one.best,
            "mean": one.mean,
            "sd": one.sd,
            "noise": one.noise if np.isfinite(one.noise) else None,
            "each": dict(one.each),
        }
    return found


if __name__ == "__main__":
    main()
