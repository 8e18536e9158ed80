"""The course of treatment: lymphodepletion, infusions and rules for them, transplant, supportive drugs, and the arms made of these.

Times are days from the first infusion (day 0) unless said otherwise; a field that is None leaves the matter to the model's default.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from sim.trial.law_forms import Rule
from sim.trial.laws import Bernoulli, Law
from sim.trial.scenario_fields import (
    Block,
    Chance,
    Days,
    Dose,
    Duration,
    Flag,
    Fraction,
    Integer,
    Log10,
    Name,
    Quantity,
    Rate,
    Scalar,
    Share,
    Text,
)
from sim.trial.scenario_people import Traits

__all__ = [
    "Arm",
    "Bridging",
    "Consolidation",
    "Decision",
    "Drug",
    "Infusion",
    "Lymphodepletion",
    "Manufacturing",
    "Node",
    "SplitPart",
    "Supportive",
    "Transplant",
]


class Lymphodepletion(Block):
    """Chemotherapy before an infusion.

    Attributes
    ----------
    fludarabine, cyclophosphamide : bool
    start : float
        Day of the course, relative to its infusion; below 0.
    depth : Law, optional
        Share of host lymphocytes that is left.
    log_kill : Law, optional
        log10 cut of the leukaemia.
    """

    fludarabine: Flag = True
    cyclophosphamide: Flag = True
    start: Annotated[float, Scalar(Rule("time", low=-60.0, high=0.0))] = -4.0
    depth: Fraction | None = None
    log_kill: Log10 | None = None
    source: Text = ""
    note: Text = ""


Finding = Literal["mrd_positive", "b_cell_recovery"]
Findings = Annotated[tuple[Finding, ...], Field(min_length=1)]


class Decision(Block):
    """A decision at a visit, by what its assays find in the patient.

    Attributes
    ----------
    visit : float
        Day of one of the assay's visits.
    any_of : tuple of {"mrd_positive", "b_cell_recovery"}
        Findings of which one is enough: a positive test of residual disease (of those in whom it is measured), or B cells at or above
        the threshold of aplasia (`Criteria.b_cell_aplasia`).
    """

    visit: Days
    any_of: Findings
    source: Text = ""
    note: Text = ""


class Transplant(Block):
    """Transplant after the infusion.

    Attributes
    ----------
    probability : Bernoulli
        Share of patients for whom one is planned.
    day : Law
        Day of the transplant.
    only_in_remission : bool
    decision : Decision, optional
        What a visit before it must have found; None: it is planned whatever the visits find.
    conditioning_log_kill : Law, optional
        log10 cut of the leukaemia.
    non_relapse_mortality : Law, optional
        Probability of death without relapse in the first year after it.
    graft_versus_leukaemia : Law, optional
        Antigen-blind kill rate, 1/day.
    """

    LATER: ClassVar[frozenset[str]] = frozenset({"decision"})

    probability: Chance
    day: Duration
    only_in_remission: Flag = True
    decision: Decision | None = None
    conditioning_log_kill: Log10 | None = None
    non_relapse_mortality: Fraction | None = None
    graft_versus_leukaemia: Rate | None = None
    source: Text = ""
    note: Text = ""


class Drug(Block):
    """A supportive drug: the IL-6 signalling index (pg/mL) at which it is given, and the share that it blocks at first."""

    threshold: Annotated[Law, Quantity(Rule("cytokine", low=0.0))] | None = None
    effect: Fraction | None = None


class Supportive(Block):
    """Supportive drugs; None means never given, an empty block the model's rule."""

    tocilizumab: Drug | None = None
    steroids: Drug | None = None


class Bridging(Block):
    """Chemotherapy while the product is made; after the first infusion it is `Consolidation`.

    Attributes
    ----------
    day : Law
        Day of the course; 0 or below.
    log_kill : Law
        log10 cut of the leukaemia.
    host_survival : Law, optional
        Share of lymphocytes, B cells and normal marrow that survives.
    """

    day: Annotated[Law, Quantity(Rule("time", low=-3653.0, typical=36525.0))]
    log_kill: Log10
    host_survival: Fraction | None = None


class Consolidation(Block):
    """One course of chemotherapy after the first infusion.

    Attributes
    ----------
    day : Law
        Day of the course; above 0.
    log_kill : Law
        log10 cut of the leukaemia.
    host_survival : Law, optional
        Share of lymphocytes, B cells and normal marrow that survives.
    car_t_survival : Law, optional
        Share of CAR T cells, and of the lymphocytes against them, that survives; that of the host unless given.
    only_in_remission : bool
        Whether it is given in remission alone.
    """

    day: Annotated[Law, Quantity(Rule("time", low=0.0, open_low=True, typical=36525.0))]
    log_kill: Log10
    host_survival: Fraction | None = None
    car_t_survival: Fraction | None = None
    only_in_remission: Flag = False
    source: Text = ""
    note: Text = ""


class Manufacturing(Block):
    """Making of the product: days from collection to infusion, and the probability that a patient is never infused."""

    days: Annotated[Law, Quantity(Rule("time", low=0.0, typical=365.0))]
    not_infused: Chance = Bernoulli(probability=0.0, unit="fraction")


class SplitPart(Block):
    """A part of a split dose: its fraction, and its day relative to the infusion's."""

    day: Annotated[float, Scalar(Rule("time", low=0.0, high=60.0))]
    fraction: Share


class Node(Block):
    """A site outside the marrow: killing there relative to the marrow, its share of the leukaemia, and its exchange with the marrow (1/day)."""

    access: Fraction | None = None
    share: Fraction | None = None
    exchange: Rate | None = None


def _word_or_block(value: object) -> str:
    return "<word>" if isinstance(value, str) else "<block>"


Word = Annotated[Literal["inherit", "none"], Tag("<word>")]
LymphodepletionChoice = Annotated[
    Word | Annotated[Lymphodepletion, Tag("<block>")], Discriminator(_word_or_block)
]
TransplantChoice = Annotated[Word | Annotated[Transplant, Tag("<block>")], Discriminator(_word_or_block)]
BridgingChoice = Annotated[Word | Annotated[Bridging, Tag("<block>")], Discriminator(_word_or_block)]
NodeChoice = Annotated[
    Annotated[Literal["none"], Tag("<word>")] | Annotated[Node, Tag("<block>")], Discriminator(_word_or_block)
]
ConsolidationChoice = Annotated[
    Word | Annotated[tuple[Consolidation, ...], Tag("<block>")], Discriminator(_word_or_block)
]


class Infusion(Block):
    """One infusion, or a rule for one.

    Attributes
    ----------
    product : str
        Name of a product.
    only_if : {"always", "remission", "non_responder", "relapse", "cd19_negative_relapse", "finding"}
        What must hold. A relapse is one without CD19 when the share of the leukaemia that lacks it is at least
        ``criteria.antigen_negative_share`` on the day on which the blasts pass ``criteria.relapse_blasts``.
    any_of : tuple of {"mrd_positive", "b_cell_recovery"}
        With "finding", as in `Decision`: findings of the visit on `day`, of which one is enough.
    day : float
        Day of the infusion; under a rule, the day on which it is decided (at a relapse: from which on; "finding": of the visit).
    delay : float
        Days from the decision to the infusion; 0 for "always" and "remission", 14 for the others unless given.
    dose : Law or ByBurden
        cells/kg.
    split : tuple of SplitPart
        Parts of the dose; empty for one infusion of it all.
    lymphodepletion : "inherit", "none" or Lymphodepletion
        That of the arm, none, or its own.
    """

    LATER: ClassVar[frozenset[str]] = frozenset({"any_of"})

    product: Name
    only_if: Literal[
        "always", "remission", "non_responder", "relapse", "cd19_negative_relapse", "finding"
    ] = "always"
    any_of: tuple[Finding, ...] = ()
    day: Annotated[float, Scalar(Rule("time", low=0.0, high=36525.0))]
    delay: Annotated[float, Scalar(Rule("time", low=0.0, high=365.0))]
    dose: Dose
    split: tuple[SplitPart, ...] = ()
    lymphodepletion: LymphodepletionChoice = "inherit"
    note: Text = ""

    @model_validator(mode="before")
    @classmethod
    def _default_delay(cls, raw: Any) -> Any:
        """Let a rule's infusion wait two weeks, and a planned one not."""
        if isinstance(raw, dict) and "delay" not in raw:
            return {**raw, "delay": 0.0 if raw.get("only_if", "always") in {"always", "remission"} else 14.0}
        return raw


class Arm(Block):
    """One arm of the trial.

    Attributes
    ----------
    label : str
        How figures call it; the name when empty.
    enrolled : int, optional
        The trial's number of patients, used for predictive intervals; None where no trial stands behind the arm.
    infusions : tuple of Infusion
        Empty for an untreated arm, and then written as ``[]``.
    lymphodepletion, transplant, bridging : "inherit", "none" or a block
        The scenario's, none, or the arm's own.
    consolidation : "inherit", "none" or tuple of Consolidation
        Courses of chemotherapy after the infusion: the scenario's, none, or the arm's own.
    patients : Traits, optional
        Traits in which this arm's patients differ.
    node : "none" or Node, optional
        Where the disease sits outside the marrow: nowhere, or by numbers of the arm in place of those of the model's node; None for these.
    kinetics_only : bool, optional
        Whether the arm is there for the kinetics of its cells alone, as of another disease: no outcome of it is told or drawn.
    """

    label: Text = ""
    enrolled: Annotated[Integer, Field(ge=1, le=1_000_000)] | None = None
    infusions: tuple[Infusion, ...]
    lymphodepletion: LymphodepletionChoice = "inherit"
    transplant: TransplantChoice = "inherit"
    bridging: BridgingChoice = "inherit"
    consolidation: ConsolidationChoice = "inherit"
    patients: Traits | None = None
    node: NodeChoice | None = None
    kinetics_only: Flag | None = None
    note: Text = ""
