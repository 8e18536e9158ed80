"""Networks: what can be said, what is refused and in which words, and what follows from the structure."""

from __future__ import annotations

import copy
import pickle  # noqa: TID251 - what worker processes hand over is read back within this test
from collections.abc import Callable
from dataclasses import FrozenInstanceError

import numpy as np
import pytest

from sim.errors import InputError
from sim.network import Network, NetworkError
from sim.network.expression import parse

ODD_NAMES = ["inf", "t", "e", "E", "S", "N", "I", "pi", "lambda", "in", "exp", "min", "where", "self", "None"]


def birth_death() -> Network:
    net = Network("birth-death", time_unit="day")
    net.species("X", 100)
    net.parameter("birth", 0.10, unit="1/day", source="Kendall 1948")
    net.parameter("death", 0.11, unit="1/day")
    net.parameter("t_chemo", 40)
    net.define("total_birth", "birth*X")
    net.reaction("division", "X -> 2 X", "total_birth")
    net.reaction("death", "X -> 0", "death*X")
    net.event("dose", at=25, add={"X": 50})
    net.event("chemo", at="t_chemo", survive={"X": "10**-3"}, if_="X > 10")
    net.event("rescue", when="X < 5", add={"X": 20})
    return net


def with_species(*names: str, kind: str = "count") -> Network:
    net = Network("test")
    for name in names:
        net.species(name, 1, kind=kind)
    return net


# --- building ------------------------------------------------------------------------------------------------------


def test_the_network_of_the_contract_is_read_as_written() -> None:
    net = birth_death()
    net.check()
    assert (net.name, net.time_unit) == ("birth-death", "day")
    (species,) = net.all_species
    assert (species.name, species.initial, species.kind, species.unit) == ("X", 100.0, "count", "")
    birth = net.all_parameters[0]
    assert (birth.name, birth.value, birth.unit, birth.source, birth.kind) == (
        "birth",
        0.1,
        "1/day",
        "Kendall 1948",
        "",
    )
    assert net.all_definitions[0].expression is parse("birth*X")
    division, death = net.all_reactions
    assert (division.reactants, division.products, division.net) == ({"X": 1}, {"X": 2}, {"X": 1})
    assert (death.reactants, death.products, death.net) == ({"X": 1}, {}, {"X": -1})
    assert division.rate is parse("total_birth")
    dose, chemo, rescue = net.all_events
    assert (dose.at, dose.when, dose.if_, dose.add) == (parse("25"), None, None, {"X": parse("50")})
    assert chemo.survive == {"X": parse("10**-3")}
    assert chemo.if_ is parse("X > 10", conditions=True)
    assert rescue.when is parse("X < 5", conditions=True)
    assert not rescue.stop


@pytest.mark.parametrize(
    ("text", "reactants", "products", "net"),
    [
        ("0 -> X", {}, {"X": 1}, {"X": 1}),
        ("X -> 0", {"X": 1}, {}, {"X": -1}),
        ("X -> X + Y", {"X": 1}, {"X": 1, "Y": 1}, {"Y": 1}),
        ("2 X -> Y", {"X": 2}, {"Y": 1}, {"X": -2, "Y": 1}),
        ("2X+Y->3*Y", {"X": 2, "Y": 1}, {"Y": 3}, {"X": -2, "Y": 2}),
        ("X + X -> Y", {"X": 2}, {"Y": 1}, {"X": -2, "Y": 1}),
        ("2 e -> e", {"e": 2}, {"e": 1}, {"e": -1}),
        ("2e -> e", {"e": 2}, {"e": 1}, {"e": -1}),
        ("1e2 X -> 0", {"X": 100}, {}, {"X": -100}),
        ("exp -> in", {"exp": 1}, {"in": 1}, {"exp": -1, "in": 1}),
    ],
)
def test_reactions_are_read_from_text(text: str, reactants: dict, products: dict, net: dict) -> None:
    network = with_species("X", "Y", "e", "exp", "in")
    network.reaction("r", text, 1)
    network.check()
    (reaction,) = network.all_reactions
    assert (reaction.reactants, reaction.products, reaction.net) == (reactants, products, net)
    assert all(type(amount) is int for amount in reaction.net.values())


def test_a_net_change_is_the_same_reaction_as_its_text() -> None:
    net = with_species("X", "Y")
    net.reaction("text", "X -> 2 Y", "X")
    net.reaction("change", {"X": -1, "Y": np.int64(2)}, "X")
    text, change = net.all_reactions
    assert (text.reactants, text.products, text.net, text.text) == (
        change.reactants,
        change.products,
        change.net,
        change.text,
    )


def test_concentrations_may_change_by_fractions() -> None:
    net = with_species("C", kind="concentration")
    net.reaction("r", "0.5 C -> 0", "C")
    net.reaction("s", {"C": 0.25}, 1)
    net.check()
    assert [reaction.net for reaction in net.all_reactions] == [{"C": -0.5}, {"C": 0.25}]


@pytest.mark.parametrize("name", ODD_NAMES)
def test_only_time_is_reserved(name: str) -> None:
    net = Network("names")
    net.species(name, 1)
    net.parameter("rate", 2)
    net.define("twice", f"2*{name} + time")
    net.reaction("division", f"{name} -> 2 {name}", f"rate*{name}")
    net.event("dose", at=1, add={name: f"{name} + 1"}, if_=f"{name} < 3")
    net.check()
    other = Network("names")
    other.parameter(name, 1)
    other.species("X")
    other.reaction("r", "X -> 0", f"{name}*X")
    other.check()
    assert other.drift() == {"X": parse(f"-({name}*X)")}


def test_reactions_parameters_and_events_may_share_a_name() -> None:
    net = birth_death()
    net.event("death", at=1, set={"X": 0})
    net.check()


def test_definitions_and_reactions_may_refer_to_what_comes_later() -> None:
    net = Network("order")
    net.reaction("r", "X -> 0", "first")
    net.define("first", "second*X")
    net.define("second", "k + time")
    net.parameter("k", 1)
    net.species("X")
    net.check()
    assert [definition.name for definition in net.definition_order()] == ["second", "first"]
    assert net.depends_on(parse("first + 1")) == {"X", "k", "time"}


def test_numbers_of_numpy_are_numbers() -> None:
    net = Network("numpy")
    net.species("X", np.int32(3))
    net.parameter("k", np.float32(0.5))
    net.reaction("r", "X -> 0", np.float64(2))
    net.event("e", at=np.int64(4), add={"X": np.float32(1)})
    net.check()
    assert (net.all_species[0].initial, net.all_parameters[0].value) == (3.0, 0.5)


def test_an_infinite_parameter_is_an_event_that_never_comes() -> None:
    net = with_species("X")
    net.parameter("t_never", np.inf)
    net.event("never", at="t_never", add={"X": 1})
    net.check()


def test_a_stop_needs_no_change() -> None:
    net = with_species("hazard", kind="concentration")
    net.parameter("fate", 1.0)
    net.event("death", when="hazard > fate", stop=True)
    net.check()
    assert net.all_events[0].stop


def test_elements_cannot_be_changed_behind_the_network() -> None:
    net = birth_death()
    with pytest.raises(FrozenInstanceError):
        net.all_species[0].initial = 5.0
    assert isinstance(net.all_reactions, tuple)


def test_networks_are_copied_and_pickled_with_their_expressions() -> None:
    net = birth_death()
    for twin in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):  # noqa: S301
        twin.species("Y", 3)
        assert twin.all_reactions == net.all_reactions
        assert len(twin.all_species) == 2
    assert len(net.all_species) == 1


# --- refusals at the call ------------------------------------------------------------------------------------------

P = "network 'birth-death', "
NAME_RULE = (
    "this is no name; use ASCII letters, digits and underscores, neither a digit nor two underscores first"
)
REFUSED: list[tuple[Callable[[Network], object], str]] = [
    (lambda n: n.species("X"), P + "species 'X': the name is taken by a species; choose another"),
    (lambda n: n.species("birth"), P + "species 'birth': the name is taken by a parameter; choose another"),
    (lambda n: n.parameter("X", 1), P + "parameter 'X': the name is taken by a species; choose another"),
    (lambda n: n.define("total_birth", "X"), P + "definition 'total_birth': the name is taken by a definition; choose another"),
    (lambda n: n.species("time"), P + "species 'time': this name is reserved for the time of the simulation; choose another"),
    (lambda n: n.parameter("time", 1), "parameter 'time': this name is reserved"),
    (lambda n: n.define("time", "1"), "definition 'time': this name is reserved"),
    (lambda n: n.species("2X"), P + "species '2X': " + NAME_RULE),
    (lambda n: n.species("a b"), P + "species 'a b': " + NAME_RULE),
    (lambda n: n.species("é"), P + "species 'é': " + NAME_RULE),
    (lambda n: n.parameter("__class__", 1), P + "parameter '__class__': " + NAME_RULE),
    (lambda n: n.define("a.b", "1"), P + "definition 'a.b': " + NAME_RULE),
    (lambda n: n.species(""), P + "species '': " + NAME_RULE),
    (lambda n: n.species(3), P + "species 3: " + NAME_RULE),
    (lambda n: n.species("Y", kind="cells"), P + "species 'Y': kind 'cells' is unknown; choose from count, concentration"),
    (lambda n: n.species("Y", -1), P + "species 'Y': initial -1 of a count is negative; give 0 or more, or make it a concentration"),
    (lambda n: n.species("Y", np.inf), P + "species 'Y': initial inf is not finite; give a finite number"),
    (lambda n: n.species("Y", float("nan")), P + "species 'Y': initial nan is no number; give one, and use define() for an expression"),
    (lambda n: n.species("Y", "10"), P + "species 'Y': initial '10' is no number"),
    (lambda n: n.species("Y", np.ones(2)), P + "species 'Y': initial array([1., 1.]) is no number"),
    (lambda n: n.parameter("k", "birth"), P + "parameter 'k': value 'birth' is no number; give one, and use define() for an expression"),
    (lambda n: n.parameter("k", None), P + "parameter 'k': value None is no number"),
    (lambda n: n.parameter("k", True), P + "parameter 'k': value True is no number"),
    (lambda n: n.parameter("k", float("nan")), P + "parameter 'k': value nan is no number"),
    (lambda n: n.parameter("k", 1, kind="guessed"), P + "parameter 'k': kind 'guessed' is unknown; choose from reported, measured, fitted, assumed"),
    (lambda n: n.define("d", "birth*"), P + "definition 'd': 'birth*': at the end: a number, a name or a bracket is missing"),
    (lambda n: n.define("d", "X < 3"), P + "definition 'd': 'X < 3': a comparison is no value; use where(comparison, value, other)"),
    (lambda n: n.define("d", None), P + "definition 'd': None is no expression; give a number or the text of an expression"),
    (lambda n: n.reaction("death", "X -> 0", 1), P + "reaction 'death': the name is taken; choose another"),
    (lambda n: n.reaction("", "X -> 0", 1), "reaction '': a name is a line of text; give one"),
    (lambda n: n.reaction("a\nb", "X -> 0", 1), r"reaction 'a\nb': a name is a line of text; give one"),
    (lambda n: n.reaction("r", "X", 1), P + "reaction 'r': 'X'; a reaction has one arrow, which goes to the right; write 'X -> Y', and a second reaction for the way back"),
    (lambda n: n.reaction("r", "X <-> Y", 1), "a reaction has one arrow"),
    (lambda n: n.reaction("r", "X => Y", 1), "a reaction has one arrow"),
    (lambda n: n.reaction("r", "X -> Y -> Z", 1), "a reaction has one arrow"),
    (lambda n: n.reaction("r", "X -> ", 1), P + "reaction 'r': 'X -> '; a term is missing; write terms such as X or 2 X, and 0 for nothing"),
    (lambda n: n.reaction("r", "X + -> Y", 1), "a term is missing"),
    (lambda n: n.reaction("r", "X -> -Y", 1), "'-Y' is no term"),
    (lambda n: n.reaction("r", "X -> k Y", 1), "'k Y' is no term"),
    (lambda n: n.reaction("r", "X -> 0 Y", 1), "the coefficient of 'Y' is not above 0; leave the term out"),
    (lambda n: n.reaction("r", "X -> X", 1), P + "reaction 'r': 'X -> X'; it changes nothing; change a coefficient or remove the reaction"),
    (lambda n: n.reaction("r", {}, 1), P + "reaction 'r': '0 -> 0'; it changes nothing"),
    (lambda n: n.reaction("r", {"X": 0}, 1), P + "reaction 'r': the change of 'X' is no number other than 0: 0; write +1 or -1"),
    (lambda n: n.reaction("r", {"X": "1"}, 1), "the change of 'X' is no number other than 0: '1'"),
    (lambda n: n.reaction("r", {"X": np.inf}, 1), "the change of 'X' is no number other than 0: inf"),
    (lambda n: n.reaction("r", {"X Y": 1}, 1), P + "reaction 'r': 'X Y' is no name of a species; use letters, digits and underscores"),
    (lambda n: n.reaction("r", 7, 1), P + "reaction 'r': 7; a reaction is a text or a net change; write 'X -> 2 X' or {'X': +1}"),
    (lambda n: n.reaction("r", "X -> 0", "death**"), P + "reaction 'r': rate 'death**': at the end: a number, a name or a bracket is missing"),
    (lambda n: n.reaction("r", "X -> 0", None), P + "reaction 'r': rate None is no expression; give a number or the text of an expression"),
    (lambda n: n.reaction("r", "X -> 0", np.nan), P + "reaction 'r': rate nan is not finite; give a finite number, or the name of a parameter"),
    (lambda n: n.event("dose", at=1, add={"X": 1}), P + "event 'dose': the name is taken; choose another"),
    (lambda n: n.event("e", add={"X": 1}), P + "event 'e': it has neither at= nor when=; give exactly one"),
    (lambda n: n.event("e", at=1, when="X > 1", add={"X": 1}), P + "event 'e': it has both at= and when=; give exactly one"),
    (lambda n: n.event("e", at=1), P + "event 'e': it changes nothing; give add=, set=, survive= or stop=True"),
    (lambda n: n.event("e", at=1, add={}), P + "event 'e': it changes nothing"),
    (lambda n: n.event("e", at=1, add={"X": 1}, set={"X": 2}), P + "event 'e': 'X' is in both add= and set=; make two events of it"),
    (lambda n: n.event("e", at=1, set={"X": 1}, survive={"X": 1}), "'X' is in both set= and survive="),
    (lambda n: n.event("e", at=[1, 2], add={"X": 1}), P + "event 'e': at [1, 2] is no expression; give a number or the text of an expression"),
    (lambda n: n.event("e", at=np.inf, add={"X": 1}), P + "event 'e': at inf is not finite; give a finite number, or the name of a parameter"),
    (lambda n: n.event("e", at="X >", add={"X": 1}), P + "event 'e': at 'X >': at the end: a number, a name or a bracket is missing"),
    (lambda n: n.event("e", when="X", add={"X": 1}), P + "event 'e': when 'X': a condition is a comparison such as X > 10"),
    (lambda n: n.event("e", when=3, add={"X": 1}), P + "event 'e': when 3 is no condition; give a comparison such as 'X > 10'"),
    (lambda n: n.event("e", at=3, if_="1", add={"X": 1}), P + "event 'e': if_ '1': a condition is a comparison such as X > 10"),
    (lambda n: n.event("e", at=3, add={"X": "1 +"}), P + "event 'e': add X '1 +': at the end: a number, a name or a bracket is missing"),
    (lambda n: n.with_(parameters={"brith": 1}), "network 'birth-death': there is no parameter 'brith'; did you mean 'birth'?"),
    (lambda n: n.with_(initial={"Q": 1}), "network 'birth-death': there is no species 'Q'; known are X"),
    (lambda n: n.with_(initial={"X": -1}), P + "species 'X': initial -1 of a count is negative"),
    (lambda n: n.with_(rates={"divsion": 1}), "there is no reaction 'divsion'; did you mean 'division'?"),
    (lambda n: n.with_(rates={"division": "birth*"}), P + "reaction 'division': rate 'birth*': at the end"),
    (lambda n: n.with_(rates={"division": "brth*X"}), P + "reaction 'division': rate 'brth*X'; 'brth' is no species, parameter or definition; did you mean 'birth'?"),
    (lambda n: n.with_(definitions={"total": 1}), "there is no definition 'total'; did you mean 'total_birth'?"),
    (lambda n: n.with_(remove=["recsue"]), "network 'birth-death': remove 'recsue'; there is no such reaction or event; did you mean 'rescue'?"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "message"), REFUSED, ids=[message[-60:] for _, message in REFUSED])
def test_what_cannot_be_part_of_a_network_is_refused_at_the_call(
    call: Callable[[Network], object], message: str
) -> None:
    net = birth_death()
    before = net.equations()
    with pytest.raises(NetworkError) as caught:
        call(net)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert isinstance(caught.value, InputError)
    assert net.equations() == before, "a refused call leaves no trace"


def test_a_network_needs_a_name() -> None:
    with pytest.raises(NetworkError, match="network '': a name is a line of text; give one"):
        Network("")


# --- refusals of the whole -----------------------------------------------------------------------------------------

T = "network 'test', "


def _cycle(net: Network) -> None:
    net.define("a", "b + X")
    net.define("b", "2*c")
    net.define("c", "a/k")
    net.parameter("k", 1)


def _fraction(net: Network) -> None:
    net.reaction("half", "X -> 1.5 X", "X")


UNSOUND: list[tuple[Callable[[Network], object], str]] = [
    (lambda n: n.define("d", "X*killng"), T + "definition 'd': 'X*killng'; 'killng' is no species, parameter or definition; did you mean 'killing'?"),
    (lambda n: n.define("d", "qqq"), T + "definition 'd': 'qqq'; 'qqq' is no species, parameter or definition; declare it with species(), parameter() or define()"),
    (lambda n: n.define("d", "d + 1"), T + "definition 'd': d -> d; it is defined by itself; break the circle"),
    (_cycle, T + "definition 'a': a -> b -> c -> a; it is defined by itself; break the circle"),
    (lambda n: n.reaction("r", "X -> 0", "kiling*X"), T + "reaction 'r': rate 'kiling*X'; 'kiling' is no species, parameter or definition; did you mean 'killing'?"),
    (lambda n: n.reaction("r", "X -> Cells", "X"), T + "reaction 'r': there is no species 'Cells'; declare it with species()"),
    (lambda n: n.reaction("r", "X -> X2", "X"), T + "reaction 'r': there is no species 'X2'; did you mean 'X'?"),
    (lambda n: n.reaction("r", {"killing": 1}, "X"), T + "reaction 'r': 'killing' is a parameter, not a species; declare it with species()"),
    (_fraction, T + "reaction 'half': 'X -> 1.5 X'; 'X' is a count and changes by whole numbers, not 0.5; make it a concentration or change the coefficient"),
    (lambda n: n.reaction("r", {"X": 0.5}, "X"), "'X' is a count and changes by whole numbers, not 0.5"),
    (lambda n: n.reaction("r", "1.5 X -> 0.5 X", "X"), "'X' is a count and changes by whole numbers, not 1.5"),
    (lambda n: n.event("e", at="t_dose", add={"X": 1}), T + "event 'e': at 't_dose'; 't_dose' is no species"),
    (lambda n: n.event("e", when="Z < 1", add={"X": 1}), T + "event 'e': when 'Z < 1'; 'Z' is no species"),
    (lambda n: n.event("e", at=1, if_="Z < 1", add={"X": 1}), T + "event 'e': if_ 'Z < 1'; 'Z' is no species"),
    (lambda n: n.event("e", at=1, add={"X": "dose"}), T + "event 'e': add X 'dose'; 'dose' is no species"),
    (lambda n: n.event("e", at=1, set={"Xs": 1}), T + "event 'e': there is no species 'Xs'; did you mean 'X'?"),
    (lambda n: n.event("e", at=1, set={"killing": 1}), T + "event 'e': 'killing' is a parameter, not a species"),
    (lambda n: n.event("e", at=1, survive={"X": 1.5}), T + "event 'e': survive of 'X' is a probability, not 1.5; give a number from 0 to 1"),
    (lambda n: n.event("e", at=1, survive={"X": "-1"}), "survive of 'X' is a probability, not -1; give a number from 0 to 1"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "message"), UNSOUND, ids=[message[-60:] for _, message in UNSOUND])
def test_check_names_what_is_at_fault(call: Callable[[Network], object], message: str) -> None:
    net = with_species("X")
    net.parameter("killing", 1)
    net.check()
    call(net)
    with pytest.raises(NetworkError) as caught:
        net.check()
    assert message in str(caught.value)
    assert len(caught.value.problems) == 1
    with pytest.raises(NetworkError):
        net.with_()


def test_check_lists_every_problem() -> None:
    net = with_species("X")
    net.reaction("r", "X -> Y", "a*b")
    net.event("e", at="c", add={"X": 1})
    with pytest.raises(NetworkError) as caught:
        net.check()
    assert len(caught.value.problems) == 4


def test_a_network_without_species_is_refused() -> None:
    with pytest.raises(NetworkError, match="network 'empty': it has no species; declare one"):
        Network("empty").check()


def test_a_long_chain_of_definitions_needs_no_recursion() -> None:
    net = with_species("X")
    net.define("d0", "X")
    for i in range(1, 5000):
        net.define(f"d{i}", f"d{i - 1} + 1")
    net.reaction("r", "X -> 0", "d4999")
    net.check()
    assert net.depends_on(net.all_reactions[0].rate) == {"X"}
    assert net.all_definitions[4999].name == "d4999"


# --- variants ------------------------------------------------------------------------------------------------------


def test_a_variant_changes_what_is_named_and_nothing_else() -> None:
    net = birth_death()
    before = net.equations()
    variant = net.with_(
        "variant",
        parameters={"birth": 0.2},
        initial={"X": 7},
        definitions={"total_birth": "2*birth*X"},
        rates={"death": "death*X**2"},
        remove=["rescue"],
    )
    assert net.equations() == before
    assert variant.name == "variant"
    assert [parameter.value for parameter in variant.all_parameters] == [0.2, 0.11, 40.0]
    assert variant.all_parameters[0].source == "Kendall 1948"
    assert variant.all_species[0].initial == 7
    assert variant.drift() == {"X": parse("total_birth - death*X**2")}
    assert variant.all_definitions[0].expression is parse("2*birth*X")
    assert [event.name for event in variant.all_events] == ["dose", "chemo"]


def test_a_variant_can_be_extended_on_its_own() -> None:
    net = birth_death()
    variant = net.with_()
    variant.species("Y")
    variant.reaction("mutation", "X -> X + Y", "1e-3*X")
    assert variant.name == net.name
    assert len(net.all_reactions) == 2
    assert len(variant.all_reactions) == 3


def test_removing_takes_reactions_and_events_and_one_name_may_be_text() -> None:
    net = birth_death()
    assert [reaction.name for reaction in net.with_(remove=["death"]).all_reactions] == ["division"]
    assert [event.name for event in net.with_(remove="dose").all_events] == ["chemo", "rescue"]


# --- structure -----------------------------------------------------------------------------------------------------


def test_the_drift_adds_what_each_reaction_does() -> None:
    net = with_species("X", "Y", "Z")
    net.parameter("k", 1)
    net.reaction("dimer", "2 X -> Y", "k*X**2")
    net.reaction("source", "0 -> X", 3)
    net.reaction("catalysis", "Y -> Y + X", "k*Y")
    assert net.drift() == {"X": parse("-2*(k*X**2) + 3 + k*Y"), "Y": parse("k*X**2"), "Z": parse("0")}


def test_the_dependency_graph_goes_through_definitions() -> None:
    net = with_species("X", "Y", "Z")
    net.define("burden", "X + Y")
    net.define("crowding", "1 + burden")
    net.reaction("source", "0 -> X", 3)
    net.reaction("growth", "Y -> 2 Y", "Y/crowding")
    net.reaction("switch", "X -> Z", "X")
    net.reaction("loss", "Z -> 0", "Z")
    assert net.dependency_graph() == {
        "source": ("growth", "switch"),
        "growth": ("growth",),
        "switch": ("growth", "switch", "loss"),
        "loss": ("loss",),
    }
