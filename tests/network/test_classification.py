"""What reactions and species are taken for: found from the form of the network alone."""

from __future__ import annotations

import pytest

from sim.network.classification import classify
from sim.network.expression import parse
from sim.network.network import Network


def network(*reactions: tuple[str, str], concentrations: str = "") -> Network:
    """X, Y, Z are counts, C a concentration; reactions are named r0, r1, ..."""
    net = Network("forms")
    for name in "XYZ":
        net.species(name, 10)
    net.species("C", 1.0, kind="concentration")
    for name in ("k", "K"):
        net.parameter(name, 0.1)
    net.define("total", "X + Y + Z")
    net.define("hazard", "k*C/(K + total)")
    net.define("killing", "hazard*X")
    net.define("again", "2*killing")
    for i, (change, rate) in enumerate(reactions):
        net.reaction(f"r{i}", change, rate)
    return net


@pytest.mark.parametrize(
    ("change", "rate", "role", "reactant"),
    [
        ("X -> 2 X", "k*X", "birth", "X"),
        ("X -> 0", "k*X*C/(K + C)", "death", "X"),
        ("X -> 0", "killing", "death", "X"),
        ("X -> 0", "again/3", "death", "X"),
        ("X -> 0", "k*X*Y", "death", "X"),
        ("X -> Y", "k*X", "conversion", "X"),
        ("X -> 2 Y", "k*X", "conversion", "X"),
        ("X -> Y + Z", "k*X", "conversion", "X"),
        ("X -> X + Y", "k*X", "arrival", "X"),
        ("X -> X + 3 Y", "k*X", "arrival", "X"),
        ("0 -> X", "k", "arrival", None),
        ("0 -> X", "k*C", "arrival", "C"),
        ("0 -> 2 X", "k", "arrival", None),
        ("X -> 2 X", "where(C > 1, k*X, 2*X)", "birth", "X"),
        ("X -> 2 X", "k*X/(1 + X) + C*X", "birth", "X"),
        ("C -> 0", "k*C", "drift_only", "C"),
        ("0 -> C", "k*(K - C)*total", "drift_only", None),
        ("X -> X + C", "k*X", "drift_only", "X"),
        # no longer what a cell does by itself
        ("2 X -> 0", "k*X*(X - 1)", "exact", "X"),
        ("2 X -> X", "k*X*(X - 1)", "death", "X"),
        ("X -> 3 X", "k*X", "exact", "X"),
        ("X + Y -> 0", "k*X*Y", "exact", "X"),
        ("X + Y -> Z", "k*X*Y", "exact", "X"),
        ("X -> 0", "k", "exact", None),
        ("X -> 0", "k*Y", "exact", "Y"),
        ("X -> 2 X", "k", "arrival", None),
        ("X -> 0", "k*X/(1 + X) + 1", "exact", None),
    ],
)
def test_a_reaction_is_known_by_its_form(change: str, rate: str, role: str, reactant: str | None) -> None:
    found = classify(network((change, rate)))
    assert found.reactions == (role,)
    assert found.rates[0].reactant == reactant


def test_the_hazard_is_the_rate_per_individual_and_keeps_names_of_definitions() -> None:
    found = classify(network(("X -> 0", "killing"), ("X -> 0", "again")))
    assert found.rates[0].hazard is parse("hazard")
    assert found.rates[1].hazard.symbols == {"hazard"}


def test_one_reaction_that_does_not_qualify_counts_all_it_touches() -> None:
    found = classify(
        network(("X -> 2 X", "k*X"), ("X -> Y", "k*X"), ("2 Y -> 0", "k*Y*(Y - 1)"), ("Z -> 2 Z", "k*Z"))
    )
    assert found.reactions == ("exact", "exact", "exact", "birth")
    assert found.species == ("counted", "counted", "branching", "concentration")


def test_a_product_that_is_counted_does_not_count_its_unchanged_parent() -> None:
    found = classify(network(("X -> X + Y", "k*X"), ("2 Y -> 0", "k*Y*(Y - 1)"), ("X -> 0", "k*X")))
    assert found.reactions == ("exact", "exact", "death")
    assert found.species[:2] == ("branching", "counted")


@pytest.mark.parametrize(
    ("change", "rate", "counted"),
    [
        ("0 -> X", "where(X < 20, k, 0)", "X"),
        ("Y -> 2 Y", "k*Y*where(X < 20, 1, 0)", "X"),
        ("Y -> 2 Y", "k*Y*gate", "XY"),
        ("C -> 0", "k*C*gate", "XY"),
        ("X -> 2 X", "k*X*where(C < 20, 1, 0)", ""),
        ("X -> 2 X", "k*X*min(X, 20)", ""),
    ],
)
def test_what_a_rate_jumps_with_is_counted(change: str, rate: str, counted: str) -> None:
    net = network((change, rate), *((f"{name} -> 0", f"k*{name}") for name in "XYZ"))
    net.define("low", "where(X + Y < 20, 1, 0)")
    net.define("gate", "0.5*low")
    net.define("unused", "where(Z < 3, 1, 0)")
    roles = dict(zip("XYZC", classify(net).species, strict=True))
    assert {name for name, role in roles.items() if role == "counted"} == set(counted)


def test_a_concentration_never_makes_a_reaction_one_of_counts() -> None:
    found = classify(network(("X -> X + C", "k*X"), ("0 -> C", "-k*C")))
    assert found.reactions == ("drift_only", "drift_only")
    assert found.species == ("branching", "branching", "branching", "concentration")


def test_a_factor_is_found_through_a_chain_of_definitions() -> None:
    net = network()
    net.define("d0", "k*X")
    for i in range(30):
        net.define(f"d{i + 1}", f"1.01*d{i}")
    net.reaction("deep", "X -> 0", "d30")
    assert classify(net).reactions == ("death",)
