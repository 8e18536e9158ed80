"""What parameters may be, beside the networks that have them."""

from __future__ import annotations

from docs.single_cells import BODY, DISH
from sim.models.agents import RANGES
from sim.models.dish import DISH_RANGES
from sim.models.leukaemia import build
from sim.models.ranges import SHARES, Range
from sim.trial.quantities import base_name

PARAMETERS = {p.name: p for design in (BODY, DISH) for p in build(design).all_parameters}
OWN = {**RANGES, **DISH_RANGES}


def range_of(name: str) -> Range:
    return OWN.get(name) or SHARES[base_name(name, ("P",))]


def bounded() -> list[str]:
    return [name for name in PARAMETERS if name in OWN or base_name(name, ("P",)) in SHARES]


def test_every_range_is_of_a_parameter() -> None:
    bases = {base_name(name, ("P",)) for name in PARAMETERS}
    assert set(SHARES) <= bases
    assert set(OWN) <= set(PARAMETERS)


def test_defaults_lie_within() -> None:
    for name in bounded():
        value, allowed = float(PARAMETERS[name].value), range_of(name)
        assert allowed.low <= value <= allowed.high, name
        assert not (allowed.open_low and value == allowed.low), name
        assert not (allowed.open_high and value == allowed.high), name


def test_what_is_called_a_share_has_bounds() -> None:
    """But for the share of lymphocytes that halves a hazard: with a host that has all of them it may be halved by more."""
    called = {p.name for p in PARAMETERS.values() if p.description.startswith("share ")}
    assert len(called) > 10
    assert called - set(bounded()) == {"infection_protection"}
