"""What the user gives wrongly: each mistake is refused before any computing, in one line of place, value, rule and fix."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import sim
from sim.errors import InputError, NetworkError
from sim.network.network import Network
from sim.network.simulation import KERNELS, ODE, SSA, Hybrid, TauLeap, simulate


def decay() -> Network:
    net = Network("decay")
    net.species("X", 10)
    net.parameter("k", 0.1)
    net.define("twice", "2*X")
    net.reaction("death", "X -> 0", "k*X")
    return net


def asked(**arguments: Any) -> Callable[[], object]:
    return lambda: simulate(**{"network": decay(), "t": [0, 1], **arguments})


RAGGED = [[1.0, 2.0], [3.0]]
OPTIONS: list[tuple[type, str, object, str]] = [
    *[(kind, "rtol", wrong, "number from") for kind in (ODE, Hybrid) for wrong in ("a", None, True, 0, 1.0, np.nan, [1e-3], 10**400)],
    *[(kind, "atol", wrong, "finite number above 0") for kind in (ODE, Hybrid) for wrong in ("a", None, True, 0.0, -1, np.nan, np.inf, [1e-3])],
    *[(kind, "atol", {"X": wrong}, "finite number above 0") for kind in (ODE, Hybrid) for wrong in ("a", None, 0.0)],
    (ODE, "atol", {3: 1e-6}, "names species"),
    *[(kind, "max_step", wrong, "number above 0") for kind in (ODE, Hybrid) for wrong in ("a", None, 0, -1.0, np.nan)],
    *[
        (kind, cap, wrong, "whole number of at least 1")
        for kind, cap in ((ODE, "max_steps"), (ODE, "max_events"), (Hybrid, "max_steps"), (Hybrid, "max_events"), (SSA, "max_events"),
                          (TauLeap, "max_steps"), (TauLeap, "max_events"))
        for wrong in ("a", None, 0, -1, 1.5, True, np.inf)
    ],
    (SSA, "max_events", 2**63, r"below 2\*\*63"),
    *[(Hybrid, "threshold", wrong, "from 0 to 2") for wrong in ("a", None, -1, np.nan, np.inf, 2.0**54)],
    *[(TauLeap, "epsilon", wrong, "above 0, up to 0.5") for wrong in ("a", None, True, 0, -1, 0.6, np.nan, np.inf, [0.1])],
    *[(Hybrid, "tolerance", wrong, "finite number above 0") for wrong in ("a", None, 0, -1, np.nan, np.inf)],
]  # fmt: skip
MISTAKES: list[tuple[str, str, Callable[[], object]]] = [
    *[(rf"{kind.__name__}\({name}=\)", rule, lambda kind=kind, name=name, wrong=wrong: kind(**{name: wrong}))  # type: ignore[misc]
      for kind, name, wrong, rule in OPTIONS],
    ("atol 'Y'", "not a species", asked(kernel=ODE(atol={"Y": 1.0}))),
    ("network: 'net'", "must be a Network", asked(network="net")),
    ("network: None", "must be a Network", asked(network=None)),
    ("network", "must be a Network", asked(network=Network)),
    *[(rf"kernel: {shown}", "ode, ssa, tau_leap, hybrid", asked(kernel=wrong))
      for wrong, shown in (("rk4", "'rk4'"), (None, "None"), (1, "1"), (ODE, "<class"), (["ode"], r"\['ode'\]"))],
    *[(rf"{what} '{name}': {shown}", "number or an array of numbers", asked(**{argument: {name: wrong}}))
      for argument, what, name in (("parameters", "parameter", "k"), ("initial", "initial", "X"))
      for wrong, shown in ((None, "None"), ("x", "'x'"), ("1.5", "'1.5'"), (True, "True"), ([1.0, None], r"\[1.0, None\]"),
                           (["1", "2"], r"\['1', '2'\]"), (RAGGED, r"\[\["), (1j, "1j"), ({}, r"\{\}"), ([], None), (10**400, "1000"))
      if shown is not None],
    *[(rf"{what} '{name}'", "one dimension", asked(**{argument: {name: np.ones((2, 2))}}))
      for argument, what, name in (("parameters", "parameter", "k"), ("initial", "initial", "X"))],
    ("parameter 'K'", "not in the network", asked(parameters={"K": 1.0})),
    ("parameter 3", "not in the network", asked(parameters={3: 1.0})),
    ("initial 'Y'", "not in the network", asked(initial={"Y": 1.0})),
    ("parameters: 5", "mapping of names", asked(parameters=5)),
    (r"initial: \[1, 2\]", "mapping of names", asked(initial=[1, 2])),
    ("parameters, initial, patients", "must be equal", asked(parameters={"k": [1, 2]}, initial={"X": [1, 2, 3]})),
    *[("t: ", "must be a", asked(t=wrong)) for wrong in (None, "abc", "0", ["0", "1"], [0, None], RAGGED, [False, True], {"a": 1})],
    *[("t: shape", "sequence of times", asked(t=wrong)) for wrong in ([], 5, np.ones((2, 2)), range(0))],
    (r"t\[1\]: 1 after 1", "strictly increasing", asked(t=[1, 1])),
    (r"t\[2\]: 3 after 5", "strictly increasing", asked(t=[0, 5, 3])),
    (r"t\[1\]: nan", "finite", asked(t=[0, np.nan, 2])),
    (r"t\[1\]: inf", "finite", asked(t=[0, np.inf])),
    *[(f"n: {wrong!r}", "whole number of at least 1", asked(n=wrong)) for wrong in (0, -1, 1.5, "a", None, True, 2.0)],
    *[(f"seed: {wrong!r}", "whole number of at least 0", asked(seed=wrong)) for wrong in (-1, "a", None, 1.5, True)],
    (f"seed: {2**64}", r"below 2\*\*64", asked(seed=2**64)),
    *[(f"threads: {wrong!r}", "whole number of at least 1", asked(threads=wrong)) for wrong in (0, -1, "a", 1.5)],
    *[(f"first_replicate: {wrong!r}", "whole number of at least 0", asked(first_replicate=wrong)) for wrong in (-1, "a", None)],
    ("first_replicate, n", r"below 2\*\*32", asked(first_replicate=2**32)),
    ("progress: 'yes'", "True, False or a function", asked(progress="yes")),
    *[("patients: ", "whole numbers", asked(patients=wrong)) for wrong in ("a", 3, [1.5], [None], [True], RAGGED)],
    *[(f"patients: {wrong}", r"from 0 to 2\*\*32 - 1", asked(patients=[wrong])) for wrong in (-1, 2**32, 2**63)],
    ("outputs: 5", "list of names", asked(outputs=5)),
    ("outputs: {'X': 1}", "list of names", asked(outputs={"X": 1})),
    ("output 'Z'", "neither a species nor a definition", asked(outputs=["Z"])),
    ("output 'twise'", "did you mean 'twice'", asked(outputs="twise")),
    (r"output \['X'\]", "neither a species nor a definition", asked(outputs=[["X"]])),
    *[(f"seed: {wrong!r}", "whole number", lambda wrong=wrong: sim.run("untreated", seed=wrong)) for wrong in ("a", None, 1.5, -1)],  # type: ignore[misc]
    *[(f"threads: {wrong!r}", "whole number", lambda wrong=wrong: sim.run("untreated", threads=wrong)) for wrong in ("a", 0, 1.5)],  # type: ignore[misc]
]  # fmt: skip


@pytest.mark.parametrize(
    ("place", "rule", "ask"), MISTAKES, ids=[f"{i}-{m[0]}" for i, m in enumerate(MISTAKES)]
)
def test_a_mistake_is_one_line_that_names_place_value_rule_and_fix(
    place: str, rule: str, ask: Callable[[], object]
) -> None:
    with pytest.raises(InputError, match=rf"^{place}.*{rule}") as caught:
        ask()
    (line,) = caught.value.problems
    assert "\n" not in line
    parts = 1 if isinstance(caught.value, NetworkError) else 2  # the unknown name is place and value in one
    assert line.count("; ") >= parts, "a fix follows the rule"
    assert len(line) < 250
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("kernel", KERNELS)
def test_numbers_of_every_kind_are_taken(kernel: str) -> None:
    """Whole numbers, fractions, arrays of any width and pandas' columns say the same."""
    import pandas as pd

    given = [
        {"k": 0.5},
        {"k": Fraction(1, 2)},
        {"k": np.float32(0.5)},
        {"k": [0.5]},
        {"k": pd.Series([0.5])},
        {"k": np.array([Fraction(1, 2)], dtype=object)},
    ]
    found = {
        simulate(decay(), (0, 1), kernel, parameters=one, seed=np.uint64(1)).values.tobytes() for one in given
    }
    assert len(found) == 1
    starts = [{"X": 7}, {"X": np.int8(7)}, {"X": np.array([7], dtype=np.uint16)}]
    assert len({simulate(decay(), range(2), kernel, initial=one).values.tobytes() for one in starts}) == 1
    times = [
        range(3),
        (0, 1, 2),
        np.arange(3),
        iter([0, 1, 2]),
        pd.Series([0.0, 1.0, 2.0]),
        np.arange(3, dtype=np.float32),
    ]
    assert len({simulate(decay(), t, kernel).values.tobytes() for t in times}) == 1  # type: ignore[arg-type]


def test_options_of_numpys_kinds_are_taken() -> None:
    usual = simulate(decay(), [0, 1], ODE(rtol=0.25, atol=0.5, max_step=1, max_steps=100))
    same = ODE(rtol=np.float32(0.25), atol=np.float32(0.5), max_step=np.int32(1), max_steps=np.int16(100))  # type: ignore[arg-type]
    assert simulate(decay(), [0, 1], same).values.tobytes() == usual.values.tobytes()
    named = ODE(rtol=0.25, atol={"X": 0.5}, max_step=1, max_steps=100)
    assert simulate(decay(), [0, 1], named).values.tobytes() == usual.values.tobytes()


def test_an_empty_batch_and_no_outputs_are_no_mistake() -> None:
    assert simulate(decay(), [0, 1], parameters={"k": []}).values.shape == (0, 2, 2)
    assert simulate(decay(), [0, 1], outputs=[]).values.shape == (1, 2, 0)
    assert simulate(decay(), [0, 1], outputs=("X", "twice")).names == ("X", "twice")
