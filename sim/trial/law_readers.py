"""Read the numbers of each form of a law; `sim.trial.law_forms` chooses the form and checks the bounds."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any, NoReturn

from sim.trial.laws import (
    Bernoulli,
    Beta,
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

__all__ = [
    "FORMS",
    "ORIGIN",
    "Scale",
    "known_keys",
    "only_keys",
    "read_distribution",
    "read_mix",
    "read_number",
    "read_strata",
    "read_value",
    "read_yes_no",
    "refuse",
]

ORIGIN = ("unit", "kind", "source", "note")
FORMS = ("value", "distribution", "mix", "strata", "probability")
_DISTRIBUTIONS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {  # name -> (required, optional)
    "lognormal": (("median", "log_sd"), ("low", "high")),
    "normal": (("mean", "sd"), ("low", "high")),
    "uniform": (("low", "high"), ()),
    "loguniform": (("low", "high"), ()),
    "beta": (("a", "b"), ("low", "high")),
    "bernoulli": (("probability",), ()),
}
_UNITLESS = {"log_sd", "a", "b", "probability"}


Scale = Callable[[float], float]


def read_number(raw: object, at: Place = ()) -> float:
    """Return a finite number; text, booleans, NaN and infinities are refused.

    Raises
    ------
    ProblemsError
        When `raw` is something else.
    """
    if isinstance(raw, bool) or not isinstance(raw, int | float):
        refuse(
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
        refuse(at, raw, "must be a finite number", "give a finite number")
    return value


def read_value(raw: object, scale: Scale, origin: dict[str, Any]) -> Law:
    """Read ``value``."""
    return Fixed(value=scale(read_number(raw, ("value",))), **origin)


def read_yes_no(raw: object, _scale: Scale, origin: dict[str, Any]) -> Law:
    """Read ``probability``."""
    value = read_number(raw, ("probability",))
    if not 0.0 <= value <= 1.0:
        refuse(("probability",), raw, "a probability is between 0 and 1", "give a share such as 0.81")
    return Bernoulli(probability=value, **origin)


def read_mix(raw: object, scale: Scale, origin: dict[str, Any]) -> Law:
    """Read ``mix``: a mapping from value to weight, or a list of pairs."""
    pairs: list[tuple[object, object]]
    if isinstance(raw, Mapping):
        pairs = list(raw.items())
    elif isinstance(raw, list | tuple) and all(
        isinstance(pair, list | tuple) and len(pair) == 2 for pair in raw
    ):
        pairs = [(pair[0], pair[1]) for pair in raw]
    else:
        refuse(("mix",), raw, "must map values to weights", "write mix: {1e6: 13, 3e6: 2}")
    mixed: dict[float, float] = {}
    for given, share in pairs:
        value, weight = scale(read_number(given, ("mix",))), read_number(share, ("mix", show(given)))
        if weight < 0.0:
            refuse(("mix", show(given)), share, "a weight is not negative", "give 0 or more")
        if value in mixed:
            refuse(("mix",), given, "a value stands once in a mix", "add up its weights")
        mixed[value] = weight
    if not math.fsum(mixed.values()) > 0.0:
        refuse(("mix",), raw, "needs a value of positive weight", "write mix: {1e6: 13, 3e6: 2}")
    values = sorted(mixed)
    return Mix(values=tuple(values), weights=tuple(mixed[value] for value in values), **origin)


def read_strata(raw: object, scale: Scale, origin: dict[str, Any]) -> Law:
    """Read ``strata``."""
    if not isinstance(raw, list | tuple) or not raw:
        refuse(
            ("strata",), raw, "must be a list of strata", "write strata: [{weight: 1, low: 0.05, high: 0.95}]"
        )
    strata = [_read_stratum(item, scale, ("strata", i)) for i, item in enumerate(raw)]
    if not math.fsum(stratum.weight for stratum in strata) > 0.0:
        refuse(("strata",), raw, "needs a stratum of positive weight", "give one of them a weight")
    strata.sort(key=lambda stratum: (stratum.low, stratum.high))
    for below, above in pairwise(strata):
        if above.low < below.high:
            refuse(
                ("strata",),
                raw,
                f"strata do not overlap, and one reaches {below.high:g}",
                f"start the next at {below.high:g}",
            )
    return Strata(strata=tuple(strata), **origin)


def _read_stratum(item: object, scale: Scale, at: Place) -> Stratum:
    if not isinstance(item, Mapping):
        refuse(at, item, "must be a mapping", "write {weight: 1, low: 0.05, high: 0.95}")
    only_keys(item, ("weight", "low", "high", "scale"), at)
    for key in ("weight", "low", "high"):
        if key not in item:
            refuse(at, item, "a stratum needs weight, low and high", f"add {key}")
    weight = read_number(item["weight"], (*at, "weight"))
    low, high = scale(read_number(item["low"], (*at, "low"))), scale(read_number(item["high"], (*at, "high")))
    kind = item.get("scale", "linear")
    if kind not in {"linear", "log"}:
        refuse((*at, "scale"), kind, "must be one of linear, log", suggest(str(kind), ("linear", "log")))
    if weight < 0.0:
        refuse((*at, "weight"), item["weight"], "a weight is not negative", "give 0 or more")
    _ordered(low, high, kind == "log", item, at)
    return Stratum(weight, low, high, "log" if kind == "log" else "linear")


def read_distribution(form: Mapping[Any, Any], scale: Scale, origin: dict[str, Any]) -> Law:
    """Read the law that ``distribution`` names."""
    name = form["distribution"]
    if not isinstance(name, str) or name not in _DISTRIBUTIONS:
        refuse(
            ("distribution",),
            name,
            f"must be one of {', '.join(_DISTRIBUTIONS)}",
            suggest(str(name), _DISTRIBUTIONS, "choose one of them"),
        )
    required, optional = _DISTRIBUTIONS[name]
    known_keys(form, ("distribution", *required, *optional))
    for key in required:
        if key not in form:
            refuse((), form, f"a {name} law needs {' and '.join(required)}", f"add {key}: ...")
    n = {
        key: number if key in _UNITLESS else scale(number)
        for key in (*required, *optional)
        if form.get(key) is not None
        for number in (read_number(form[key], (key,)),)
    }
    for key in ("log_sd", "sd", "a", "b", *(("median",) if name == "lognormal" else ())):
        if key in n and not n[key] > 0.0:
            refuse(
                (key,),
                form[key],
                "must be more than 0",
                "give a positive number, or value: ... for no spread",
            )
    match name:
        case "bernoulli":
            return read_yes_no(form["probability"], scale, origin)
        case "uniform" | "loguniform":
            _ordered(n["low"], n["high"], name == "loguniform", form, ())
            return (Uniform if name == "uniform" else Loguniform)(low=n["low"], high=n["high"], **origin)
        case "beta":
            for key in ("low", "high"):
                # From 0 to 1 in which unit? In the canonical one it would be what nobody wrote.
                if key not in n and scale(1.0) != 1.0:
                    refuse((), form, f"a beta law in {form['unit']} needs low and high", f"add {key}: ...")
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
        refuse(
            (), form, "the bounds leave next to nothing of the law", "move low and high towards its middle"
        )
    return law


def _ordered(low: float, high: float, log: bool, raw: object, at: Place) -> None:
    if not low < high:
        refuse(
            (*at, "low"), low, f"must be below high ({high:g})", "swap them, or give value: ... for no spread"
        )
    if log and not low > 0.0:
        refuse((*at, "low"), low, "a log scale starts above 0", "give a positive low")
    if not high > 0.0 and isinstance(raw, Mapping) and raw.get("distribution") == "lognormal":
        refuse((*at, "high"), high, "a log-normal law is above 0", "give a positive high")


def known_keys(form: Mapping[Any, Any], keys: tuple[str, ...]) -> None:
    """Refuse keys of a law other than these, its unit and its origin."""
    only_keys(form, (*keys, *ORIGIN))


def only_keys(form: Mapping[Any, Any], keys: tuple[str, ...], at: Place = ()) -> None:
    """Refuse keys other than these, with a suggestion."""
    for key in form:
        if key not in keys:
            refuse((*at, str(key)), form[key], "unknown key", suggest(str(key), keys))


def _numeric_text(raw: object) -> bool:
    if not isinstance(raw, str):
        return False
    try:
        # `nan` and `inf` are words, in quotes or not.
        return math.isfinite(float(raw))
    except ValueError:
        return False


def refuse(at: Place, value: object, rule: str, fix: str) -> NoReturn:
    """Raise one problem.

    Raises
    ------
    ProblemsError
        Always.
    """
    raise ProblemsError([Problem(at, show(value), rule, fix)])
