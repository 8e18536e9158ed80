"""A network in text, LaTeX and Markdown, to the letter."""

from __future__ import annotations

import pytest

from sim.network import Network


@pytest.fixture
def network() -> Network:
    net = Network("birth-death", time_unit="day")
    net.species("X", 100, unit="cells", description="leukaemia")
    net.species("C", 0.5, kind="concentration")
    net.parameter("r_X", 0.1, unit="1/day", source="Kendall 1948", kind="measured")
    net.parameter("death", 1e-7)
    net.define("total_birth", "r_X*X")
    net.reaction("division", "X -> 2 X", "total_birth")
    net.reaction("death", {"X": -1}, "death*X*C")
    net.event("dose", at=25, add={"X": 50})
    net.event("chemo", at="2*r_X", survive={"X": "10**-3"}, if_="X > 10")
    net.event("end", when="X >= 1e9", set={"C": 0}, stop=True, description="a death")
    return net


def test_text_groups_everything_with_its_unit_and_source(network: Network) -> None:
    assert network.equations() == (
        "birth-death, time in day\n"
        "\n"
        "Species\n"
        "  X  = 100 at the start  cells  count          leukaemia\n"
        "  C  = 0.5 at the start         concentration\n"
        "\n"
        "Parameters\n"
        "  r_X    = 0.1   1/day  measured: Kendall 1948\n"
        "  death  = 1e-7         assumed\n"
        "\n"
        "Definitions\n"
        "  total_birth  = r_X*X\n"
        "\n"
        "Reactions\n"
        "  division:  X -> 2 X  at  total_birth\n"
        "  death:     X -> 0    at  death*X*C\n"
        "\n"
        "Equations\n"
        "  d X/dt  = total_birth - death*X*C\n"
        "  d C/dt  = 0\n"
        "\n"
        "Events\n"
        "  dose:   at time 25: X gains 50\n"
        "  chemo:  at time 2*r_X, if X > 10: each X survives with probability 10**-3\n"
        "  end:    whenever X >= 1e9 becomes true: C becomes 0, the course ends  a death\n"
        "\n"
        "Populations under kernel hybrid, when small\n"
        "  by their exact law:  X\n"
    )


def test_text_says_which_counts_have_their_exact_law_when_small() -> None:
    net = Network("pairs")
    for name in ("A", "B", "P", *(f"mutants_of_line_{k}" for k in range(8))):
        net.species(name, 10)
    net.reaction("division", "A -> 2 A", "0.1*A")
    net.reaction("pairing", "2 B -> P", "0.1*B*(B - 1)")
    lines = net.equations().split("Populations under kernel hybrid, when small\n")[1].splitlines()
    assert lines[0].split() == [
        "by",
        "their",
        "exact",
        "law:",
        "A,",
        *(f"mutants_of_line_{k}," for k in range(5)),
    ]
    assert lines[1].split() == [*(f"mutants_of_line_{k}," for k in range(5, 7)), "mutants_of_line_7"]
    assert lines[2:] == ["  event by event:      B, P"]


def test_source_without_a_kind_speaks_for_itself() -> None:
    net = Network("sourced")
    net.species("X", 5)
    net.parameter("K", 1.0, source="Kendall 1948")
    net.parameter("k", 1.0, source="our choice", kind="assumed")
    lines = net.equations().splitlines()
    assert [line.split("= 1")[1].strip() for line in lines if "= 1" in line] == [
        "Kendall 1948",
        "assumed: our choice",
    ]
    assert "| `K` | 1 |  |  | Kendall 1948 |" in net._repr_markdown_()


def test_groups_without_entries_are_left_out() -> None:
    net = Network("still")
    net.species("X")
    assert net.equations() == (
        "still, time in day\n\nSpecies\n  X  = 0 at the start  count\n\nEquations\n  d X/dt  = 0\n"
        "\nPopulations under kernel hybrid, when small\n  by their exact law:  X\n"
    )


def test_a_long_sum_goes_over_lines_between_its_terms() -> None:
    net = Network("long")
    net.species("X", kind="concentration")
    names = [f"rate_of_process_{i}" for i in range(12)]
    for name in names:
        net.parameter(name, 1)
    net.reaction("r", "0 -> X", " - ".join(names) + " - (rate_of_process_1 + rate_of_process_2)*X - (1 - X)")
    text = net.equations()
    equation = text[text.index("  d X/dt") :].split("\n")
    assert [line.strip() for line in equation[:3]] == [
        "d X/dt  = rate_of_process_0 - rate_of_process_1 - rate_of_process_2 - rate_of_process_3 - rate_of_process_4",
        "- rate_of_process_5 - rate_of_process_6 - rate_of_process_7 - rate_of_process_8 - rate_of_process_9",
        "- rate_of_process_10 - rate_of_process_11 - (rate_of_process_1 + rate_of_process_2)*X - (1 - X)",
    ]
    latex = net.to_latex()
    assert latex.count(r"&\quad {} - ") == latex.count("\\\\\n") >= 1
    assert latex.replace("\\\\\n&\\quad {} ", "").count(r"\mathrm{rate") == 14


def test_species_that_survive_alike_are_named_together() -> None:
    net = Network("chemo")
    for name in ("A", "B", "C", "D"):
        net.species(name, 1)
    net.event("chemo", at=1, survive={"A": 0.1, "B": 0.1, "C": 0.1, "D": 0.5})
    events = net.equations().split("Events\n")[1].splitlines()
    assert events[0] == (
        "  chemo:  at time 1: each A, B or C survives with probability 0.1, each D survives with probability 0.5"
    )


def test_latex_aligns_equations_and_definitions(network: Network) -> None:
    assert network.to_latex() == (
        "\\begin{aligned}\n"
        r"\frac{\mathrm{d} X}{\mathrm{d} t} &= \mathrm{total\_birth} - \mathrm{death} \, X \, C \\"
        "\n"
        r"\frac{\mathrm{d} C}{\mathrm{d} t} &= 0 \\"
        "\n"
        r"\mathrm{total\_birth} &= r_{X} \, X"
        "\n\\end{aligned}"
    )
    assert network._repr_latex_() == f"$$\n{network.to_latex()}\n$$"


def test_the_notebook_shows_equations_and_tables(network: Network) -> None:
    shown = network._repr_markdown_()
    assert network.to_latex() in shown
    assert "| `r_X` | 0.1 | 1/day | measured | Kendall 1948 |" in shown
    assert "| division | `X -> 2 X` | `total_birth` |" in shown
    assert r"| chemo | at time 2\*r\_X, if X \> 10: each X survives with probability 10\*\*-3 |" in shown


def test_a_cell_cannot_break_out_of_its_table() -> None:
    net = Network("a|b")
    net.species("X", unit="<b>|</b>")
    shown = net._repr_markdown_()
    assert r"**a\|b**" in shown
    assert r"| `X` | 0 | \<b\>\|\</b\> | count |" in shown


def test_the_notebook_shows_what_is_wrong_instead_of_raising() -> None:
    net = Network("unfinished")
    net.species("X")
    net.reaction("r", "X -> 0", "k*X")
    assert r"- network 'unfinished', reaction 'r': rate 'k\*X'; 'k' is no species" in net._repr_markdown_()


def test_repr_counts_the_parts(network: Network) -> None:
    assert repr(network) == "<Network 'birth-death': 2 species, 2 parameters, 2 reactions, 3 events>"
