"""Patients whose remission two factors and luck decide, and nothing else: a stand-in for simulated ones."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr

from calibration.factors import factors_of
from sim.trial.outcomes import Outcomes
from sim.trial.scenario_io import load

SCENARIO = "turtle2016-cd19"
DECIDES, HALF = "rejection_rate", "killing_rate"


class Known:
    """Stands for `simulate_patients`: remission has probability Phi(a + b/2), a and b the normal scores of two factors' points.

    The luck of a patient is the same at every point. `failing` counts the patients of each point that fail where the first score is above 1.
    """

    def __init__(self, failing: int = 0) -> None:
        self.failing = failing
        self.threads: set[int | None] = set()

    def __call__(self, scenario, arm, seed, patients, scores, threads):
        self.threads.add(threads)
        factor = {one.name: one for one in factors_of(load(SCENARIO)).factors}[HALF]
        # The point's place on the factor's own law, from the shift of the patients' scores.
        log_median = scores[HALF].shift * factor.between.log_sd + np.log(factor.between.centre)
        b = (log_median - np.log(factor.law.centre)) / factor.law.log_sd
        a = scores[DECIDES].shift
        luck = np.random.default_rng(seed).random(1000)[patients]
        n = len(patients)
        status = np.where((a > 1.0) & (patients < self.failing), 3, 0)
        nothing = np.full(n, np.nan)
        columns = {
            "patient": patients,
            "status": status,
            "infused": np.ones(n, dtype=bool),
            "evaluable": np.ones(n, dtype=bool),
            "cr": np.where(status == 0, luck < ndtr(a + 0.5 * b), np.nan).astype(float),
            "mrd_negative": np.where(status == 0, 1.0, np.nan),
            "relapse_day": nothing,
            "death_day": nothing,
            "last_followup_day": np.full(n, 365.0),
            "cmax": np.where(status == 0, 10.0 ** (a + luck), np.nan),
        }
        return Outcomes(columns)
