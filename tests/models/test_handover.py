"""Leukaemia cells from the classes of the grid and back, and rows that change between the two.

Statistical tests: n in each; bounds of 5 standard errors, or p above 1e-6; seed 1.
"""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from sim.errors import InputError
from sim.kernels import agent_layout as kernel
from sim.models.antigen import AntigenGrid
from sim.models.design import Design, ProductDesign
from sim.models.handover import hand_over
from sim.models.leukaemia import build
from sim.network.agents import Agents
from sim.network.handover import HandingOver, HandOver, _Row, simulate_handing_over
from sim.network.residual import Residual
from sim.network.simulation import Hybrid, simulate
from sim.network.streams import uniforms

DENSITIES = {"cd19_density": 11300.0, "cd19_spread": 0.2, "cd22_density": 3000.0, "cd22_spread": 0.34}


def design(levels: int = 3) -> Design:
    return Design(grid=AntigenGrid(levels), products=(ProductDesign("a", ("cd22",)),))


def drawn(described: HandOver, numbers: np.ndarray, densities: Mapping[str, float] = DENSITIES) -> tuple:
    luck = uniforms(1, [0], 77, count=2 * int(numbers.sum()))[0].reshape(-1, 2)
    return described.to_cells(numbers, luck, densities)


@pytest.mark.parametrize("levels", [1, 3, 6, 12])
def test_cells_belong_to_the_class_that_they_come_from(levels: int) -> None:
    described = hand_over(design(levels))
    numbers = np.arange(len(described.classes)) * 37 % 1000
    found = described.to_counts(*drawn(described, numbers), DENSITIES)
    np.testing.assert_array_equal(found, numbers)


def test_cells_of_all_levels_together_have_the_stationary_law() -> None:
    """100,000 cells dealt to the levels by their weights: CD22 is log-normal, of mean and spread of the patient; CD19 likewise."""
    described = hand_over(design(6))
    numbers = np.zeros(len(described.classes), np.int64)
    grid = AntigenGrid(6)
    for name, weight in zip(grid.level_names, grid.ladder.weights, strict=True):
        numbers[described.classes.index(f"marrow_two_{name}")] = round(1e5 * weight)
    values, _ = drawn(described, numbers)
    for row, antigen in ((kernel.LN22, "cd22"), (kernel.LN19, "cd19")):
        scale = math.log(10) * DENSITIES[f"{antigen}_spread"]
        standard = (values[row].astype(float) - math.log(DENSITIES[f"{antigen}_density"])) / scale
        assert stats.kstest(standard, "norm").pvalue > 1e-6
        assert stats.kstest(standard * 1.05, "norm").pvalue < 1e-6, "five percent more would be seen"


def test_cells_of_a_level_lie_about_its_position() -> None:
    """20,000 cells of each of three levels."""
    described = hand_over(design(3))
    for k, position in enumerate(AntigenGrid(3).ladder.positions):
        numbers = np.zeros(len(described.classes), np.int64)
        numbers[described.classes.index(f"marrow_two_level{k}")] = 20_000
        values, _ = drawn(described, numbers)
        scale = math.log(10) * DENSITIES["cd22_spread"]
        standard = (values[kernel.LN22].astype(float) - math.log(DENSITIES["cd22_density"])) / scale
        assert abs(standard.mean() - position) < 5 * standard.std() / math.sqrt(20_000)


def test_cells_have_the_densities_of_the_day_on_which_they_are_made() -> None:
    """Else they would walk for all the days before, out of the class that they come from."""
    described = hand_over(design())
    parameters = np.array([float(p.value) for p in described.counts.all_parameters])
    initial = np.array([float(s.initial) for s in described.counts.all_species])
    row = _Row(
        described,
        HandingOver(),
        np.array([0.0, 200.0]),
        (),
        (1, 0, 0),
        parameters,
        initial,
        Residual.of(1, 2),
    )
    row.counts.x[row.places] = 0.0
    row.counts.x[row.places[0]] = 500.0
    row._become_cells(100.0)
    values, _, clone = row.cells.gather()
    assert len(clone) == 500
    assert (values[kernel.TOUCHED] == 100.0).all()


UNTREATED = Design()
UNTREATED_NETWORK = build(UNTREATED)
BURDEN = {
    "marrow_two_level0": 1.0,
    "marrow_two_level1": 36.4,
    "marrow_two_level2": 2.0,
    "marrow_none_lost": 0.6,
}
RATES = {"net_growth_rate": 0.05, "blast_death_rate": 0.2}
SURROUNDINGS = Hybrid(tolerance=0.2, threshold=300.0)


def rows(n: int, below: int, threads: int = 1, days: tuple[float, ...] = (0.0, 20.0, 60.0)) -> np.ndarray:
    options = HandingOver(below=below, agents=Agents(capacity=20_000, step=1.0, surroundings=SURROUNDINGS))
    out = simulate_handing_over(
        hand_over(UNTREATED), days, options, n=n, seed=1, parameters=RATES, initial=BURDEN, outputs=("leukaemia_cells",), threads=threads
    )  # fmt: skip
    assert out.ok.all()
    return out["leukaemia_cells"]


def test_lines_that_become_cells_and_counts_again_have_the_law_of_counts() -> None:
    """Forty founders, 300 rows: share gone by day 60, and the mean; beside 4,000 rows of counts. Cells are counts again above 60."""
    exact = simulate(
        UNTREATED_NETWORK,
        [0.0, 20.0, 60.0],
        SURROUNDINGS,
        n=4_000,
        seed=2,
        parameters=RATES,
        initial=BURDEN,
        outputs=["leukaemia_cells"],
    )
    counts, cells = exact["leukaemia_cells"], rows(300, below=30)
    for k in (1, 2):
        error = np.hypot(counts[:, k].std() / math.sqrt(4_000), cells[:, k].std() / math.sqrt(300))
        assert abs(counts[:, k].mean() - cells[:, k].mean()) < 5 * error
    assert stats.ks_2samp(counts[:, 2], cells[:, 2]).pvalue > 1e-6


def test_threads_change_no_byte() -> None:
    assert rows(6, below=200, threads=1).tobytes() == rows(6, below=200, threads=2).tobytes()


ROWS_OF_BOTH = """
import sys
import numba.core.dispatcher
from sim.network import handover
from sim.dish import wells
import sim

compiled = []
compile_one = numba.core.dispatcher.Dispatcher.compile

def compile_seen(self, signature):
    compiled.append(self.py_func.__name__)
    return compile_one(self, signature)

def loaded(work, tasks, *rest):
    print(sorted(name for name in sys.modules if name.startswith("sim.kernels.")))
    before = set(sys.modules)
    compiled.clear()
    for task in list(tasks)[:2]:
        work(task)
    print([name for name in sorted(set(sys.modules) - before) if name.startswith(("numba", "sim"))])
    print(compiled)
    raise SystemExit

numba.core.dispatcher.Dispatcher.compile = compile_seen

which = sys.argv[1]
(handover if which == "trial" else wells).over_threads = loaded
if which == "trial":
    sim.run("residual-clone", patients=1, threads=1)
else:
    sim.run_assay("killing-assay", threads=1)
"""


@pytest.mark.parametrize("which", ["trial", "assay"])
def test_all_is_loaded_before_threads_begin(which: str) -> None:
    """Rows by threads load no module of numba or ours: what one thread adds to numba's table of types another may be reading.

    Nor do they compile a function or load a compiled one: where it is not kept yet, that loads the modules.
    """
    done = subprocess.run(
        [sys.executable, "-c", ROWS_OF_BOTH, which], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    before, during, compiled = done.stdout.splitlines()
    assert "'sim.kernels.agents'" in before
    assert "'sim.kernels.hybrid'" in before
    assert during == "[]"
    assert compiled == "[]"


@pytest.mark.parametrize(
    ("options", "place"),
    [
        ({"below": 0}, "HandingOver(below=)"),
        ({"below": 2.5}, "HandingOver(below=)"),
        ({"below": 50_001}, "HandingOver(below=)"),
        ({"look": 0.0}, "HandingOver(look=)"),
    ],
)
def test_options_out_of_range_are_one_line(options: dict[str, float], place: str) -> None:
    with pytest.raises(InputError, match="^" + place.replace("(", r"\(").replace(")", r"\)")) as found:
        HandingOver(**options)
    assert "\n" not in str(found.value)


def test_there_is_room_for_what_becomes_counts_again() -> None:
    """Twice as many as become cells, and what they grow by within a step."""
    for below, capacity in ((50_000, 200_000), (1, 4)):
        assert HandingOver(below=below, agents=Agents(capacity=capacity)).below == below
    with pytest.raises(InputError, match=r"Agents\(capacity=399\); .* a capacity of at least 400$"):
        HandingOver(below=100, agents=Agents(capacity=399))


@pytest.mark.parametrize("switched", [True, False])
def test_cells_of_a_grid_without_the_switched_class_do_not_switch_and_all_are_counted(switched: bool) -> None:
    """Cells that grow from ten past sixty with one switch in five divisions: they become counts again to the last cell."""
    design = Design(grid=AntigenGrid(3, lineage_switch=switched), niche=False)
    described, seen = hand_over(design), []

    def to_counts(values: np.ndarray, marks: np.ndarray, p: Mapping[str, float]) -> np.ndarray:
        numbers = described.to_counts(values, marks, p)
        seen.append((values.shape[1], numbers.sum(), (marks[kernel.FLAGS] & kernel.SWITCHED > 0).any()))
        return numbers

    rates = {"net_growth_rate": 0.3, "blast_death_rate": 0.0, "lineage_switch_rate": 0.2}
    out = simulate_handing_over(
        replace(described, to_counts=to_counts), [0.0, 12.0], HandingOver(below=30, agents=Agents(capacity=2000)), n=5, seed=1,
        parameters=rates, initial={"marrow_two_level1": 10.0}, outputs=["leukaemia_cells"], threads=1,
    )  # fmt: skip
    assert out.ok.all()
    assert len(seen) >= 5
    assert all(cells == counted for cells, counted, _ in seen)
    assert any(some for *_, some in seen) == switched
