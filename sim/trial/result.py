"""The result of a virtual trial: endpoints, summary, reported beside simulated, figures, replay of one patient.

Reading a result back needs no compiler and no network; only `Result.rerun` does.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from sim.errors import InputError
from sim.trial.fates import shares
from sim.trial.outcomes import Outcomes
from sim.trial.reported import COMPARISON_COLUMNS, Comparison, compare_reported, comparison_record
from sim.trial.scenario import Scenario
from sim.trial.summary import (
    Row,
    as_columns,
    longest_follow_up,
    relapse_incidence,
    summarise,
    survival_curve,
    untold,
)
from sim.trial.tables import Columns
from sim.trial.uncertainty import Grouping

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from sim.network.trajectories import Trajectories
    from sim.trial.contrast import Contrast
    from sim.trial.contrast import Endpoint as ContrastEndpoint
    from sim.trial.endpoints import Rule

__all__ = ["Result", "open_run"]

SurvivalEndpoint = Literal["efs", "rfs", "remission", "os"]

_CURVES = {
    "efs": "Event-free survival",
    "rfs": "Relapse-free survival",
    "remission": "Still in remission",
    "os": "Overall survival",
}


#: What the curves are of where a transplant competes.
_BEFORE_TRANSPLANT = {
    "efs": "No event before a transplant",
    "rfs": "No relapse or death before a transplant",
    "remission": "No relapse before a transplant",
    "os": "No death before a transplant",
}


@dataclass(frozen=True, eq=False)
class Result:
    """A virtual trial that was run.

    Attributes
    ----------
    scenario : Scenario
        What was simulated, with every override in it.
    seed : int
    kernel : str or kernel options
    outcomes : Outcomes
        Endpoints as arrays, a row per arm x patient x replicate; `endpoints` is the same as a pandas table.
    courses : mapping of str to ndarray
        Quantiles over the patients of CAR T cells in blood (cells/uL) and of marrow blasts (fraction) by arm and day:
        columns arm, quantity, day, n, q05, q25, q50, q75, q95.
    provenance : mapping
        Versions, platform, seed, hash.
    path : Path or None
        The run directory, when there is one.
    single_cells : mapping of str to mapping of str to ndarray
        Of kernel ``agents``, tables ``densities`` and ``clones`` (`sim.trial.residual`); empty ones of another.
    """

    scenario: Scenario
    seed: int
    kernel: object
    outcomes: Outcomes
    courses: Columns
    provenance: Mapping[str, Any] = field(default_factory=dict)
    path: Path | None = None
    single_cells: Mapping[str, Columns] = field(default_factory=dict)

    @cached_property
    def endpoints(self) -> pd.DataFrame:
        """Endpoints, a row per arm x patient x replicate; columns as in `sim.trial.outcomes.COLUMNS`."""
        return self.outcomes.frame()

    @property
    def arms(self) -> tuple[str, ...]:
        """Arms in the order of the scenario."""
        return tuple(self.scenario.arms)

    @cached_property
    def labels(self) -> dict[str, str]:
        """What figures and tables call each arm: its label, or its name where two share a label."""
        labels = {name: arm.label or name for name, arm in self.scenario.arms.items()}
        return labels if len(set(labels.values())) == len(labels) else {name: name for name in labels}

    @property
    def failed(self) -> int:
        """Rows that failed to compute."""
        return int(np.count_nonzero(self.outcomes["status"]))

    @property
    def hash(self) -> str:
        """Hash of all that changes the numbers."""
        return str(self.provenance.get("hash", ""))

    @cached_property
    def rows(self) -> list[Row]:
        """Lines of the summary, each with its 95 % interval."""
        rule, horizon = self.scenario.criteria.transplant, self.scenario.engine.horizon
        rows = summarise(self.outcomes, self.arms, rule, horizon=horizon)
        return [row if self._told(row.arm) else untold(row) for row in rows]

    @cached_property
    def comparisons(self) -> list[Comparison]:
        """Reported outcomes beside simulated ones, in the order of the scenario."""
        parts = {arm: self.outcomes.arm(arm) for arm in self.arms}
        enrolled = {arm: self.scenario.arms[arm].enrolled for arm in self.arms}
        rule = self.scenario.criteria.transplant
        told = {arm: part for arm, part in parts.items() if self._told(arm)}
        return [
            compare_reported(
                row,
                parts if row.arm or row.arms else told,
                enrolled=enrolled,
                transplant=rule,
                grouping=self.grouping,
            )
            for row in self.scenario.reported
        ]

    @cached_property
    def grouping(self) -> Grouping | None:
        """How patients are dealt to the populations of a posterior; None where they come from the model's own laws."""
        dealt = self.provenance.get("posterior")
        return None if dealt is None else Grouping(dealt["populations"], dealt["trials"])

    def summary(self) -> pd.DataFrame:
        """Return each arm's outcomes with 95 % intervals: columns arm, name, label, unit, value, lower, upper, n.

        The intervals say what more virtual patients would change, nothing about the model.
        """
        import pandas as pd

        return pd.DataFrame(as_columns(self.rows))

    def reported(self) -> pd.DataFrame:
        """Return reported outcomes beside simulated ones.

        Returns
        -------
        DataFrame
            Columns id, endpoint, arms, kind, reported (in words), reported_value, simulated, simulated_lower,
            simulated_upper (interval of the simulation), predictive_lower, predictive_upper (what 95 % of trials of that
            size would see), unit, size, simulated_size (patients behind the two figures; a simulated median of some
            patients that is NaN was not reached), inside (None where nothing can be judged), mid_p (two-sided, of the reported figure), and
            where the patients come from a posterior the SDs of the share between populations (parameters), between trials, and by
            the patients of a trial of that size. No row where the scenario reports nothing.
        """
        import pandas as pd

        records = [comparison_record(found) for found in self.comparisons]
        return pd.DataFrame(records, columns=list(COMPARISON_COLUMNS))

    def km(self, endpoint: SurvivalEndpoint = "efs", *, ax: Axes | None = None) -> Axes:
        """Draw survival curves of all arms with bands and numbers at risk.

        Kaplan-Meier curves, or one minus the cumulative incidence of the event where a transplant competes.

        Parameters
        ----------
        endpoint : {"efs", "rfs", "remission", "os"}
            Event-free, relapse-free and overall survival, or duration of remission.
        ax : Axes, optional
            Where to draw.

        Raises
        ------
        InputError
            For another endpoint, or where no patient of any arm has it.
        """
        from sim import plots

        if endpoint not in _CURVES:
            raise InputError(
                f"endpoint: {endpoint!r}; must be efs, rfs, remission or os; choose one of these"
            )
        rule = self.scenario.criteria.transplant
        found = {
            self.labels[arm]: survival_curve(self.outcomes.arm(arm), endpoint, rule)
            for arm in self.arms
            if self._told(arm)
        }
        curves = {label: curve for label, curve in found.items() if curve is not None}
        if not curves:
            raise InputError(f"endpoint: {endpoint!r}; no patient of any arm has it; choose another")
        return plots.km(
            curves,
            ax=ax,
            ylabel=(_BEFORE_TRANSPLANT if rule == "competing" else _CURVES)[endpoint],
            xlabel=f"Months since {self._origin(endpoint)}",
            until=self._until(endpoint),
            arms=tuple(self.labels.values()),
        )

    def incidence(
        self, event: Literal["relapse"] = "relapse", *, by: Literal["phenotype"] | None = None
    ) -> list[Axes]:
        """Draw the cumulative incidence of relapse among those who reached remission, a panel an arm.

        Parameters
        ----------
        event : {"relapse"}
        by : {"phenotype"}, optional
            Divide it by the antigens that the relapse has lost.

        Raises
        ------
        InputError
            For another event, or where nobody reached remission.
        """
        from sim import plots

        if event != "relapse":
            raise InputError(f"event: {event!r}; only relapse has causes that compete; choose it")
        rule = self.scenario.criteria.transplant
        found = {
            self.labels[arm]: relapse_incidence(self.outcomes.arm(arm), rule, by)
            for arm in self.arms
            if self._told(arm)
        }
        curves = {label: curve for label, curve in found.items() if curve is not None}
        if not curves:
            raise InputError(
                "relapse: nobody reached remission in any arm; nobody is at risk; look at the summary"
            )
        xlabel = f"Months since {self.scenario.day_zero}"
        return plots.incidence(curves, xlabel=xlabel, until=self.scenario.engine.horizon)

    def fates(self) -> list[Axes]:
        """Draw what became of the patients of each arm by the end of follow-up, how far their CAR T cells grew and how long they stayed.

        Raises
        ------
        InputError
            Where no patient was computed.
        """
        from sim import outcome_plots

        days = self.courses["day"]
        arms = {
            self.labels[arm]: shares(self.outcomes.arm(arm), days, kinetics_only=not self._told(arm))
            for arm in self.arms
        }
        if not any(arm.size for arm in arms.values()):
            raise InputError("outcomes: no patient was computed; nothing to draw; look at failures.csv")
        return outcome_plots.outcomes(arms, until=self.scenario.engine.horizon)

    def compare(
        self,
        arm_a: str,
        arm_b: str,
        on: ContrastEndpoint | Sequence[ContrastEndpoint] | None = None,
        *,
        at: float = 365.0,
        until: float | None = None,
        transplant: Rule | None = None,
        level: float = 0.95,
        other: Result | None = None,
    ) -> Contrast:
        """Compare two arms: differences with intervals, patient by patient where the arms treat the same people.

        Parameters
        ----------
        arm_a, arm_b : str
            Differences are those of the first less the second.
        on : str or sequence of str, optional
            ``cr``, ``mrd_negative``, ``efs``, ``os``, ``relapse`` (by phenotype, of all patients; death and no remission compete), and of
            those who responded ``rfs``, ``remission``, ``relapse_of_responders``. The first five by default. Responders are not the same people
            in both arms.
        at : float
            Day of the milestones.
        until : float, optional
            Day up to which mean times and curves go; `at` by default.
        transplant : {"ignored", "censored", "event", "competing"}, optional
            What a transplant does to a time, in place of the scenario's rule.
        level : float
            Of the intervals.
        other : Result, optional
            Where the second arm is, when in another result.

        Returns
        -------
        Contrast
            With `table`, `plot`, and lines by name: ``found["efs_at"].difference``.

        Raises
        ------
        InputError
            For an unknown arm or endpoint, a day behind the follow-up, or an arm that has no outcomes.

        Notes
        -----
        Rows that failed are in no estimate; where arms are paired, neither is the partner. Intervals say what more virtual patients would
        change; where the patients come from a posterior also what is not known of parameters and trials (`sim.trial.pairing`).

        Examples
        --------
        >>> import sim
        >>> result = sim.run("dual-upfront", patients=200)                        # doctest: +SKIP
        >>> result.compare("tandem", "cd19", on="efs", at=365)["efs_at"]          # doctest: +SKIP
        """
        from sim.trial.contrast import contrast

        return contrast(
            (self, arm_a),
            (other or self, arm_b),
            on,
            at=at,
            until=until,
            transplant=transplant,
            level=level,
        )

    def _told(self, arm: str) -> bool:
        """Say whether the outcomes of an arm are told, and not its kinetics alone."""
        return not self.scenario.arms[arm].kinetics_only

    def kinetics(self) -> list[Axes]:
        """Draw CAR T cells in blood and blasts in marrow over time: median, 50 and 90 % bands, infusions marked.

        Raises
        ------
        InputError
            Where no course was computed even on its first day.
        """
        from sim import plots

        if not len(self.courses["arm"]):
            raise InputError("kinetics: no course was computed; nothing to draw; look at failures.csv")
        names = self.courses["arm"].tolist()
        labelled = {**self.courses, "arm": np.array([self.labels[arm] for arm in names], dtype=np.str_)}
        marks = {
            self.labels[name]: sorted(
                {plan.day + plan.delay for plan in arm.infusions if plan.only_if == "always"}
            )
            for name, arm in self.scenario.arms.items()
        }
        return plots.kinetics(
            labelled,
            infusions=marks,
            mrd_limit=self.scenario.assay.mrd_limit,
            relapse_blasts=self.scenario.criteria.relapse_blasts,
            xlabel=f"Days since {self.scenario.day_zero} (square-root scale)",
        )

    def forest(self) -> list[Axes]:
        """Draw the reported outcomes beside what trials of that size would see.

        Raises
        ------
        InputError
            When the scenario reports nothing that has a number, or nobody is simulated to take one from.
        """
        from sim import plots
        from sim.trial.forest import forest_columns

        columns = forest_columns(self)
        if not len(columns["label"]):
            if any(row.kind != "qualitative" for row in self.scenario.reported):
                raise InputError(
                    f"{self.scenario.name}: no simulated patient to take a reported figure from; nothing to set beside; "
                    "look at the summary"
                )
            raise InputError(
                f"{self.scenario.name}: reports no number; nothing to set beside; choose another scenario"
            )
        return plots.forest(columns)

    def densities(self) -> list[Axes]:
        """Draw how CD19 and CD22 are distributed among the leukaemia cells before infusion, at the nadir and at relapse, a row an arm.

        Mean over those who relapse, of kernel ``agents``.

        Raises
        ------
        InputError
            Of another kernel, or where nobody relapsed.
        """
        from sim import cell_plots

        return cell_plots.densities(self._single_cells("densities"), self.labels)

    def clones(self) -> list[Axes]:
        """Draw from how many single cells each relapse comes, and which share of it the largest clone has, a panel an arm.

        Raises
        ------
        InputError
            As for `densities`.
        """
        from sim import cell_plots

        return cell_plots.clones(self._single_cells("clones"), self.labels)

    def _single_cells(self, name: str) -> Columns:
        table = self.single_cells.get(name, {})
        if not table or ("relapse_day" in table and not np.isfinite(table["relapse_day"]).any()):
            raise InputError(
                f"{self.scenario.name}: no relapse was simulated cell by cell; nothing to draw; take kernel agents, or more patients"
            )
        return table

    def rerun(self, *, arm: str, patient: int, replicate: int = 0) -> Trajectories:
        """Simulate one patient again, bit for bit, and return all species and definitions of his course.

        Parameters
        ----------
        arm : str
        patient : int
            As in `endpoints`.
        replicate : int

        Returns
        -------
        Trajectories
            One row.

        Raises
        ------
        InputError
            For an unknown arm, or a patient who is not in the result.
        """
        from sim.trial.run import replay

        self.scenario.arm(arm)
        own = self.outcomes.arm(arm)
        his = own["patient"] == patient
        if not his.any():
            last = int(own["patient"].max())
            raise InputError(f"patient: {patient}; arm {arm} has patients 0 to {last}; choose one of these")
        replicates = own["replicate"][his]
        if replicate not in replicates:
            held = f"replicates 0 to {replicates.max()}" if replicates.max() else "replicate 0"
            raise InputError(
                f"replicate: {replicate}; patient {patient} of arm {arm} has {held}; choose one of these"
            )
        return replay(
            self.scenario, arm=arm, patient=patient, replicate=replicate, seed=self.seed, kernel=self.kernel
        )

    def save(self, folder: str | os.PathLike[str], *, figures: bool = True) -> Path:
        """Write a run directory.

        Parameters
        ----------
        folder : path
            New, empty, or one that holds this very run.
        figures : bool

        Returns
        -------
        Path

        Raises
        ------
        InputError
            The folder holds something else.
        StorageError
            It cannot be written.
        BusyError
            Another process writes to it.
        """
        from sim.trial.run_directory import RunDirectory
        from sim.trial.run_files import write_run

        directory = RunDirectory(Path(folder), self.hash)
        directory.state()
        with directory.claim():
            directory.begin(dict(self.provenance))
            write_run(directory, self, figures=figures)
            directory.finish()
        return directory.path

    def _origin(self, endpoint: str) -> str:
        """Return what the days of an endpoint are counted from."""
        if endpoint in ("rfs", "remission"):
            return "remission"
        return "enrolment" if self.scenario.criteria.efs_from == "enrolment" else self.scenario.day_zero

    def _until(self, endpoint: str) -> float:
        """Longest time that can be seen: since the first restaging at the earliest, or since the longest wait for a product."""
        horizon = self.scenario.engine.horizon
        if endpoint in ("rfs", "remission"):
            return horizon - min((day for day in self.scenario.assay.visits if day > 0), default=0.0)
        return longest_follow_up(self.outcomes, horizon)

    def __repr__(self) -> str:
        sizes = ", ".join(f"{arm} {self.outcomes.arm(arm).rows}" for arm in self.arms)
        failed = f"; {self.failed} rows failed" if self.failed else ""
        return f"<Result {self.scenario.name}: {sizes}; seed {self.seed}{failed}>"

    def _repr_html_(self) -> str:
        """Return the view of a notebook: outcomes of each arm, and the reported ones beside them."""
        from sim.trial.story import html

        return html(self)


def open_run(folder: str | os.PathLike[str]) -> Result:
    """Read a run directory back.

    Parameters
    ----------
    folder : path

    Returns
    -------
    Result

    Raises
    ------
    InputError
        The folder is no run directory, or its run was not completed.
    StorageError
        A file of it is missing or damaged.
    """
    from sim.trial.run_files import read_run

    return read_run(Path(folder))
