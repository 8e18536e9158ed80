"""The patients of a scenario: traits, their correlations, and the past of the disease."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from sim.trial.law_forms import Rule
from sim.trial.laws import Bernoulli, Law
from sim.trial.scenario_fields import (
    Block,
    CellNumber,
    Chance,
    Factor,
    Flag,
    Fraction,
    Integer,
    Name,
    Names,
    Quantity,
    Scalar,
    Text,
    Weight,
)

__all__ = ["Correlation", "History", "Patients", "PosteriorBlock", "Traits"]


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
    t_cell_fitness : Law, optional
        Factor on the programme of every product made from these patients' T cells; None is 1.
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
    t_cell_fitness: Factor | None = None
    history: History | None = None


class PosteriorBlock(Block):
    """Populations of a calibration, from which the patients come in place of the model's own laws (`sim.trial.populations`).

    Attributes
    ----------
    trial : str
        Scenario that was fitted, whose effects the patients have; "new" draws those of a trial that was not.
    between_trials : float, optional
        SD between trials of the logarithms that effects shift, of a new trial; None takes each population's own.
    draws : int
        Populations that are used, the first ones; all when there are fewer. With many patients of each, what the populations do to an
        outcome can be told from what chance does.
    without : str, optional
        Takes the posterior that did not see this trial.
    folder : str
        Of the posterior, as ``cartsim calibrate`` wrote it; empty for the one that comes with the program.
    """

    trial: Names = "new"
    between_trials: Annotated[float, Scalar(Rule("number", low=0.0, high=3.0))] | None = None
    draws: Annotated[Integer, Field(ge=1, le=1_000_000)] = 100
    without: Names | None = None
    folder: Text = ""


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
    posterior : PosteriorBlock, optional
        Calibrated populations; None takes the model's own laws.
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
    posterior: PosteriorBlock | None = None
    correlations: tuple[Correlation, ...] = ()
