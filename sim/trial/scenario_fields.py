"""Field types of the scenario schema: laws, canonical numbers and words that pydantic reads through `sim.trial.law_forms`.

Each turns what `law_forms` refuses into one pydantic error that carries the problems, so that a message names place, value, rule and fix
whatever part of the schema found the fault.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, NoReturn, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from sim.trial.law_forms import Rule, read_chance, read_dose, read_law
from sim.trial.laws import Bernoulli, ByBurden, Fixed, Law, Number
from sim.trial.problems import Problem, ProblemsError, has_control_characters, show

__all__ = [
    "Block",
    "CellNumber",
    "Chance",
    "Days",
    "Dose",
    "Duration",
    "Factor",
    "Flag",
    "Fraction",
    "Freeze",
    "FrozenDict",
    "Integer",
    "Log10",
    "Name",
    "Names",
    "PerTarget",
    "Quantity",
    "Rate",
    "Scalar",
    "Share",
    "Text",
    "Weight",
    "refuse",
]

K = TypeVar("K")
V = TypeVar("V")


class Block(BaseModel):
    """Base of every block of a scenario: frozen, and unknown keys are errors.

    Attributes
    ----------
    LATER : frozenset of str
        Fields that came after scenarios were run: at its default such a one stands for what was there before it, and is in no hash.
    """

    LATER: ClassVar[frozenset[str]] = frozenset()

    model_config = ConfigDict(
        frozen=True, extra="forbid", arbitrary_types_allowed=True, protected_namespaces=()
    )


class FrozenDict(dict[K, V]):
    """A dictionary that cannot change after it was made, so that a frozen scenario is frozen throughout."""

    def _frozen(self, *_args: object, **_kwargs: object) -> NoReturn:
        raise TypeError("a scenario does not change; scenario.with_({path: value}) returns a changed copy")

    __setitem__ = __delitem__ = clear = pop = popitem = setdefault = update = __ior__ = _frozen

    def __reduce__(self) -> tuple[type[FrozenDict[K, V]], tuple[dict[K, V]]]:
        return type(self), (dict(self),)


def refuse(problems: list[Problem]) -> NoReturn:
    """Raise problems as one pydantic error.

    Raises
    ------
    PydanticCustomError
        Always.
    """
    raise PydanticCustomError("problems", "{text}", {"text": problems[0].line(), "problems": problems})


@dataclass(frozen=True, eq=False)
class _Read:
    """Pydantic annotation: read the value with a function that raises `ProblemsError`."""

    reader: Callable[[Any], Any]
    json: Mapping[str, Any]

    def __get_pydantic_core_schema__(self, _source: Any, _handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self._validate)

    def __get_pydantic_json_schema__(
        self, _schema: CoreSchema, _handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return dict(self.json)

    def _validate(self, raw: object) -> object:
        try:
            return self.reader(raw)
        except ProblemsError as error:
            refuse(error.problems)


_NUMBER_OR_FORM = {"anyOf": [{"type": "number"}, {"type": "object"}]}


def Quantity(rule: Rule) -> _Read:  # noqa: N802 - stands where a type would
    """Annotation of a law under a rule."""
    return _Read(lambda raw: read_law(raw, rule), _NUMBER_OR_FORM)


def Scalar(rule: Rule) -> _Read:  # noqa: N802
    """Annotation of one number for the whole trial: a bare number, or a long form with unit, kind and source, which it keeps."""
    fixed = Rule(rule.dimension, rule.low, rule.high, rule.open_low, varies=False)
    return _Read(lambda raw: _read_scalar(raw, fixed), _NUMBER_OR_FORM)


def _read_scalar(raw: object, rule: Rule) -> float:
    """Read a number that is the same for the whole trial."""
    if isinstance(raw, Number):
        raw = raw.law
    law = read_law(raw, rule)
    if not isinstance(raw, Mapping | Law):
        return law.median()
    if not isinstance(law, Fixed):
        # A law without spread, whatever its form, is its one value.
        law = Fixed(value=law.median(), unit=law.unit, kind=law.kind, source=law.source, note=law.note)
    return Number(law)


def _read_per_target(raw: object, rule: Rule) -> object:
    """Read one law for all targets, or a mapping from target to law."""
    if not isinstance(raw, Mapping) or not {"cd19", "cd22"} & set(raw):
        return read_law(raw, rule)
    laws: dict[str, Law] = {}
    for target, form in raw.items():
        if target not in {"cd19", "cd22"}:
            raise ProblemsError([Problem((str(target),), str(target), "unknown target", "known: cd19, cd22")])
        try:
            laws[target] = read_law(form, rule)
        except ProblemsError as error:
            raise ProblemsError([problem.under((target,)) for problem in error.problems]) from None
    return FrozenDict(laws)


def PerTarget(rule: Rule) -> _Read:  # noqa: N802
    """Annotation of a law, or of one law for each target."""
    return _Read(lambda raw: _read_per_target(raw, rule), _NUMBER_OR_FORM)


Chance = Annotated[Bernoulli, _Read(read_chance, _NUMBER_OR_FORM)]
Dose = Annotated[
    Law | ByBurden, _Read(lambda raw: read_dose(raw, Rule("dose", low=0.0, typical=1e10)), _NUMBER_OR_FORM)
]
Days = Annotated[float, Scalar(Rule("time", low=-3653.0, high=36525.0))]
Share = Annotated[float, Scalar(Rule("fraction", low=0.0, high=1.0))]

Weight = Annotated[Law, Quantity(Rule("mass", low=0.0, open_low=True, typical=500.0))]
Fraction = Annotated[Law, Quantity(Rule("fraction", low=0.0, high=1.0))]
Factor = Annotated[Law, Quantity(Rule("number", low=0.0))]
Rate = Annotated[Law, Quantity(Rule("rate", low=0.0))]
Log10 = Annotated[Law, Quantity(Rule("log", low=0.0, typical=20.0))]
CellNumber = Annotated[Law, Quantity(Rule("cells", low=0.0, typical=1e15))]
Duration = Annotated[Law, Quantity(Rule("time", low=0.0, typical=36525.0))]

Flag = Annotated[bool, Field(strict=True)]
Integer = Annotated[int, Field(strict=True)]


def _one_line(text: str) -> str:
    """Return a text on one line, so that it cannot break a table, nor command the terminal that shows it."""
    if has_control_characters(text):
        refuse([Problem((), show(text), "must be text without control characters", "remove them")])
    return " ".join(text.split())


Text = Annotated[str, Field(strict=True, max_length=4000), AfterValidator(_one_line)]
Name = Annotated[str, Field(strict=True, pattern=r"^[a-z][a-z0-9_]{0,39}$")]
Names = Annotated[str, Field(strict=True, pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]


def frozen_dict(value: dict[K, V]) -> dict[K, V]:
    """Return the mapping as one that cannot change."""
    return FrozenDict(value)


Freeze = AfterValidator(frozen_dict)
