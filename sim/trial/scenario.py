"""The scenario: one trial as data, strict, frozen and in canonical units.

A scenario holds numbers and names only, never expressions. `sim.trial.scenario_io` reads it from a file, the blocks are in
`sim.trial.scenario_schema`, the checks between blocks in `sim.trial.scenario_checks`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from sim.errors import ScenarioError
from sim.trial.document import Document
from sim.trial.law_forms import Rule
from sim.trial.laws import Law
from sim.trial.problems import suggest
from sim.trial.scenario_checks import cross_check
from sim.trial.scenario_fields import Freeze, Name, Names, Quantity, refuse
from sim.trial.scenario_reported import Reported
from sim.trial.scenario_schema import (
    Arm,
    Assay,
    Bridging,
    Consolidation,
    Criteria,
    Engine,
    Infusion,
    Lymphodepletion,
    Manufacturing,
    ModelBlock,
    Node,
    Patients,
    Product,
    Supportive,
    Transplant,
)

__all__ = ["Figure", "Scenario"]

Figure = Literal[
    "outcomes",
    "event_free_survival",
    "remission",
    "kinetics",
    "relapse_by_phenotype",
    "reported_beside_simulated",
    "antigen_densities",
    "residual_clones",
]
"""Figures of a run directory; `sim.trial.run_files.FIGURES` draws them."""


class Scenario(Document):
    """One trial: the fields of every `Document`, and its own.

    Attributes
    ----------
    answer : str, optional
        Name of the figure of a run that answers the question.
    model : ModelBlock
    products : dict of str to Product
    patients : Patients
    arms : dict of str to Arm
    lymphodepletion, transplant, bridging, manufacturing : blocks, optional
        None: not done.
    consolidation : tuple of Consolidation
        Courses of chemotherapy after the first infusion; empty for none.
    supportive : Supportive
    assay : Assay
    criteria : Criteria
    reported : tuple of Reported
    engine : Engine
    parameters : dict of str to Law
        Biological parameters of the model that this scenario sets, in the model's unit.

    Examples
    --------
    >>> from sim.trial.scenario_io import load
    >>> trial = load("fry2018-cd22")
    >>> trial.arms["higher"].enrolled, trial.with_({"patients.size": 50}).patients.size
    (15, 50)
    """

    answer: Figure | None = None
    model: ModelBlock = ModelBlock()
    products: Annotated[dict[Name, Product], Freeze] = Field(default_factory=dict)
    patients: Patients
    arms: Annotated[dict[Names, Arm], Field(min_length=1), Freeze]
    lymphodepletion: Lymphodepletion | None = None
    transplant: Transplant | None = None
    supportive: Supportive = Supportive()
    bridging: Bridging | None = None
    consolidation: tuple[Consolidation, ...] = ()
    manufacturing: Manufacturing | None = None
    assay: Assay
    criteria: Criteria = Criteria()
    reported: tuple[Reported, ...] = ()
    engine: Engine = Engine()
    parameters: Annotated[dict[Name, Annotated[Law, Quantity(Rule())]], Freeze] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _consistent(self) -> Scenario:
        problems = cross_check(self)
        if problems:
            refuse(problems)
        return self

    def with_(self, changes: Mapping[str, Any]) -> Self:
        """Return a checked copy with some values changed; see `Document.with_`.

        Another ``assay.method`` brings its own limit of residual disease unless ``assay.mrd_limit`` is given too.
        """
        if changes.get("assay.method", self.assay.method) != self.assay.method:
            changes = {"assay.mrd_limit": None, **changes}
        return super().with_(changes)

    def arm(self, name: str) -> Arm:
        """Return an arm.

        Raises
        ------
        ScenarioError
            When there is none of that name; suggests one.
        """
        try:
            return self.arms[name]
        except KeyError:
            raise ScenarioError(
                f"arms: '{name}'; no such arm in {self.name}; {suggest(name, self.arms)}"
            ) from None

    def patients_of(self, arm: str) -> Patients:
        """Return the patients of an arm: the scenario's, with the arm's own traits."""
        own = self.arm(arm).patients
        changes = {} if own is None else {key: value for key, value in own if value is not None}
        return self.patients.model_copy(update=changes)

    def lymphodepletion_of(self, arm: str, infusion: Infusion | None = None) -> Lymphodepletion | None:
        """Return the lymphodepletion before an infusion of an arm (that of the arm when none is given); None for none."""
        choice = "inherit" if infusion is None else infusion.lymphodepletion
        if choice == "inherit":
            choice = self.arm(arm).lymphodepletion
        if choice == "inherit":
            return self.lymphodepletion
        return None if isinstance(choice, str) else choice

    def transplant_of(self, arm: str) -> Transplant | None:
        """Return the transplant plan of an arm; None for none."""
        choice = self.arm(arm).transplant
        if choice == "inherit":
            return self.transplant
        return None if isinstance(choice, str) else choice

    def bridging_of(self, arm: str) -> Bridging | None:
        """Return the bridging chemotherapy of an arm; None for none."""
        choice = self.arm(arm).bridging
        if choice == "inherit":
            return self.bridging
        return None if isinstance(choice, str) else choice

    def consolidation_of(self, arm: str) -> tuple[Consolidation, ...]:
        """Return the courses of chemotherapy after the infusion of an arm; empty for none."""
        choice = self.arm(arm).consolidation
        if choice == "inherit":
            return self.consolidation
        return () if isinstance(choice, str) else choice

    def node_of(self, arm: str) -> Node | None:
        """Return the numbers of the node in an arm; None where the model's own hold, a share of 0 where it has no disease there."""
        choice = self.arm(arm).node
        if choice is None:
            return self.model.node
        if isinstance(choice, str):
            return Node.model_validate({"share": 0.0})
        own = {key: value for key, value in choice if value is not None}
        return (self.model.node or Node()).model_copy(update=own)

    def treats(self, arm: str) -> bool:
        """Say whether an arm plans an infusion for everybody; one that only waits for its rule is no first treatment."""
        return any(infusion.only_if == "always" for infusion in self.arm(arm).infusions)

    @property
    def day_zero(self) -> str:
        """What days are counted from: the first infusion, or day 0 itself where cells are planned and in no arm on that day."""
        planned = [i for arm in self.arms.values() for i in arm.infusions if i.only_if == "always"]
        return "first infusion" if not planned or any(i.day == 0.0 for i in planned) else "day 0"

    def used_products(self) -> tuple[str, ...]:
        """Return the products that some arm infuses, in the order of declaration."""
        infused = {infusion.product for arm in self.arms.values() for infusion in arm.infusions}
        return tuple(name for name in self.products if name in infused)

    def _repr_markdown_(self) -> str:
        """Return the view of a notebook: what the trial is, its arms, and what was reported."""
        from sim.trial.scenario_view import markdown

        return markdown(self)
