"""Models of papers: the kernel against SciPy scripts of their own.

The scripts in tests/reference write the equations and the values anew, often in logarithms or in closed form, and know nothing of sim.
"""

from __future__ import annotations

import ast
from pathlib import Path

import numpy as np
import pytest

import sim
from sim.errors import InputError
from sim.network.simulation import simulate
from tests.models.published import COMPARISONS, MODELS, RELATIVE, TIGHT, Comparison, course


@pytest.mark.parametrize("comparison", COMPARISONS, ids=str)
def test_the_kernel_agrees_with_the_script_at_every_time(comparison: Comparison) -> None:
    """Relative difference below 2e-6 wherever a population is above the floor of its model; rtol 1e-9 against 1e-10."""
    run = comparison.kernel()
    assert run.ok.all()
    for name, expected in comparison.script().items():
        allowed = RELATIVE * np.maximum(np.abs(expected), comparison.floor)
        assert np.max(np.abs(run[name][0] - expected) / allowed) < 1, name


@pytest.mark.parametrize("name", MODELS)
def test_a_change_of_any_parameter_by_one_per_cent_is_seen(name: str) -> None:
    """Against the network itself: where both differ by more than a comparison allows, so does the wrong one from the script."""
    comparisons = [one for one in COMPARISONS if one.name == name]
    unseen = {one.name for comparison in comparisons for one in comparison.network().all_parameters}
    for comparison in comparisons:
        values = {one.name: one.value for one in comparison.network().all_parameters} | comparison.parameters
        moved = {key: np.full(len(values) + 1, value) for key, value in values.items()}
        for row, column in enumerate(moved.values(), start=1):
            column[row] *= 1.01
        run = comparison.kernel(**moved)
        assert run.ok.all()
        for species in comparison.script():
            right = run[species][0]
            allowed = RELATIVE * np.maximum(np.abs(right), comparison.floor)
            apart = np.max(np.abs(run[species] - right) / allowed, axis=1)
            unseen -= {key for key, size in zip(values, apart[1:], strict=True) if size > 2}
    assert not unseen


def test_the_control_of_the_comparison_fails_where_an_equation_is_wrong() -> None:
    """One per mille of the capacity of the CAR T cells, which the comparison must see."""
    comparison = Comparison("kimmel2021")
    wrong = comparison.kernel(K_C=139 * 1.001)["C"][0]
    assert abs(wrong / comparison.script()["C"] - 1).max() > 1e-3


def test_the_share_of_the_homeostatic_signal_is_a_parameter_only_where_there_is_an_antigenic_one() -> None:
    with pytest.raises(InputError, match="share"):
        simulate(sim.load_model("martinez-rubio2025"), [0, 7], TIGHT, parameters={"share": 0.5})
    blend = Comparison("martinez-rubio2025", blend=(1.0, 1e6)).network()
    half = course(blend, [0, 7], share=0.5)["C"][0, -1]
    assert half == pytest.approx(
        course(Comparison("martinez-rubio2025", blend=(0.5, 1e6)).network(), [0, 7])["C"][0, -1]
    )
    assert half != pytest.approx(course(blend, [0, 7])["C"][0, -1], rel=1e-3)


@pytest.mark.parametrize(("name", "day", "species"), [("stein2019", 1, "E"), ("barros2021-hdlm2", 50, "E")])
def test_a_run_that_begins_after_the_dose_has_no_car_t_cells_and_the_notes_say_so(
    name: str, day: float, species: str
) -> None:
    assert (course(MODELS[name].build(), [day, day + 50])[species] == 0).all()
    assert any("a run that begins later has no CAR T cells" in note for note in MODELS[name].notes)


@pytest.mark.parametrize(
    "path", sorted((Path(__file__).parents[1] / "reference").glob("[!t]*.py")), ids=lambda p: p.stem
)
def test_the_scripts_know_nothing_of_sim(path: Path) -> None:
    names: list[str] = []
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names.append(node.module or "")
    assert names
    if (
        path.stem != "course"
    ):  # runs a network's own equations by SciPy, to test the numbers and not the equations
        assert not [name for name in names if name.split(".")[0] == "sim"]
