"""Models of papers: where their numbers are from, the page that shows them, and names that are none."""

from __future__ import annotations

import math

import pytest

import sim
from sim.errors import InputError
from sim.models.published import martinez_rubio2025
from sim.models.published.record import PublishedModel
from sim.network.simulation import simulate
from tests.models import page
from tests.models.published import MODELS

each = pytest.mark.parametrize("model", MODELS.values(), ids=lambda model: model.name)


@each
def test_every_parameter_has_unit_source_kind_and_meaning(model: PublishedModel) -> None:
    for parameter in model.build().all_parameters:
        assert all((parameter.unit, parameter.source, parameter.kind, parameter.description)), parameter.name


@each
def test_every_species_has_unit_and_meaning(model: PublishedModel) -> None:
    for species in model.build().all_species:
        assert all((species.unit, species.description)), species.name


@each
def test_the_record_says_where_it_is_from(model: PublishedModel) -> None:
    assert "doi:" in model.source or "github.com" in model.source
    assert model.build().name == model.name
    assert model.terms
    assert all(headline.what and headline.unit and headline.published for headline in model.headlines)


@each
def test_titles_and_figures_say_enough_alone(model: PublishedModel) -> None:
    """A line of `cartsim list --models` is 120 columns at most."""
    texts = [model.title, *(one.what for one in model.headlines), *(one.published for one in model.headlines)]
    assert not [text for text in texts if text.startswith(("the same", "its "))]
    assert len(model.title) <= 80
    assert len({one.what for one in model.headlines}) == len(model.headlines)


def test_a_number_of_one_source_has_one_kind() -> None:
    """Kimmel's fits are fits wherever they stand."""
    mine = {one.name: one for one in MODELS["kimmel2021"].build().all_parameters}
    theirs = {one.name: one for one in MODELS["martinez-rubio2025"].build().all_parameters}
    pairs = {
        "k_N": "K_N",
        "k_C": "K_C",
        "r_N": "r_N",
        "p_C": "rho_C",
        "a_H": "a",
        "b": "b",
        "r_B": "r_B",
        "g_B": "gamma_B",
    }
    for name, other in {**pairs, "k_B": "k_B"}.items():
        assert (theirs[name].value, theirs[name].kind) == (mine[other].value, mine[other].kind), name
    both: dict[tuple[str, str, float], set[str]] = {}
    for model in MODELS.values():
        for one in model.build().all_parameters:
            both.setdefault((one.source, one.name, one.value), set()).add(one.kind)
    assert not [key for key, kinds in both.items() if len(kinds) > 1]


@each
def test_a_kind_is_what_the_source_says(model: PublishedModel) -> None:
    """What an estimate made is called fitted in its source, and no fit is called a measurement."""
    for one in model.build().all_parameters:
        fitted = any(
            word in one.source for word in ("fitted", "fit to", "estimated", "Kimmel 2021, table 1 and")
        )
        assert one.kind != "measured", one.name
        if one.kind == "fitted":
            assert fitted, one.name
        elif fitted:
            assert one.name == "k_N", "Kimmel's from the literature"


def test_the_page_of_the_models_has_what_the_records_have() -> None:
    """`python -m tests.models.page` writes it."""
    assert page.text() == page.PAGE.read_text("utf-8")


# --- errors -----------------------------------------------------------------------------------------------------------


def test_an_unknown_model_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(InputError, match="did you mean 'kimmel2021'"):
        sim.load_model("kimmel2020")


@pytest.mark.parametrize(
    ("name", "variants"),
    [
        ("liu2022", "'liu2022-remission' or 'liu2022-negative-relapse'"),
        ("barros2021", "'barros2021-hdlm2' or 'barros2021-raji'"),
    ],
)
def test_a_paper_with_several_models_names_them(name: str, variants: str) -> None:
    with pytest.raises(InputError, match=f"did you mean {variants}"):
        sim.load_model(name)


def test_a_name_for_a_network_is_refused_with_the_way_to_get_one() -> None:
    with pytest.raises(InputError, match="load_model"):
        simulate("kimmel2021", [0, 1])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("share", "antigen"), [(1.5, None), (-0.1, 1.0), (0.5, None), (0.5, 0.0), (0.5, math.inf)]
)
def test_a_blend_that_cannot_be_is_refused(share: float, antigen: float | None) -> None:
    with pytest.raises(InputError):
        martinez_rubio2025.build(share, antigen)
