r"""Populations: how the laws between patients are shifted by the draws of a posterior, and by what differs from trial to trial.

A posterior is a table of populations (`Populations`): each row holds the median of the law of every quantity that was estimated, the SD between
trials of each effect, and the effects of the trials that were fitted. Patient i of an arm comes from row i mod n of the first n rows, so that
any number of patients takes the rows in equal shares; rows are in no order. A law keeps its breadth between patients:

.. math:: \ln x = \ln m + \sigma z + e

with m the row's median, :math:`\sigma` the SD of the logarithm between patients, z the patient's normal score, and e the effect of the trial: the row's own
where the trial was fitted, else normal with the row's SD between trials. A row's patients share a few trials (`REALISATIONS`), so that what the trial
does can be told from what the population is.

A quantity to which the scenario gives a law of its own keeps that law, for all products.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from sim.errors import ScenarioError, StorageError
from sim.models.design import Design
from sim.models.leukaemia import build
from sim.network.elements import Parameter
from sim.network.streams import uniforms
from sim.trial.draws import Score
from sim.trial.laws import Law, Lognormal
from sim.trial.problems import suggest
from sim.trial.quantities import DEFAULTS, PURPOSES, SPREADS, base_name
from sim.trial.regimen import design_of
from sim.trial.scenario import Scenario
from sim.trial.scenario_people import PosteriorBlock
from sim.trial.tables import read_parquet
from sim.trial.uncertainty import Grouping, Origin

__all__ = [
    "NEW_TRIAL",
    "REALISATIONS",
    "SHIPPED",
    "Breadth",
    "Moved",
    "Populations",
    "digest_of",
    "grouping_of",
    "middle_and_sd",
    "moved",
    "populations_of",
    "read_populations",
]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SHIPPED = Path(__file__).resolve().parents[2] / "calibration" / "posterior"
"""Folder of the posterior that comes with the program."""
TABLE, NOTES = "draws.parquet", "provenance.json"
NEW_TRIAL = "new"
"""Name of a trial that was not fitted."""
REALISATIONS = 4
"""Trials that the patients of one population are spread over."""

_GRID = (np.arange(2000) + 0.5) / 2000
_OF_PRODUCTS = {
    "expansion": "effector_division_rate",
    "memory_death": "memory_death_rate",
    "stimulation_shift": "stimulation_shift",
    "fitness": "fitness",
    "engraftment": "engraftment",
}
"""Key of a product's block -> the quantity whose law it gives."""


class Breadth(NamedTuple):
    """How a quantity that does not vary by default differs between patients: SD of its logarithm, and where its law is cut."""

    log_sd: float
    low: float = 0.0
    high: float = math.inf

    def around(self, median: float, unit: str) -> Lognormal:
        """Return the law."""
        return Lognormal(
            centre=median, log_sd=self.log_sd, low=self.low, high=self.high, unit=unit, note="spread between patients of the calibration"
        )  # fmt: skip


@dataclass(frozen=True, eq=False)
class Populations:
    """The populations of a posterior, n of them.

    Attributes
    ----------
    medians : mapping of str to ndarray, shape (n,)
        Median of each quantity's law between patients, in the unit of the model.
    breadths : mapping of str to Breadth
        Of quantities that do not vary by default.
    between : mapping of str to ndarray, shape (n,)
        SD between trials of the logarithm of what `effects` shift.
    effects : mapping of str to mapping of str to ndarray, shape (n,)
        Trial -> quantity -> shift of its logarithm.
    digest : str
        SHA-256 of the table.
    """

    medians: Mapping[str, Floats]
    breadths: Mapping[str, Breadth]
    between: Mapping[str, Floats]
    effects: Mapping[str, Mapping[str, Floats]]
    digest: str

    @property
    def size(self) -> int:
        """Number of populations."""
        return len(next(iter(self.medians.values())))


class Moved(NamedTuple):
    """What the populations of some patients change: laws of quantities that do not vary by default, and the normal scores."""

    laws: dict[str, Law]
    scores: dict[str, Score]


def read_populations(folder: Path = SHIPPED, left_out: str | None = None) -> Populations:
    """Return the populations of a posterior.

    Parameters
    ----------
    folder : Path
        What ``cartsim calibrate`` wrote.
    left_out : str, optional
        A trial: the posterior that did not see it.

    Raises
    ------
    StorageError
        When there is none, or it is damaged.
    """
    path = folder / (TABLE if left_out is None else f"without-{left_out}.parquet")
    try:
        stamp = path.stat().st_mtime_ns
    except OSError:
        raise StorageError(
            f"{path}: no such file; patients are drawn from a posterior's table; run cartsim calibrate, or leave out patients.posterior"
        ) from None
    return _read(path, folder / NOTES, stamp)


@lru_cache(maxsize=8)
def _read(path: Path, notes: Path, stamp: int) -> Populations:  # noqa: ARG001 - a file written anew is read anew
    columns = read_parquet(path)
    try:
        told = json.loads(notes.read_text(encoding="utf-8"))
        return Populations(
            medians={name: columns[name] for name in told["quantities"]},
            breadths={name: Breadth(*numbers) for name, numbers in told["breadths"].items()},
            between={name: columns[f"{name} between trials"] for name in told["effects"]},
            effects={
                trial: {name: columns[f"{name} of {trial}"] for name in told["effects"]}
                for trial in told["trials"]
                if f"{told['effects'][0]} of {trial}" in columns
            },
            digest=hashlib.sha256(path.read_bytes()).hexdigest(),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StorageError(
            f"{notes}: cannot be read ({type(error).__name__}: {error}); a posterior is its table and its notes; run cartsim calibrate again"
        ) from None


def moved(scenario: Scenario, arm: str, seed: int, patients: Ints) -> Moved:
    """Return how the populations of a scenario's posterior move the laws of some patients; nothing where it names none.

    Parameters
    ----------
    scenario : Scenario
    arm : str
    seed : int
        Of the effects of a new trial.
    patients : ndarray of int64, shape (n,)
        Places within the arm.

    Raises
    ------
    ScenarioError
        When the trial is not one of the posterior's.
    StorageError
        When the posterior cannot be read.
    """
    chosen, dealt = scenario.patients.posterior, grouping_of(scenario)
    if chosen is None or dealt is None:
        return Moved({}, {})
    known, origin = _of(chosen), dealt.origin(patients)
    who = origin.population
    own = set(_given(scenario, arm))
    shifts = _effects(known, chosen, seed, origin)
    scores: dict[str, Score] = {}
    laws: dict[str, Law] = {}
    for name in dict.fromkeys((*known.medians, *shifts)):
        parameters = _parameters(scenario).get(name, ())
        if name in own or not (parameters or name in DEFAULTS or name == "burden"):
            continue
        middle, sd = middle_and_sd(scenario, name, known.breadths)
        shift = np.zeros(len(patients))
        if name in known.medians:
            shift += np.log(known.medians[name][who]) - middle
        if name in shifts:
            shift += shifts[name]
        scores[name] = Score(shift / sd)
        if name in known.breadths:
            laws |= {one.name: known.breadths[name].around(float(one.value), one.unit) for one in parameters}
    return Moved(laws, scores)


def grouping_of(scenario: Scenario) -> Grouping | None:
    """Return how patients are dealt to populations and trials; None where the scenario names no posterior.

    Raises
    ------
    ScenarioError
        When the trial is not one of the posterior's.
    """
    chosen = scenario.patients.posterior
    if chosen is None:
        return None
    known = _of(chosen)
    if chosen.trial not in (NEW_TRIAL, *known.effects):
        raise ScenarioError(
            f"patients.posterior.trial: '{chosen.trial}'; names a trial that was fitted, or new; {suggest(chosen.trial, [NEW_TRIAL, *known.effects])}"
        )
    return Grouping(min(chosen.draws, known.size), 1 if chosen.trial in known.effects else REALISATIONS)


def populations_of(scenario: Scenario) -> Populations | None:
    """Return the populations from which a scenario's patients come; None where it names no posterior."""
    chosen = scenario.patients.posterior
    return None if chosen is None else _of(chosen)


def digest_of(scenario: Scenario) -> str:
    """Return the digest of the posterior from which a scenario's patients come; empty for none."""
    known = populations_of(scenario)
    return "" if known is None else known.digest


def _of(chosen: PosteriorBlock) -> Populations:
    return read_populations(Path(chosen.folder) if chosen.folder else SHIPPED, chosen.without)


def _parameters(scenario: Scenario) -> Mapping[str, Sequence[Parameter]]:
    """Return the network's parameters by quantity; without a product there is nothing of one."""
    return _by_quantity(design_of(scenario), scenario.used_products())


@lru_cache(maxsize=32)
def _by_quantity(design: Design, products: tuple[str, ...]) -> dict[str, list[Parameter]]:
    found: dict[str, list[Parameter]] = {}
    for one in build(design).all_parameters:
        found.setdefault(base_name(one.name, products), []).append(one)
    return found


def middle_and_sd(scenario: Scenario, name: str, breadths: Mapping[str, Breadth]) -> tuple[float, float]:
    """Return the log median and the SD of the logarithm of a quantity's law before it is moved or cut.

    Parameters
    ----------
    scenario : Scenario
    name : str
        Of a quantity, or "burden", whose law is the scenario's and whose median stands for nothing.
    breadths : mapping of str to Breadth
        Of quantities that do not vary by default.

    Examples
    --------
    >>> from sim.trial.scenario_io import load
    >>> middle, sd = middle_and_sd(load("turtle2016-cd19"), "net_growth_rate", {})
    >>> round(math.exp(middle), 3), sd
    (0.115, 0.4)
    """
    if name == "burden":
        return 0.0, float(np.log(scenario.patients.burden.quantile(_GRID)).std())
    if name in DEFAULTS:
        law = DEFAULTS[name]
        return math.log(law.median()), float(law.numbers()["log_sd"])
    value = float(_parameters(scenario)[name][0].value)
    return math.log(value), breadths[name].log_sd if name in breadths else SPREADS[name].log_sd


def _effects(known: Populations, chosen: PosteriorBlock, seed: int, origin: Origin) -> dict[str, Floats]:
    """Return the shift of the logarithm of each quantity that the patients' trials make."""
    who = origin.population
    if chosen.trial in known.effects:
        return {name: values[who] for name, values in known.effects[chosen.trial].items()}
    trial = who * REALISATIONS + origin.trial
    luck = ndtri(uniforms(seed, trial, PURPOSES["trial_effects"], count=len(known.between)))
    sd = chosen.between_trials
    return {
        name: (values[who] if sd is None else float(sd)) * luck[:, k]
        for k, (name, values) in enumerate(known.between.items())
    }


def _given(scenario: Scenario, arm: str) -> Iterator[str]:
    """Yield the quantities to which the scenario gives laws of its own."""
    products = scenario.used_products()
    for name in scenario.parameters:
        yield base_name(name, products)
    if scenario.patients_of(arm).growth is not None:
        yield "net_growth_rate"
    for product in products:
        for key, quantity in _OF_PRODUCTS.items():
            if getattr(scenario.products[product], key) is not None:
                yield quantity
