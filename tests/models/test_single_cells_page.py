"""docs/single-cells.md: its tables are those of the networks, and what it names in the code is there."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from docs import single_cells as page
from sim.models.agents import SINGLE_CELL_PARAMETERS, agent_model
from sim.models.dish import DISH_PARAMETERS
from sim.models.leukaemia import build
from sim.network.cells import Cells
from sim.network.t_cells import TCells

ROOT = Path(__file__).parents[2]
TEXT = page.PAGE.read_text("utf-8")
NAMED = re.compile(r"((?:`[\w.]+`(?:, | and )?)+) in\s+`(sim/[\w/]+\.py)`")


def rows(table: str) -> list[list[str]]:
    return [line.strip("| ").split(" | ") for line in table.splitlines()[2:]]


def test_the_tables_are_those_of_the_networks() -> None:
    """`python docs/single_cells.py` writes them."""
    assert page.text() == TEXT


def test_every_parameter_that_cells_do_not_tell_stands_in_one_table() -> None:
    listed = [row[0].strip("`") for table in page.parts().values() for row in rows(table)]
    assert len(listed) == len(set(listed))
    for design in (page.BODY, page.DISH):
        net = build(design)
        told = set(agent_model(design, net).told)
        assert {p.name for p in net.all_parameters} - told <= set(listed)
        assert not told & set(listed)


def test_tables_hold_what_their_heading_says() -> None:
    names = {one: {row[0].strip("`") for row in rows(table)} for one, table in page.parts().items()}
    assert names["dish"] == set(DISH_PARAMETERS)
    assert set(SINGLE_CELL_PARAMETERS) | {"killing_rate", "threshold_P_cd22"} <= names["leukaemia cells"]
    assert {"signal_saturation", "exhaustion_order"} <= names["car t cells"]


def test_every_row_has_unit_kind_and_meaning_and_every_kind_is_what_the_page_says() -> None:
    cells = [line.split(" | ") for table in page.parts().values() for line in table.splitlines()[2:]]
    assert all(len(row) == 6 and row[1] and row[2] and row[5].strip(" |") for row in cells)
    assert {row[3] for row in cells} == {"assumed"}, "the known limits say that every default is assumed"


def test_a_table_that_is_not_todays_would_be_found(tmp_path, monkeypatch) -> None:
    old = TEXT.replace("| `killing_rate` | 16 |", "| `killing_rate` | 17 |")
    assert old != TEXT
    monkeypatch.setattr(page, "PAGE", tmp_path / "page.md")
    page.PAGE.write_text(old, "utf-8")
    assert page.text() == TEXT
    page.PAGE.write_text(TEXT.replace("<!-- dish: ", "<!-- bowl: "), "utf-8")
    with pytest.raises(ValueError, match="0 marks 'dish'"):
        page.text()


def test_the_bytes_of_the_records_are_those_of_the_arrays() -> None:
    def bytes_of(*arrays: np.ndarray) -> int:
        return sum(array.nbytes // (array.shape[0] * array.shape[-1]) for array in arrays)

    cells, killers = Cells(100), TCells(100)
    leukaemia = bytes_of(cells.values, cells.marks, cells.clone)
    car_t = bytes_of(killers.marks, killers.counts, killers.stimulation)
    assert re.findall(r"Its record has (\d+) bytes", TEXT) == [str(leukaemia), str(car_t)]


def test_the_places_that_the_page_names_are_in_the_code() -> None:
    for path in set(re.findall(r"`((?:sim|tests)/[\w/]+\.py)`", TEXT)):
        assert (ROOT / path).is_file(), path
    found = NAMED.findall(TEXT)
    assert len(found) > 20
    for names, path in found:
        source = (ROOT / path).read_text("utf-8")
        for name in re.findall(r"`([\w.]+)`", names):
            for part in name.split("."):
                assert re.search(rf"(def|class) {part}\b", source), (name, path)


def test_the_names_in_the_submodels_are_those_of_the_networks_or_of_functions() -> None:
    submodels = TEXT.split("## 7. Submodels")[1].split("### 7.13")[0]
    sources = [(ROOT / path).read_text("utf-8") for path in set(re.findall(r"`(sim/[\w/]+\.py)`", submodels))]
    known = {name for source in sources for name in re.findall(r"(?:def|class) (\w+)", source)}
    for net in (build(page.BODY), build(page.DISH)):
        for group in (net.all_species, net.all_parameters, net.all_definitions):
            known |= {one.name for one in group}
    spoken = [text for text in re.findall(r"`([^`]+)`", submodels) if not text.startswith("sim/")]
    words = {word for text in spoken for word in re.findall(r"[A-Za-z_]\w*", text)} - {"K"}
    unknown = {word for word in words if word.replace("SITE", "node").replace("ANTIGEN", "cd22") not in known}
    assert len(words) > 50
    assert not unknown
