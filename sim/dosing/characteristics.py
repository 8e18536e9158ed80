"""Operating characteristics of a dose-finding design: which dose it selects, whom it treats where, how long it takes.

The model has no calibrated toxicity, so that the probability of a dose-limiting toxicity at each dose is an argument without a default.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sim.dosing.designs import DESIGNS, Decisions, Design, boin, check_target, keyboard
from sim.dosing.virtual_trials import Trials, concatenate, run_decisions, run_three_plus_three
from sim.errors import InputError
from sim.network.arguments import read_whole
from sim.trial.estimates import Estimate, binomial_interval

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["DoseFinding", "Setting", "dose_finding"]

Floats = NDArray[np.float64]

# Trials that are in memory at once.
_CHUNK = 20_000
# From this share of patients above the wanted dose on, a trial has overdosed.
_MANY_ABOVE = 0.6


class Setting(NamedTuple):
    """What was asked: design, target, cohorts, first dose (from 0), days of observation and between patients, trials, seed."""

    design: Design
    target: float
    cohort: int
    cohorts: int
    start: int
    window: float
    gap: float
    trials: int
    seed: int


@dataclass(frozen=True, eq=False)
class DoseFinding:
    """How a design behaves.

    Attributes
    ----------
    setting : Setting
    doses : tuple of str
        What the doses are called.
    toxicity : ndarray, shape (doses,)
        As given.
    trials : Trials
        What happened in each trial.
    decisions : Decisions or None
        Of designs that look up what to do.
    efficacy : mapping of str to Estimate
        Share in remission at each dose by its name, simulated in a scenario; empty unless asked for.
    """

    setting: Setting
    doses: tuple[str, ...]
    toxicity: Floats
    trials: Trials
    decisions: Decisions | None = None
    efficacy: Mapping[str, Estimate] = field(default_factory=dict)

    @property
    def wanted(self) -> int:
        """Place of the dose whose toxicity is nearest to the target; of two the lower."""
        return int(np.abs(self.toxicity - self.setting.target).round(12).argmin())

    @property
    def selected(self) -> list[Estimate]:
        """Share of trials that select each dose, and last that select none, with 95 % intervals of the number of trials."""
        counts = np.bincount(
            np.where(self.trials.selected < 0, len(self.doses), self.trials.selected),
            minlength=len(self.doses) + 1,
        )
        return [binomial_interval(int(count), self.setting.trials) for count in counts]

    @property
    def size(self) -> NDArray[np.int64]:
        """Patients of each trial."""
        return np.asarray(self.trials.patients.sum(axis=1), dtype=np.int64)

    @property
    def above(self) -> Floats:
        """Share of each trial's patients who were treated above the wanted dose."""
        return np.asarray(
            self.trials.patients[:, self.wanted + 1 :].sum(axis=1) / self.size, dtype=np.float64
        )

    def summary(self) -> dict[str, float]:
        """Return the figures of the design as a whole.

        Returns
        -------
        dict
            correct (share of trials that select the wanted dose), none (that select none), selected_above (that select a higher one),
            treated_above (share of patients treated above it), trials_overdosed (share of trials with more than 60 % of patients there),
            toxicities (share of patients), patients_mean, patients_q05, patients_q95, days_mean, days_q05, days_q95; with an efficacy
            remission_of_selected (mean over trials; 0 where none is selected).
        """
        chosen = self.trials.selected
        found = {
            "correct": float((chosen == self.wanted).mean()),
            "none": float((chosen < 0).mean()),
            "selected_above": float((chosen > self.wanted).mean()),
            "treated_above": float(self.trials.patients[:, self.wanted + 1 :].sum() / self.size.sum()),
            "trials_overdosed": float((self.above > _MANY_ABOVE).mean()),
            "toxicities": float(self.trials.toxicities.sum() / self.size.sum()),
        }
        for name, values in (("patients", self.size), ("days", self.trials.days)):
            low, high = np.quantile(values, [0.05, 0.95])
            found |= {
                f"{name}_mean": float(values.mean()),
                f"{name}_q05": float(low),
                f"{name}_q95": float(high),
            }
        if self.efficacy:
            shares = np.array([self.efficacy[dose].value for dose in self.doses] + [0.0])
            found["remission_of_selected"] = float(shares[chosen].mean())
        return found

    def table(self) -> pd.DataFrame:
        """Return a row a dose: dose, toxicity, selected with its interval, mean patients and toxicities of a trial, remission."""
        import pandas as pd

        return pd.DataFrame(self.rows())

    def rows(self) -> list[dict[str, Any]]:
        """Return the rows of the table as plain data; the last one is of trials that select no dose."""
        patients, toxic = self.trials.patients.mean(axis=0), self.trials.toxicities.mean(axis=0)
        rows = []
        for place, (share, low, high) in enumerate(self.selected):
            dose = place < len(self.doses)
            name = self.doses[place] if dose else "none"
            found = self.efficacy.get(name, Estimate(float("nan"), float("nan"), float("nan")))
            rows.append(
                {
                    "dose": name,
                    "toxicity": float(self.toxicity[place]) if dose else float("nan"),
                    "selected": share,
                    "selected_lower": low,
                    "selected_upper": high,
                    "patients": float(patients[place]) if dose else float("nan"),
                    "toxicities": float(toxic[place]) if dose else float("nan"),
                    "remission": found.value,
                    "remission_lower": found.lower,
                    "remission_upper": found.upper,
                }
            )
        return rows


def dose_finding(
    toxicity: Sequence[float],
    *,
    design: Design = "boin",
    target: float = 0.3,
    cohort: int = 3,
    cohorts: int = 10,
    start: int = 1,
    window: float = 28.0,
    gap: float = 10.0,
    trials: int = 2000,
    seed: int = 0,
    doses: Sequence[str | float] | None = None,
    efficacy: Mapping[str, Estimate] | None = None,
) -> DoseFinding:
    """Run virtual phase 1 trials of a dose-finding design.

    Parameters
    ----------
    toxicity : sequence of float
        Probability of a dose-limiting toxicity at each dose, from the lowest on; no default, because the model has no calibrated toxicity. 2 to 20 of
        them, none lower than the one before.
    design : {"boin", "keyboard", "3+3"}
        3+3 knows no target, and ends by itself: it takes neither cohort nor cohorts, and the target only says which dose is wanted.
    target : float
        Wanted probability of toxicity, 0.05 to 0.6.
    cohort, cohorts : int
        Patients of a cohort, and the most cohorts.
    start : int
        First dose; 1 is the lowest.
    window : float
        Days for which a cohort is observed before the next one begins.
    gap : float
        Mean days between two patients who could be enrolled.
    trials : int
        Virtual trials.
    seed : int
        0 to 2**64 - 1. The first trials stay as they are when there are more, and meet the same patients under every design.
    doses : sequence of str or float, optional
        What the doses are called; 1, 2, ... by default.
    efficacy : mapping of str to Estimate, optional
        Share in remission at each dose, as `sim.dosing.efficacy.remission_by_dose` gives it.

    Returns
    -------
    DoseFinding

    Raises
    ------
    InputError
        When a toxicity is missing, out of range or lower than the one before, or another argument is wrong.

    Notes
    -----
    A cohort is seen to its end before the next one begins, and a toxicity is one wherever it falls in the window; patients who come meanwhile go
    elsewhere. The doses are given: nothing here says what toxicity a dose of CAR T cells has.

    Examples
    --------
    >>> found = dose_finding([0.05, 0.1, 0.25, 0.4], trials=400, seed=1)
    >>> found.wanted, found.decisions.table(3)[0]
    (2, (3, 0, 2, 3))
    >>> 0.3 < found.summary()["correct"] < 0.7
    True
    """
    known = _checked(toxicity)
    if design not in DESIGNS:
        raise InputError(f"design: '{design}'; must be one of {', '.join(DESIGNS)}; choose one")
    check_target(target)
    read_whole(trials, "trials", 1, 10_000_000)
    read_whole(seed, "seed", 0, 2**64 - 1)
    read_whole(cohort, "cohort", 1, 100)
    read_whole(cohorts, "cohorts", 1, 1000)
    read_whole(start, "start", 1, len(known))
    for name, days in (("window", window), ("gap", gap)):
        if not 0.0 <= days < 1e4:
            raise InputError(f"{name}: {days:g}; must be from 0 to 10000 days; give another")
    names = tuple(str(dose) for dose in (range(1, len(known) + 1) if doses is None else doses))
    if len(names) != len(known) or len(set(names)) < len(names):
        raise InputError(
            f"doses: {len(names)} for {len(known)} toxicities; one for each, all different; give as many"
        )
    decisions = (
        None if design == "3+3" else {"boin": boin, "keyboard": keyboard}[design](target, cohort * cohorts)
    )
    parts = []
    for begin in range(0, trials, _CHUNK):
        numbers = np.arange(begin, min(begin + _CHUNK, trials), dtype=np.int64)
        common: dict[str, Any] = {
            "numbers": numbers,
            "seed": seed,
            "start": start - 1,
            "window": window,
            "gap": gap,
        }
        if decisions is None:
            parts.append(run_three_plus_three(known, **common))
        else:
            parts.append(run_decisions(decisions, known, target, cohort=cohort, cohorts=cohorts, **common))
    setting = Setting(
        design,
        target,
        3 if decisions is None else cohort,
        2 * len(known) if decisions is None else cohorts,
        start - 1,
        window,
        gap,
        trials,
        seed,
    )
    return DoseFinding(setting, names, known, concatenate(parts), decisions, dict(efficacy or {}))


def _checked(toxicity: Sequence[float]) -> Floats:
    """Return the probabilities, or say what is wrong with them."""
    known = np.asarray(toxicity, dtype=np.float64)
    if known.ndim != 1 or not 2 <= len(known) <= 20:
        raise InputError(
            f"toxicity: {known.size} given; a probability of toxicity for each of 2 to 20 doses is needed, as the model has none that is "
            "calibrated; give for example 0.05,0.1,0.25,0.4"
        )
    if not ((known >= 0.0) & (known <= 1.0)).all():
        raise InputError(f"toxicity: {known.tolist()}; probabilities are from 0 to 1; mend them")
    if (np.diff(known) < 0.0).any():
        raise InputError(
            f"toxicity: {known.tolist()}; a higher dose is not less toxic; sort doses and probabilities"
        )
    return known
