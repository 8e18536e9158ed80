"""Stand-ins: for `simulate` one that needs no compiler, with courses invented from the keyed streams; for a result, others beside it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from sim.kernels import status as codes
from sim.network.streams import PURPOSES, uniforms
from sim.network.trajectories import Trajectories


class MadeUp:
    """Call it as `simulate`. Two thirds clear at day 14; most of those relapse, some without CD19; some die; some fail.

    Parameters
    ----------
    failing : int or None
        One of so many patients fails on day 100.
    """

    def __init__(self, failing: int | None = None) -> None:
        self.failing = failing
        self.calls = 0

    def __call__(
        self, network: Any, t: Any, kernel: Any, *, seed: int, patients: Any, outputs: Any, **options: Any
    ) -> Any:
        self.calls += 1
        t = np.asarray(t, dtype=np.float64)
        luck = uniforms(
            seed, patients, PURPOSES["dynamics"], replicate=options.get("first_replicate", 0), count=5
        )
        clears = luck[:, :1] < 0.66
        relapse = 60.0 + 900.0 * luck[:, 1:2]
        blasts = np.where((t >= 14) & clears & (t < relapse), 1e-9, 0.5)
        blasts = np.where(t < relapse, blasts, np.minimum(0.5, 0.06 + 0.01 * (t - relapse)))
        values = {name: np.zeros_like(blasts) for name in outputs or network_outputs()}
        cells = np.full_like(blasts, 1e10)
        values |= {
            "marrow_blast_fraction": blasts,
            "leukaemia_cells": cells,
            "cd19_negative_cells": np.where((luck[:, 2:3] < 0.3) & (t > 30), cells, 0.0),
            "cd19_mean_density": np.full_like(blasts, 1e4),
            "cd22_mean_density": np.where(t > 30, 900.0, 3000.0) * np.ones_like(blasts),
            "car_t_blood": np.where(t < 0, 0.0, 100.0 * np.exp(-np.abs(t - 10.0) / 5.0))
            * (0.5 + luck[:, 3:4]),
            "b_cell_fraction": np.where(t > 200, 0.5, 0.0) * np.ones_like(blasts),
        }
        death = np.where(luck[:, 4] < 0.2, 400.0 * luck[:, 4] / 0.2 + 5.0, np.nan)
        given = np.broadcast_to(options.get("parameters", {}).get("infusion_time_cd22_0", np.inf), len(luck))
        status = np.zeros(len(luck), dtype=np.int8)
        if self.failing is not None:
            failed = np.asarray(patients) % self.failing == 1
            status[failed] = codes.MAX_STEPS
            for series in values.values():
                series[np.ix_(failed, t > 100)] = np.nan
        if options.get("progress"):
            for done in range(1, len(luck) + 1):
                options["progress"](done, len(luck))
        return Trajectories(
            t=t,
            names=tuple(values),
            values=np.stack(list(values.values()), axis=2),
            status=status,
            # The network is that of all arms: one that gives nothing has the event too, and it never fires.
            fired={"infusion_cd22_0": np.where(np.isfinite(given), given, np.nan), "death_leukaemia": death},
            statistics={},
            patients=np.asarray(patients),
            replicates=np.zeros(len(luck), dtype=np.int64),
            kernel="made up",
        )


def network_outputs() -> tuple[str, ...]:
    from sim.trial.observation import OUTPUTS

    return OUTPUTS


def median_row(result, simulated, predictive):
    """The reported median remission beside another simulation."""
    found = next(found for found in result.comparisons if found.id == "remission-duration")
    inside = None if predictive is None else predictive.inside
    return replace(found, simulated=simulated, predictive=predictive, inside=inside)


def told_with(result, *comparisons):
    """The same result beside other comparisons."""
    twin = replace(result)
    vars(twin)["comparisons"] = list(comparisons)
    return twin
