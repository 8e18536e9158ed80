"""Read a law from the forms that a scenario file may give it.

======================================================================  =====================================
form                                                                    law
======================================================================  =====================================
``45``                                                                  the same for all, canonical unit
``{value: 45, unit: kg, kind: reported, source: ...}``                  the same with its origin
``{distribution: lognormal, median: 45, log_sd: 0.4, low:, high:}``     log-normal (natural logarithm)
``{distribution: normal, mean: 9, sd: 2, low:, high:}``                 normal
``{distribution: uniform | loguniform, low: 1, high: 3}``               even on a linear or a log scale
``{distribution: beta, a: 2, b: 5, low: 0, high: 1}``                   beta; bounds of 0 and 1 may be left out
``{probability: 0.81}``                                                 yes or no
``{mix: {1e6: 13, 3e6: 2}}``                                            values with weights
``{strata: [{weight: 1, low: 0.001, high: 0.05, scale: log}, ...]}``    strata of patients
======================================================================  =====================================

Every long form takes ``unit``, ``kind``, ``source`` and ``note``. Bounds that a quantity must keep are checked against all that its law can
produce, so that no patient can be drawn outside them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sim.errors import InputError
from sim.trial.law_readers import (
    FORMS,
    ORIGIN,
    Scale,
    known_keys,
    only_keys,
    read_distribution,
    read_mix,
    read_number,
    read_strata,
    read_value,
    read_yes_no,
    refuse,
)
from sim.trial.laws import KINDS, Bernoulli, ByBurden, Fixed, Law, Mix
from sim.trial.problems import Place, Problem, ProblemsError, has_control_characters, show, suggest
from sim.units import canonical_unit, convert, dimension_of, dimensions, most, units_of

__all__ = ["Rule", "read_chance", "read_dose", "read_law", "read_number"]


@dataclass(frozen=True)
class Rule:
    """What a quantity may be.

    Attributes
    ----------
    dimension : str, optional
        Dimension of `sim.units`; None takes any known unit and leaves a bare number as it is.
    low, high : float
        Bounds that every possible value must keep.
    open_low : bool
        Whether the lower bound itself is excluded.
    typical : float
        Bound of the median alone, against slips of the unit; the tail of a law may pass it. That of the dimension holds, too.
    varies : bool
        Whether patients may differ.
    """

    dimension: str | None = None
    low: float = -math.inf
    high: float = math.inf
    open_low: bool = False
    typical: float = math.inf
    varies: bool = True

    @property
    def unit(self) -> str:
        """Canonical unit; "1" without a dimension."""
        return "1" if self.dimension is None else canonical_unit(self.dimension)

    def text(self) -> str:
        """Say the bounds in words."""
        lower = f"{'more than' if self.open_low else 'at least'} {self.low:g}"
        words = ([lower] if self.low > -math.inf else []) + (
            [f"at most {self.high:g}"] if self.high < math.inf else []
        )
        return "must be " + " and ".join(words)


def read_law(raw: object, rule: Rule) -> Law:
    """Read any form of a law.

    Parameters
    ----------
    raw : number, mapping or Law
        What the scenario says.
    rule : Rule
        Dimension and bounds of the quantity.

    Returns
    -------
    Law
        In canonical units.

    Raises
    ------
    ProblemsError
        When the form or a number in it is not valid.

    Examples
    --------
    >>> read_law({"value": 2, "unit": "week", "kind": "reported"}, Rule("time", low=0.0)).median()
    14.0
    """
    if isinstance(raw, Law):
        law = raw
    elif isinstance(raw, Mapping):
        law = _read_long(raw, rule)
    else:
        law = Fixed(value=read_number(raw), unit=rule.unit)
    _keep_bounds(law, rule, raw)
    return law


def read_chance(raw: object) -> Bernoulli:
    """Read a probability: a bare number or ``{probability: ...}``.

    Raises
    ------
    ProblemsError
        When it is not a number between 0 and 1.
    """
    if isinstance(raw, Bernoulli):
        return raw
    if isinstance(raw, Mapping):
        form = dict(raw)
        if "value" in form and "probability" not in form:
            form["probability"] = form.pop("value")
        known_keys(form, ("probability",))
        if "probability" not in form:
            refuse((), raw, "needs a probability", "add probability: 0.5")
        origin = _origin(form)
        scale = _unit_scale(form, Rule("fraction"))
        value = scale(read_number(form["probability"], ("probability",)))
        if not 0.0 <= value <= 1.0:
            refuse(
                ("probability",),
                form["probability"],
                "a probability is between 0 and 1",
                "give a share, or unit: percent",
            )
        return Bernoulli(probability=value, unit="fraction", **origin)
    value = read_number(raw)
    if not 0.0 <= value <= 1.0:
        refuse((), raw, "a probability is between 0 and 1", "give a share such as 0.81")
    return Bernoulli(probability=value, unit="fraction")


def read_dose(raw: object, rule: Rule) -> Law | ByBurden:
    """Read a dose: a law, or a rule ``{low_burden: law, high_burden: law, threshold: 0.2}``.

    Raises
    ------
    ProblemsError
        When a part is missing or not valid.
    """
    if isinstance(raw, ByBurden):
        return raw
    if not isinstance(raw, Mapping) or not {"low_burden", "high_burden", "threshold"} & set(raw):
        return read_law(raw, rule)
    parts = ("low_burden", "high_burden", "threshold")
    only_keys(raw, parts)
    for key in parts:
        if key not in raw:
            refuse((), raw, f"a dose by burden needs {', '.join(parts)}", f"add {key}")
    laws = {key: _inside(key, lambda form: read_law(form, rule), raw[key]) for key in parts[:2]}
    threshold = _inside(
        "threshold", lambda form: read_law(form, Rule("fraction", 0.0, 1.0, varies=False)), raw["threshold"]
    )
    return ByBurden(low_burden=laws["low_burden"], high_burden=laws["high_burden"], threshold=threshold)


def _inside(key: str, reader: Callable[[object], Law], raw: object) -> Law:
    """Read a part and put its key in front of its problems."""
    try:
        return reader(raw)
    except ProblemsError as error:
        raise ProblemsError([problem.under((key,)) for problem in error.problems]) from None


def _read_long(form: Mapping[Any, Any], rule: Rule) -> Law:
    kinds = [key for key in FORMS if key in form]
    if form.get("distribution") == "bernoulli":
        kinds = [key for key in kinds if key != "probability"]
    if not kinds:
        unknown = [str(key) for key in form if key not in ORIGIN]
        fix = suggest(unknown[0], FORMS, "add value: ...") if unknown else "add value: ..."
        refuse((), form, f"needs one of {', '.join(FORMS)}", fix)
    if len(kinds) > 1:
        refuse(
            (kinds[1],),
            form[kinds[1]],
            f"a law has one form, and {kinds[0]} is given too",
            f"remove one of {', '.join(kinds)}",
        )
    scale, origin = _unit_scale(form, rule), _origin(form)
    unit = _law_unit(form, rule)
    reader = {
        "value": read_value,
        "mix": read_mix,
        "strata": read_strata,
        "probability": read_yes_no,
    }.get(kinds[0])
    if reader is None:
        return read_distribution(form, scale, {**origin, "unit": unit})
    known_keys(form, (kinds[0],))
    return reader(form[kinds[0]], scale, {**origin, "unit": unit})


def _keep_bounds(law: Law, rule: Rule, raw: object) -> None:
    """Check everything that a law can produce against the quantity's bounds."""
    low, high = law.support()
    unit = "" if law.unit in {"1", "fraction"} else f" ({law.unit})"
    at: Place = ("value",) if isinstance(raw, Mapping) and "value" in raw else ()
    given: object = raw["value"] if isinstance(raw, Mapping) and at else raw
    text = law.describe() if isinstance(given, Law) else show(given)
    typical = min(rule.typical, most(rule.dimension))
    if typical < math.inf and law.median() > typical:
        raise ProblemsError([Problem(at, text, f"must be at most {typical:g}{unit}", "check the unit")])
    if not rule.varies and low < high:
        refuse((), raw, "is one number for the whole trial", f"give value: {law.median():g}")
    below = low < rule.low or (rule.open_low and low <= rule.low and isinstance(law, Fixed | Mix))
    if below or high > rule.high:
        if isinstance(law, Fixed | Mix | Bernoulli):
            fix = f"give a number in {rule.unit}" if rule.unit != "1" else "give a number in that range"
        else:
            bound = f"low: {rule.low:g}" if below else f"high: {rule.high:g}"
            fix = f"the law reaches {low if below else high:g}; add {bound}"
        raise ProblemsError([Problem(at, text, rule.text() + unit, fix)])


def _origin(form: Mapping[Any, Any]) -> dict[str, Any]:
    """Read kind, source and note."""
    kind = form.get("kind", "assumed")
    if not isinstance(kind, str) or kind not in KINDS:
        refuse(
            ("kind",),
            kind,
            f"must be one of {', '.join(KINDS)}",
            suggest(str(kind), KINDS, "choose one of them"),
        )
    out: dict[str, Any] = {"kind": kind}
    for key in ("source", "note"):
        text = form.get(key, "")
        if not isinstance(text, str):
            refuse((key,), text, "must be text", "put it in quotes")
        if has_control_characters(text):
            refuse((key,), text, "must be text without control characters", "remove them")
        out[key] = " ".join(text.split())
    return out


def _law_unit(form: Mapping[Any, Any], rule: Rule) -> str:
    """Canonical unit of the law's values."""
    # "1" is what a bare number is written out with, and stays what it was.
    if rule.dimension is not None or form.get("unit") in (None, "1"):
        return rule.unit
    dimension = dimension_of(str(form["unit"]))
    return rule.unit if dimension is None else canonical_unit(dimension)


def _unit_scale(form: Mapping[Any, Any], rule: Rule) -> Scale:
    """Return the conversion from the form's unit to the canonical one."""
    unit = form.get("unit")
    if unit is None:
        return lambda value: value
    dimension = (
        rule.dimension if rule.dimension is not None or not isinstance(unit, str) else dimension_of(unit)
    )
    if not isinstance(unit, str) or dimension is None:
        known = [name for d in dimensions() for name in units_of(d)]
        refuse(("unit",), unit, "must be the name of a known unit", suggest(str(unit), known))
    try:
        convert(1.0, unit, dimension)
    except InputError as error:
        _, rule_text, fix = str(error).split("; ", 2)
        refuse(("unit",), unit, rule_text, fix)
    return lambda value: convert(value, unit, dimension)
