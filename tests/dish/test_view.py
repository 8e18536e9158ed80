"""What of a killing assay is shown to people."""

from __future__ import annotations

from sim.dish.reading import load_assay
from sim.dish.view import sections


def test_an_assay_is_shown_with_its_products_numbers_and_how_it_is_computed():
    changes = {
        "dish.memory_fraction": {"value": 20, "unit": "percent", "note": "sorted"},
        "dish.room": 50_000 * 8,
        "products.cd22.expansion": 1.1,
    }
    found = sections(load_assay("killing-assay", changes))
    shown = {title: {row[0]: row for row in rows} for title, rows in found}
    dish, products = shown["Dish"], shown["Products"]
    assert dish["memory cells"][1:] == ("20 % of the CAR T cells", "assumed, sorted")
    assert dish["step"][1] == "0.5 h between cells and medium"
    assert dish["room"][1] == "for 400000 cells of a kind"
    assert products["cd22"][1] == "CD22 CAR: cd22, single, 4-1bb"
    assert products["cd22: threshold"][1] == "1500 molecules/cell"
    assert products["cd22: expansion"][1] == "1.1 1/day"
    assert shown["Parameters"]["contact_loss"][1] == "0.3"
