"""Blocks of a scenario: what each part of a trial is made of, with units and limits.

A field that is None leaves the matter to the model's default. Laws are described in `sim.trial.law_forms`; times are days from the first
infusion (day 0) unless said otherwise.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from sim.trial.law_forms import Rule
from sim.trial.laws import Law
from sim.trial.problems import Problem
from sim.trial.scenario_course import (
    Arm,
    Bridging,
    Consolidation,
    Decision,
    Drug,
    Infusion,
    Lymphodepletion,
    Manufacturing,
    Node,
    SplitPart,
    Supportive,
    Transplant,
)
from sim.trial.scenario_fields import (
    Block,
    Chance,
    Days,
    Factor,
    Flag,
    Fraction,
    Integer,
    PerTarget,
    Quantity,
    Rate,
    Scalar,
    Share,
    Text,
    refuse,
)
from sim.trial.scenario_people import Correlation, History, Patients, Traits

__all__ = [
    "AntigenGridBlock",
    "Arm",
    "Assay",
    "Bridging",
    "Consolidation",
    "Correlation",
    "Criteria",
    "Decision",
    "Drug",
    "Engine",
    "History",
    "Infusion",
    "Lymphodepletion",
    "Manufacturing",
    "ModelBlock",
    "Node",
    "Patients",
    "Product",
    "SplitPart",
    "Supportive",
    "Traits",
    "Transplant",
]


Antigen = Literal["cd19", "cd22"]
_Bound = Annotated[float, Scalar(Rule("fraction", low=0.0, high=1.0, open_low=True))]
"""A share from which something is called; from 0 on it would be called in everybody."""


class AntigenGridBlock(Block):
    """Resolution of the antigen grid.

    Attributes
    ----------
    cd22_levels : int
        Rungs of the CD22 ladder, 2 to 12; the CD22-lost level comes on top.
    cd22_reach : float, optional
        Outermost boundaries of the ladder in stationary SD of the walk.
    lineage_switch : bool
        Whether the grid has the lineage-switched class; its rate is a parameter.
    """

    cd22_levels: Annotated[Integer, Field(ge=2, le=12)] = 3
    cd22_reach: Annotated[float, Scalar(Rule("number", low=0.5, high=5.0))] | None = None
    lineage_switch: Flag = True


class ModelBlock(Block):
    """Choices that decide the structure of the network; everything else about the biology is a parameter.

    Attributes
    ----------
    antigen_grid : AntigenGridBlock
    sites : tuple of str
        "marrow", and "node" where the disease sits outside it too.
    protected_niche : bool
        Whether the marrow has a niche that shelters a few cells.
    node : Node, optional
        Numbers of the node; only with "node" among the sites.
    """

    antigen_grid: AntigenGridBlock = AntigenGridBlock()
    sites: Annotated[tuple[Literal["marrow", "node"], ...], Field(min_length=1)] = ("marrow",)
    protected_niche: Flag = True
    node: Node | None = None


class Product(Block):
    """A CAR T-cell product.

    Attributes
    ----------
    label : str
        How figures call it; the name when empty.
    targets : tuple of {"cd19", "cd22"}
        One or two.
    architecture : {"single", "tandem", "bicistronic"}
        One receptor for one target; one receptor with two binders; two receptors on one cell. "single" goes with one target.
    recognition : {"additive", "or"}
        How the occupancies of two arms combine on one cell.
    costimulation : {"4-1bb", "cd28"}
    threshold : Law or mapping target -> Law, optional
        Antigen density of half-maximal killing, molecules/cell.
    stimulation_shift : Law, optional
        Threshold of proliferation relative to that of killing.
    arm_strength : Law or mapping target -> Law, optional
        Strength of an arm in a shared receptor (eta), 0 to 1.
    immunogenicity : Law, optional
        Factor on the anti-CAR response.
    fitness : Law, optional
        Length of the finite programme (A0), e-folds.
    fitness_offset : float
        Shift of ln(fitness) of this trial's products against the model's.
    failure : Bernoulli, optional
        Probability that a product has a short programme, whatever the dose.
    memory_death, expansion : Law, optional
        Death of memory cells and division of effectors at full signal, 1/day.
    engraftment : Law, optional
        Share of infused cells that can engraft.
    memory_fraction : Law, optional
        Share of memory cells among those.
    source, note : str
    """

    label: Text = ""
    targets: Annotated[tuple[Antigen, ...], Field(min_length=1, max_length=2)]
    architecture: Literal["single", "tandem", "bicistronic"] = "single"
    recognition: Literal["additive", "or"] = "additive"
    costimulation: Literal["4-1bb", "cd28"] = "4-1bb"
    threshold: (
        Annotated[Law | dict[Antigen, Law], PerTarget(Rule("density", low=0.0, open_low=True))] | None
    ) = None
    stimulation_shift: Annotated[Law, Quantity(Rule("number", low=1.0))] | None = None
    arm_strength: (
        Annotated[Law | dict[Antigen, Law], PerTarget(Rule("fraction", low=0.0, high=1.0))] | None
    ) = None
    immunogenicity: Factor | None = None
    fitness: Annotated[Law, Quantity(Rule("programme", low=0.0))] | None = None
    fitness_offset: Annotated[float, Scalar(Rule("number", low=-3.0, high=3.0))] = 0.0
    failure: Chance | None = None
    memory_death: Rate | None = None
    expansion: Rate | None = None
    engraftment: Fraction | None = None
    memory_fraction: Fraction | None = None
    source: Text = ""
    note: Text = ""

    def threshold_of(self, target: str) -> Law | None:
        """Law of the killing threshold of one target, or None for the model's default."""
        return _of_target(self.threshold, target)

    def arm_strength_of(self, target: str) -> Law | None:
        """Law of the strength of one arm, or None for the model's default."""
        return _of_target(self.arm_strength, target)


def _of_target(laws: Law | dict[Antigen, Law] | None, target: str) -> Law | None:
    if laws is None or isinstance(laws, Law):
        return laws
    return next((law for name, law in laws.items() if name == target), None)


_MRD_LIMITS = {"flow": 1e-4, "pcr": 1e-5, "sequencing": 1e-6}
"""Fraction of marrow cells that each method of residual disease usually finds."""


class Assay(Block):
    """What is measured, when, and how finely.

    Attributes
    ----------
    visits : tuple of float
        Days of the visits, ascending.
    method : {"flow", "pcr", "sequencing"}
        How minimal residual disease is measured.
    mrd_limit : float
        Fraction of marrow cells from which a sample counts as positive; that of the method (`usual_limit`) unless given.
    cells_analysed : int
        Marrow cells in a sample; enough that one positive cell does not lie above the limit.
    evaluable : float
        Share of patients whose residual disease is measured.
    car_t_limit : float
        CAR T cells/uL blood that can be detected.
    overt_blasts : float or None
        Marrow blast fraction at which the disease shows by itself between visits, so that the marrow is examined on that
        day; None for planned visits alone.
    morphology_cells : int or None
        Marrow cells counted under the microscope, 200 to 500 in practice; None takes the exact fraction.
    """

    visits: Annotated[tuple[Days, ...], Field(min_length=1, max_length=2000)]
    method: Literal["flow", "pcr", "sequencing"] = "flow"
    mrd_limit: Annotated[float, Scalar(Rule("fraction", low=0.0, high=0.05, open_low=True))] = 1e-4
    cells_analysed: Annotated[Integer, Field(ge=100, le=10**10)] = 500_000
    evaluable: Share = 1.0
    car_t_limit: Annotated[float, Scalar(Rule("blood", low=0.0))] = 0.1
    overt_blasts: Annotated[float, Scalar(Rule("fraction", low=0.0, high=1.0, open_low=True))] | None = 0.25
    morphology_cells: Annotated[Integer, Field(ge=20, le=1_000_000)] | None = None

    @model_validator(mode="before")
    @classmethod
    def _limit_of_method(cls, raw: Any) -> Any:
        """Give a method its own limit unless another is asked for."""
        if isinstance(raw, dict) and raw.get("mrd_limit") is None:
            # An unknown method is refused by its own field.
            return {**raw, "mrd_limit": _MRD_LIMITS.get(str(raw.get("method")), _MRD_LIMITS["flow"])}
        return raw

    @property
    def usual_limit(self) -> float:
        """Fraction of marrow cells that the method usually finds: flow 1e-4, PCR 1e-5, sequencing 1e-6."""
        return _MRD_LIMITS[self.method]


class Criteria(Block):
    """How outcomes are called.

    Attributes
    ----------
    remission_blasts, relapse_blasts : float
        Marrow blast fraction below which remission is morphologic, and from which relapse is.
    restaging : (float, float)
        Days between which the first restaging falls.
    best_by : float
        Day by which the best response counts, if it holds.
    hold : float
        Days for which it must hold.
    response_after_reinfusion : bool
        Whether a response first seen after a re-infusion counts as response to the treatment; otherwise it is a rescue.
    relapse : {"morphologic", "molecular"}
    cd22_low_fold : float
        A relapse counts as CD22-low when the blasts' mean CD22 is below this multiple of the baseline.
    antigen_negative_share : float
        A relapse, or the leukaemia before treatment, counts as antigen-negative when at least this share of the blasts lacks the
        antigen.
    extramedullary_cells : float
        Leukaemia cells outside the marrow that count as disease.
    b_cell_aplasia : float
        Share of the healthy number of B cells below which a patient has aplasia.
    transplant : {"ignored", "censored", "event", "competing"}
        How a transplant counts in times to event: not at all (the treatment-policy reading), as the end of the observation, as
        the event, or as a cause of its own after which the event cannot count (Aalen-Johansen in place of Kaplan-Meier).
    efs_from : {"infusion", "enrolment"}
        Where event-free and overall survival start: day 0, or when the making of the product begins (`Manufacturing.days` before,
        in every arm).
    """

    remission_blasts: _Bound = 0.05
    relapse_blasts: _Bound = 0.05
    restaging: tuple[Days, Days] = (21.0, 35.0)
    best_by: Days = 90.0
    hold: Annotated[float, Scalar(Rule("time", low=0.0, high=365.0))] = 28.0
    response_after_reinfusion: Flag = False
    relapse: Literal["morphologic", "molecular"] = "morphologic"
    cd22_low_fold: Share = 0.5
    antigen_negative_share: _Bound = 0.5
    extramedullary_cells: Annotated[float, Scalar(Rule("cells", low=0.0, open_low=True))] = 1e9
    b_cell_aplasia: Share = 0.03
    transplant: Literal["ignored", "censored", "event", "competing"] = "ignored"
    efs_from: Literal["infusion", "enrolment"] = "infusion"


ROOM = 10
"""Room for so many times the cells at which counts become single cells, unless a scenario gives another."""
_LEAST_ROOM = 4
"""The least of such: cells are counts again above twice as many, and may grow within a step before they are counted."""


class Engine(Block):
    """How it is computed.

    Attributes
    ----------
    kernel : {"hybrid", "ode", "agents"}
        ``agents``: as hybrid, and leukaemia that has become small is simulated cell by cell.
    cells_below : int
        Of kernel ``agents``: leukaemia cells at or below which each is simulated by itself; above twice as many they are counts again.
    cells_room : int, optional
        Of kernel ``agents``: single cells for which there is room, at least four times `cells_below`; ten times as many unless given. A
        patient who needs more ends with the status ``capacity``.
    horizon : float
        Last day simulated.
    rtol : float, optional
        Relative tolerance of the ODE solver.
    """

    kernel: Literal["hybrid", "ode", "agents"] = "hybrid"
    cells_below: Annotated[Integer, Field(ge=1, le=1_000_000)] = 20_000
    cells_room: Annotated[Integer, Field(ge=1, le=50_000_000)] | None = None
    horizon: Annotated[float, Scalar(Rule("time", low=1.0, high=36525.0))] = 730.0
    rtol: Annotated[float, Scalar(Rule("number", low=1e-12, high=1e-2))] | None = None

    @model_validator(mode="after")
    def _has_room(self) -> Self:
        least = _LEAST_ROOM * self.cells_below
        if self.room < least:
            rule = f"must be at least {_LEAST_ROOM} times cells_below ({self.cells_below})"
            fix = f"give at least {least}, or a smaller cells_below"
            refuse([Problem(("cells_room",), str(self.room), rule, fix)])
        return self

    @property
    def room(self) -> int:
        """Single cells of a patient for which there is room."""
        return ROOM * self.cells_below if self.cells_room is None else self.cells_room
