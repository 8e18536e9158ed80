"""Read a law from the forms that a scenario file may give it.

======================================================================  =====================================
form                                                                    law
======================================================================  =====================================
``45``                                                                  the same for all, canonical unit
``{value: 45, unit: kg, kind: reported, source: ...}``                  the same with its origin
``{distribution: lognormal, median: 45, log_sd: 0.4, low:, high:}``     log-normal (natural logarithm)
``{distribution: normal, mean: 9, sd: 2, low:, high:}``                 normal
``{distribution: uniform | loguniform, low: 1, high: 3}``               even on a linear or a log scale
``{distribution: beta, a: 2, b: 5, low: 0, high: 1}``                   beta
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
from itertools import pairwise
from typing import Any, NoReturn

from sim.errors import InputError
from sim.trial.laws import (
    KINDS,
    Bernoulli,
    Beta,
    ByBurden,
    Fixed,
    Law,
    Lognormal,
    Loguniform,
    Mix,
    Normal,
    Strata,
    Stratum,
    Uniform,
)
from sim.trial.problems import Place, Problem, ProblemsError, show, suggest
from sim.units import canonical_unit, convert, dimension_of, dimensions, units_of

__all__ = ["Rule", "read_chance", "read_dose", "read_law", "read_number"]

_ORIGIN = ("unit", "kind", "source", "note")
_FORMS = ("value", "distribution", "mix", "strata", "probability")
_DISTRIBUTIONS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {  # name -> (required, optional)
    "lognormal": (("median", "log_sd"), ("low", "high")),
    "normal": (("mean", "sd"), ("low", "high")),
    "uniform": (("low", "high"), ()),
    "loguniform": (("low", "high"), ()),
    "beta": (("a", "b"), ("low", "high")),
    "bernoulli": (("probability",), ()),
}
_UNITLESS = {"log_sd", "a", "b", "probability"}


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
        Bound of the median alone, against slips of the unit; the tail of a law may pass it.
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


def read_number(raw: object, at: Place = ()) -> float:
    """Return a finite number; text, booleans, NaN and infinities are refused.

    Raises
    ------
    ProblemsError
        When `raw` is something else.
    """
    if isinstance(raw, bool) or not isinstance(raw, int | float):
        _refuse(
            at,
            raw,
            "must be a number",
            "remove the quotes" if _numeric_text(raw) else "give a number such as 1e-3",
        )
    try:
        value = float(raw)
    except OverflowError:
        value = math.inf
    if not math.isfinite(value):
        _refuse(at, raw, "must be a finite number", "give a finite number")
    return value


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
        _known_keys(form, ("probability",))
        if "probability" not in form:
            _refuse((), raw, "needs a probability", "add probability: 0.5")
        origin = _origin(form)
        scale = _unit_scale(form, Rule("fraction"))
        value = scale(read_number(form["probability"], ("probability",)))
        if not 0.0 <= value <= 1.0:
            _refuse(
                ("probability",),
                form["probability"],
                "a probability is between 0 and 1",
                "give a share, or unit: percent",
            )
        return Bernoulli(probability=value, unit="fraction", **origin)
    value = read_number(raw)
    if not 0.0 <= value <= 1.0:
        _refuse((), raw, "a probability is between 0 and 1", "give a share such as 0.81")
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
    _only_keys(raw, parts)
    for key in parts:
        if key not in raw:
            _refuse((), raw, f"a dose by burden needs {', '.join(parts)}", f"add {key}")
    laws = {key: _inside(key, lambda form: read_law(form, rule), raw[key]) for key in parts[:2]}
    threshold = _inside(
        "threshold", lambda form: read_law(form, Rule("fraction", 0.0, 1.0, varies=False)), raw["threshold"]
    )
    return ByBurden(
        low_burden=laws["low_burden"], high_burden=laws["high_burden"], threshold=threshold.median()
    )


def _inside(key: str, reader: Callable[[object], Law], raw: object) -> Law:
    """Read a part and put its key in front of its problems."""
    try:
        return reader(raw)
    except ProblemsError as error:
        raise ProblemsError([problem.under((key,)) for problem in error.problems]) from None


def _read_long(form: Mapping[Any, Any], rule: Rule) -> Law:
    kinds = [key for key in _FORMS if key in form]
    if form.get("distribution") == "bernoulli":
        kinds = [key for key in kinds if key != "probability"]
    if not kinds:
        unknown = [str(key) for key in form if key not in _ORIGIN]
        fix = suggest(unknown[0], _FORMS, "add value: ...") if unknown else "add value: ..."
        _refuse((), form, f"needs one of {', '.join(_FORMS)}", fix)
    if len(kinds) > 1:
        _refuse(
            (kinds[1],),
            form[kinds[1]],
            f"a law has one form, and {kinds[0]} is given too",
            f"remove one of {', '.join(kinds)}",
        )
    scale, origin = _unit_scale(form, rule), _origin(form)
    unit = _law_unit(form, rule)
    reader = {
        "value": _read_value,
        "mix": _read_mix,
        "strata": _read_strata,
        "probability": _read_yes_no,
    }.get(kinds[0])
    if reader is None:
        return _read_distribution(form, scale, {**origin, "unit": unit})
    _known_keys(form, (kinds[0],))
    return reader(form[kinds[0]], scale, {**origin, "unit": unit})


Scale = Callable[[float], float]


def _read_value(raw: object, scale: Scale, origin: dict[str, Any]) -> Law:
    return Fixed(value=scale(read_number(raw, ("value",))), **origin)


def _read_yes_no(raw: object, _scale: Scale, origin: dict[str, Any]) -> Law:
    value = read_number(raw, ("probability",))
    if not 0.0 <= value <= 1.0:
        _refuse(("probability",), raw, "a probability is between 0 and 1", "give a share such as 0.81")
    return Bernoulli(probability=value, **origin)


def _read_mix(raw: object, scale: Scale, origin: dict[str, Any]) -> Law:
    pairs: list[tuple[object, object]]
    if isinstance(raw, Mapping):
        pairs = list(raw.items())
    elif isinstance(raw, list | tuple) and all(
        isinstance(pair, list | tuple) and len(pair) == 2 for pair in raw
    ):
        pairs = [(pair[0], pair[1]) for pair in raw]
    else:
        _refuse(("mix",), raw, "must map values to weights", "write mix: {1e6: 13, 3e6: 2}")
    mixed: dict[float, float] = {}
    for given, share in pairs:
        value, weight = scale(read_number(given, ("mix",))), read_number(share, ("mix", show(given)))
        if weight < 0.0:
            _refuse(("mix", show(given)), share, "a weight is not negative", "give 0 or more")
        if value in mixed:
            _refuse(("mix",), given, "a value stands once in a mix", "add up its weights")
        mixed[value] = weight
    if not math.fsum(mixed.values()) > 0.0:
        _refuse(("mix",), raw, "needs a value of positive weight", "write mix: {1e6: 13, 3e6: 2}")
    values = sorted(mixed)
    return Mix(values=tuple(values), weights=tuple(mixed[value] for value in values), **origin)


def _read_strata(raw: object, scale: Scale, origin: dict[str, Any]) -> Law:
    if not isinstance(raw, list | tuple) or not raw:
        _refuse(
            ("strata",), raw, "must be a list of strata", "write strata: [{weight: 1, low: 0.05, high: 0.95}]"
        )
    strata = [_read_stratum(item, scale, ("strata", i)) for i, item in enumerate(raw)]
    if not math.fsum(stratum.weight for stratum in strata) > 0.0:
        _refuse(("strata",), raw, "needs a stratum of positive weight", "give one of them a weight")
    strata.sort(key=lambda stratum: (stratum.low, stratum.high))
    for below, above in pairwise(strata):
        if above.low < below.high:
            _refuse(
                ("strata",),
                raw,
                f"strata do not overlap, and one reaches {below.high:g}",
                f"start the next at {below.high:g}",
            )
    return Strata(strata=tuple(strata), **origin)


def _read_stratum(item: object, scale: Scale, at: Place) -> Stratum:
    if not isinstance(item, Mapping):
        _refuse(at, item, "must be a mapping", "write {weight: 1, low: 0.05, high: 0.95}")
    _only_keys(item, ("weight", "low", "high", "scale"), at)
    for key in ("weight", "low", "high"):
        if key not in item:
            _refuse(at, item, "a stratum needs weight, low and high", f"add {key}")
    weight = read_number(item["weight"], (*at, "weight"))
    low, high = scale(read_number(item["low"], (*at, "low"))), scale(read_number(item["high"], (*at, "high")))
    kind = item.get("scale", "linear")
    if kind not in {"linear", "log"}:
        _refuse((*at, "scale"), kind, "must be one of linear, log", suggest(str(kind), ("linear", "log")))
    if weight < 0.0:
        _refuse((*at, "weight"), item["weight"], "a weight is not negative", "give 0 or more")
    _ordered(low, high, kind == "log", item, at)
    return Stratum(weight, low, high, "log" if kind == "log" else "linear")


def _read_distribution(form: Mapping[Any, Any], scale: Scale, origin: dict[str, Any]) -> Law:
    name = form["distribution"]
    if not isinstance(name, str) or name not in _DISTRIBUTIONS:
        _refuse(
            ("distribution",),
            name,
            f"must be one of {', '.join(_DISTRIBUTIONS)}",
            suggest(str(name), _DISTRIBUTIONS, "choose one of them"),
        )
    required, optional = _DISTRIBUTIONS[name]
    _known_keys(form, ("distribution", *required, *optional))
    for key in required:
        if key not in form:
            _refuse((), form, f"a {name} law needs {' and '.join(required)}", f"add {key}: ...")
    n = {
        key: number if key in _UNITLESS else scale(number)
        for key in (*required, *optional)
        if form.get(key) is not None
        for number in (read_number(form[key], (key,)),)
    }
    for key in ("log_sd", "sd", "a", "b", *(("median",) if name == "lognormal" else ())):
        if key in n and not n[key] > 0.0:
            _refuse(
                (key,),
                form[key],
                "must be more than 0",
                "give a positive number, or value: ... for no spread",
            )
    match name:
        case "bernoulli":
            return _read_yes_no(form["probability"], scale, origin)
        case "uniform" | "loguniform":
            _ordered(n["low"], n["high"], name == "loguniform", form, ())
            return (Uniform if name == "uniform" else Loguniform)(low=n["low"], high=n["high"], **origin)
        case "beta":
            low, high = n.get("low", 0.0), n.get("high", 1.0)
            _ordered(low, high, False, form, ())
            return Beta(a=n["a"], b=n["b"], low=low, high=high, **origin)
        case "lognormal":
            low, high = n.get("low", 0.0), n.get("high", math.inf)
            _ordered(low, high, False, form, ())
            return _kept(
                Lognormal(centre=n["median"], log_sd=n["log_sd"], low=max(low, 0.0), high=high, **origin),
                form,
            )
        case _:
            low, high = n.get("low", -math.inf), n.get("high", math.inf)
            _ordered(low, high, False, form, ())
            return _kept(Normal(mean=n["mean"], sd=n["sd"], low=low, high=high, **origin), form)


def _kept(law: Normal | Lognormal, form: Mapping[Any, Any]) -> Law:
    """Refuse bounds that leave next to nothing of a law: its quantiles could not be computed there."""
    if law.kept_share() < 1e-9:
        _refuse(
            (), form, "the bounds leave next to nothing of the law", "move low and high towards its middle"
        )
    return law


def _ordered(low: float, high: float, log: bool, raw: object, at: Place) -> None:
    if not low < high:
        _refuse(
            (*at, "low"), low, f"must be below high ({high:g})", "swap them, or give value: ... for no spread"
        )
    if log and not low > 0.0:
        _refuse((*at, "low"), low, "a log scale starts above 0", "give a positive low")
    if not high > 0.0 and isinstance(raw, Mapping) and raw.get("distribution") == "lognormal":
        _refuse((*at, "high"), high, "a log-normal law is above 0", "give a positive high")


def _keep_bounds(law: Law, rule: Rule, raw: object) -> None:
    """Check everything that a law can produce against the quantity's bounds."""
    low, high = law.support()
    unit = "" if law.unit in {"1", "fraction"} else f" ({law.unit})"
    at: Place = ("value",) if isinstance(raw, Mapping) and "value" in raw else ()
    given: object = raw["value"] if isinstance(raw, Mapping) and at else raw
    text = law.describe() if isinstance(given, Law) else show(given)
    if rule.typical < math.inf and law.median() > rule.typical:
        raise ProblemsError([Problem(at, text, f"must be at most {rule.typical:g}{unit}", "check the unit")])
    if not rule.varies and low < high:
        _refuse((), raw, "is one number for the whole trial", f"give value: {law.median():g}")
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
        _refuse(
            ("kind",),
            kind,
            f"must be one of {', '.join(KINDS)}",
            suggest(str(kind), KINDS, "choose one of them"),
        )
    out: dict[str, Any] = {"kind": kind}
    for key in ("source", "note"):
        text = form.get(key, "")
        if not isinstance(text, str):
            _refuse((key,), text, "must be text", "put it in quotes")
        out[key] = text
    return out


def _law_unit(form: Mapping[Any, Any], rule: Rule) -> str:
    """Canonical unit of the law's values."""
    if rule.dimension is not None or form.get("unit") is None:
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
        _refuse(("unit",), unit, "must be the name of a known unit", suggest(str(unit), known))
    try:
        convert(1.0, unit, dimension)
    except InputError as error:
        _, rule_text, fix = str(error).split("; ", 2)
        _refuse(("unit",), unit, rule_text, fix)
    return lambda value: convert(value, unit, dimension)


def _known_keys(form: Mapping[Any, Any], keys: tuple[str, ...]) -> None:
    _only_keys(form, (*keys, *_ORIGIN))


def _only_keys(form: Mapping[Any, Any], keys: tuple[str, ...], at: Place = ()) -> None:
    for key in form:
        if key not in keys:
            _refuse((*at, str(key)), form[key], "unknown key", suggest(str(key), keys))


def _numeric_text(raw: object) -> bool:
    if not isinstance(raw, str):
        return False
    try:
        float(raw)
    except ValueError:
        return False
    return True


def _refuse(at: Place, value: object, rule: str, fix: str) -> NoReturn:
    raise ProblemsError([Problem(at, show(value), rule, fix)])
