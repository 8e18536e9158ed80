"""Blocks of a scenario: what each part of a trial is made of, with units and limits.

A field that is None leaves the matter to the model's default. Laws are described in `sim.trial.law_forms`; times are days from the first
infusion (day 0) unless said otherwise.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from sim.trial.law_forms import Rule
from sim.trial.laws import Bernoulli, Law
from sim.trial.scenario_fields import (
    Block,
    Chance,
    Days,
    Dose,
    Flag,
    Integer,
    Name,
    PerTarget,
    Quantity,
    Scalar,
    Share,
    Text,
)

__all__ = [
    "AntigenGridBlock",
    "Arm",
    "Assay",
    "Bridging",
    "Correlation",
    "Criteria",
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
Weight = Annotated[Law, Quantity(Rule("mass", low=0.0, open_low=True, typical=500.0))]
Fraction = Annotated[Law, Quantity(Rule("fraction", low=0.0, high=1.0))]
Factor = Annotated[Law, Quantity(Rule("number", low=0.0))]
Rate = Annotated[Law, Quantity(Rule("rate", low=0.0))]
Log10 = Annotated[Law, Quantity(Rule("log", low=0.0, typical=20.0))]
CellNumber = Annotated[Law, Quantity(Rule("cells", low=0.0, typical=1e15))]
Duration = Annotated[Law, Quantity(Rule("time", low=0.0, typical=36525.0))]


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


class Node(Block):
    """A site outside the marrow, killing there relative to the marrow, and its exchange with it (1/day)."""

    access: Fraction | None = None
    share: Fraction | None = None
    exchange: Rate | None = None


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


class Correlation(Block):
    """Correlation of two quantities between patients, of their normal scores.

    Attributes
    ----------
    between : (str, str)
        Names of trait laws, or of parameters that vary.
    rho : float
        -1 to 1, both excluded.
    """

    between: tuple[Name, Name]
    rho: Annotated[float, Scalar(Rule("number", low=-0.999, high=0.999))]


class History(Block):
    """Past of the disease, from which the antigen-negative clones at infusion follow.

    Attributes
    ----------
    diagnosis_cells : Law, optional
        Leukaemia cells at diagnosis.
    remission_cells : Law, optional
        Leukaemia cells left at each remission before.
    remissions : int
        Number of remissions before.
    """

    diagnosis_cells: CellNumber | None = None
    remission_cells: CellNumber | None = None
    remissions: Annotated[Integer, Field(ge=0, le=10)] = 1


class Traits(Block):
    """Traits of the patients; an arm may override them, and there None keeps the scenario's.

    Attributes
    ----------
    weight : Law
        Body weight, kg.
    age : Law, optional
        Years.
    burden : Law
        Marrow blast fraction.
    growth : Law, optional
        Net growth of the leukaemia, 1/day.
    prior_transplant, prior_cd19_therapy : Bernoulli, optional
        Probability of each before enrolment; None is 0.
    cd19_negative_at_baseline : Bernoulli, optional
        Probability that most blasts lack CD19 at infusion.
    cd19_negative_share : Law, optional
        Share of the blasts that lack CD19 in such a patient.
    cd19_clone_factor : Law, optional
        Factor by which prior CD19-directed therapy multiplies a CD19-negative clone.
    history : History, optional
    """

    weight: Weight | None = None
    age: Annotated[Law, Quantity(Rule("age", low=0.0, typical=120.0))] | None = None
    burden: Fraction | None = None
    growth: Annotated[Law, Quantity(Rule("rate", typical=5.0))] | None = None
    prior_transplant: Chance | None = None
    prior_cd19_therapy: Chance | None = None
    cd19_negative_at_baseline: Chance | None = None
    cd19_negative_share: Fraction | None = None
    cd19_clone_factor: Factor | None = None
    history: History | None = None


class Patients(Traits):
    """The virtual patients.

    Attributes
    ----------
    size : int
        Virtual patients per arm.
    paired : bool
        True: the arms treat the same people; False: different ones.
    burden_at : {"infusion", "enrolment"}
        When the blast fraction was measured; from enrolment on the disease grows while the product is made.
    correlations : tuple of Correlation
    """

    size: Annotated[Integer, Field(ge=1, le=100_000_000)] = 1000
    paired: Flag = False
    weight: Weight
    burden: Fraction
    burden_at: Literal["infusion", "enrolment"] = "infusion"
    prior_transplant: Chance = Bernoulli(probability=0.0, unit="fraction")
    prior_cd19_therapy: Chance = Bernoulli(probability=0.0, unit="fraction")
    cd19_negative_at_baseline: Chance = Bernoulli(probability=0.0, unit="fraction")
    correlations: tuple[Correlation, ...] = ()


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


class Transplant(Block):
    """Transplant after the infusion.

    Attributes
    ----------
    probability : Bernoulli
        Share of patients for whom one is planned.
    day : Law
        Day of the transplant.
    only_in_remission : bool
    conditioning_log_kill : Law, optional
        log10 cut of the leukaemia.
    non_relapse_mortality : Law, optional
        Probability of death without relapse in the first year after it.
    graft_versus_leukaemia : Law, optional
        Antigen-blind kill rate, 1/day.
    """

    probability: Chance
    day: Duration
    only_in_remission: Flag = True
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
    """Chemotherapy while the product is made.

    Attributes
    ----------
    day : Law
        Day of the course; below 0.
    log_kill : Law
        log10 cut of the leukaemia.
    host_survival : Law, optional
        Share of lymphocytes, B cells and normal marrow that survives.
    """

    day: Annotated[Law, Quantity(Rule("time", low=-3653.0, high=0.0))]
    log_kill: Log10
    host_survival: Fraction | None = None


class Manufacturing(Block):
    """Making of the product: days from collection to infusion, and the probability that a patient is never infused."""

    days: Annotated[Law, Quantity(Rule("time", low=0.0, typical=365.0))]
    not_infused: Chance = Bernoulli(probability=0.0, unit="fraction")


class SplitPart(Block):
    """A part of a split dose: its fraction, and its day relative to the infusion's."""

    day: Annotated[float, Scalar(Rule("time", low=0.0, high=60.0))]
    fraction: Share


def _word_or_block(value: object) -> str:
    return "<word>" if isinstance(value, str) else "<block>"


Word = Annotated[Literal["inherit", "none"], Tag("<word>")]
LymphodepletionChoice = Annotated[
    Word | Annotated[Lymphodepletion, Tag("<block>")], Discriminator(_word_or_block)
]
TransplantChoice = Annotated[Word | Annotated[Transplant, Tag("<block>")], Discriminator(_word_or_block)]
BridgingChoice = Annotated[Word | Annotated[Bridging, Tag("<block>")], Discriminator(_word_or_block)]


class Infusion(Block):
    """One infusion, or a rule for one.

    Attributes
    ----------
    product : str
        Name of a product.
    only_if : {"always", "remission", "non_responder", "relapse"}
        What must hold.
    day : float
        Day of the infusion; under a rule, the day on which it is decided ("relapse": from which on).
    delay : float
        Days from the decision to the infusion; 0 for "always" and "remission", 14 for the others unless given.
    dose : Law or ByBurden
        cells/kg.
    split : tuple of SplitPart
        Parts of the dose; empty for one infusion of it all.
    lymphodepletion : "inherit", "none" or Lymphodepletion
        That of the arm, none, or its own.
    """

    product: Name
    only_if: Literal["always", "remission", "non_responder", "relapse"] = "always"
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
            return {**raw, "delay": 14.0 if raw.get("only_if") in {"non_responder", "relapse"} else 0.0}
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
    patients : Traits, optional
        Traits in which this arm's patients differ.
    """

    label: Text = ""
    enrolled: Annotated[Integer, Field(ge=1, le=1_000_000)] | None = None
    infusions: tuple[Infusion, ...]
    lymphodepletion: LymphodepletionChoice = "inherit"
    transplant: TransplantChoice = "inherit"
    bridging: BridgingChoice = "inherit"
    patients: Traits | None = None
    note: Text = ""


class Assay(Block):
    """What is measured, when, and how finely.

    Attributes
    ----------
    visits : tuple of float
        Days of the visits, ascending.
    method : {"flow", "pcr", "sequencing"}
        How minimal residual disease is measured.
    mrd_limit : float
        Fraction of marrow cells from which a sample counts as positive.
    cells_analysed : int
        Marrow cells in a sample.
    evaluable : float
        Share of patients whose residual disease is measured.
    car_t_limit : float
        CAR T cells/uL blood that can be detected.
    """

    visits: Annotated[tuple[Days, ...], Field(min_length=1, max_length=2000)]
    method: Literal["flow", "pcr", "sequencing"] = "flow"
    mrd_limit: Annotated[float, Scalar(Rule("fraction", low=0.0, high=0.05, open_low=True))] = 1e-4
    cells_analysed: Annotated[Integer, Field(ge=100, le=10**10)] = 500_000
    evaluable: Share = 1.0
    car_t_limit: Annotated[float, Scalar(Rule("blood", low=0.0))] = 0.1


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
    relapse : {"morphologic", "molecular"}
    cd22_low_fold : float
        A relapse counts as CD22-low when the blasts' mean CD22 is below this multiple of the baseline.
    antigen_negative_share : float
        A relapse counts as antigen-negative when at least this share of the blasts lacks the antigen.
    extramedullary_cells : float
        Leukaemia cells outside the marrow that count as disease.
    b_cell_aplasia : float
        Share of the healthy number of B cells below which a patient has aplasia.
    transplant : {"ignored", "censored", "event", "competing"}
        How a transplant counts in times to event.
    efs_from : {"infusion", "enrolment"}
    """

    remission_blasts: Share = 0.05
    relapse_blasts: Share = 0.05
    restaging: tuple[Days, Days] = (21.0, 35.0)
    best_by: Days = 90.0
    hold: Annotated[float, Scalar(Rule("time", low=0.0, high=365.0))] = 28.0
    relapse: Literal["morphologic", "molecular"] = "morphologic"
    cd22_low_fold: Share = 0.5
    antigen_negative_share: Share = 0.5
    extramedullary_cells: Annotated[float, Scalar(Rule("cells", low=0.0))] = 1e9
    b_cell_aplasia: Share = 0.03
    transplant: Literal["ignored", "censored", "event", "competing"] = "ignored"
    efs_from: Literal["infusion", "enrolment"] = "infusion"


class Engine(Block):
    """How it is computed.

    Attributes
    ----------
    kernel : {"hybrid", "ode"}
    horizon : float
        Last day simulated.
    rtol : float, optional
        Relative tolerance of the ODE solver.
    """

    kernel: Literal["hybrid", "ode"] = "hybrid"
    horizon: Annotated[float, Scalar(Rule("time", low=1.0, high=36525.0))] = 730.0
    rtol: Annotated[float, Scalar(Rule("number", low=1e-12, high=1e-2))] | None = None
