from __future__ import annotations

from pathlib import Path

import pytest

from sim.dish.reading import load_assay
from sim.errors import ScenarioError
from sim.trial.scenario import Scenario
from sim.trial.scenario_io import find, list_scenarios, load, read_assignments, scenario_names, to_yaml
from sim.trial.scenario_parameters import parameter_problems

FRY = find("fry2018-cd22")


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_the_list_holds_every_shipped_scenario_with_its_question():
    listing = list_scenarios()
    assert [entry.name for entry in listing] == scenario_names()
    assert all(entry.title and entry.question for entry in listing)
    assert [(entry.title, entry.question) for entry in listing] == [
        (scenario.title, scenario.question)
        for scenario in [
            {"trial": load, "killing assay": load_assay}[entry.kind](entry.name) for entry in listing
        ]
    ]


def test_the_list_prints_as_a_table():
    listing = list_scenarios()
    assert len(repr(listing).splitlines()) == len(listing)
    assert listing._repr_markdown_().count("\n") == len(listing) + 1


def test_the_readme_of_the_scenarios_has_a_row_for_each():
    readme = (FRY.parent / "README.md").read_text(encoding="utf-8")
    assert all(f"| `{name}` |" in readme for name in scenario_names())


def test_a_name_and_its_path_are_the_same_scenario():
    assert load("fry2018-cd22") == load(FRY) == load(str(FRY))


def test_changes_can_be_given_while_loading():
    assert load("untreated", {"patients.size": 7}).patients.size == 7


def test_the_yaml_of_a_scenario_reads_back_as_the_same(tmp_path):
    for name in scenario_names("trial"):
        scenario = load(name)
        assert (
            load(write(tmp_path, f"{name}.yaml", to_yaml(scenario))).content_hash() == scenario.content_hash()
        )


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        (
            "  size: 1000",
            "  sise: 1000",
            "size: 1000",
            "patients.sise: 1000; unknown key; did you mean 'size'?",
        ),
        ("enrolled: 15", "enrolled: 0", "enrolled: 15", "arms.higher.enrolled: 0; must be at least 1"),
        ("value: 3e5", "value: -3e5", "value: 3e5", "dose.value: -300000.0; must be at least 0 (cells/kg)"),
        ("horizon: 730", "horizon: 365", "  visits:", "day 455; must not be after the horizon (day 365)"),
        (
            "    arm: lowest",
            "    arm: lowst",
            "    arm: lowest",
            "reported.0.arm: 'lowst'; must be one of the arms; did you mean 'lowest'?",
        ),
    ],
)
def test_a_fault_is_found_with_file_and_line(tmp_path, old, new, line, message):
    text = FRY.read_text(encoding="utf-8")
    number = next(i for i, row in enumerate(text.splitlines(), start=1) if line in row)
    path = write(tmp_path, "trial.yaml", text.replace(old, new))
    with pytest.raises(ScenarioError) as caught:
        load(path)
    assert caught.value.problems[0].startswith(f"{path}:{number}: ")
    assert message in caught.value.problems[0]


def test_an_unknown_parameter_of_the_model_is_found_on_its_line(tmp_path):
    path = write(tmp_path, "trial.yaml", "extends: fry2018-cd22\nparameters:\n  killing_rat: 3\n")
    with pytest.raises(
        ScenarioError,
        match=r"trial.yaml:3: parameters.killing_rat: 3.0; names no parameter .*did you mean 'killing_rate'\?",
    ):
        load(path)


def test_a_parameter_named_without_its_product_is_known(tmp_path):
    path = write(
        tmp_path,
        "trial.yaml",
        "extends: fry2018-cd22\nparameters: {memory_death_rate: 0.01, memory_death_rate_cd22: 0.01}\n",
    )
    assert len(load(path).parameters) == 2


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "fry2018-cd2",
            "scenario: 'fry2018-cd2'; no scenario and no file has this name; did you mean 'fry2018-cd22'?",
        ),
        ("zzz", "no scenario and no file has this name; give a path, or one of "),
        ("no/such.yaml", "no/such.yaml: no such file; "),
        (
            "fry2018-cd2.yaml",
            "no such file; a scenario is a shipped name or an existing file; did you mean 'fry2018-cd22'?",
        ),
        ("", "must be a name or a path"),
        ("a\0b", "must be a name or a path"),
        ("x" * 5000, "must be a name or a path"),
    ],
)
def test_what_does_not_exist_is_named_with_a_suggestion(name, message):
    with pytest.raises(ScenarioError) as caught:
        load(name)
    assert message in str(caught.value)


def test_a_folder_is_no_scenario(tmp_path):
    write(tmp_path, "trial.yaml", "")
    with pytest.raises(
        ScenarioError, match=r"a folder; a scenario is a file; give a file in it, such as trial.yaml"
    ):
        load(tmp_path)


def test_an_unreadable_file_is_refused(tmp_path, monkeypatch):
    path = write(tmp_path, "trial.yaml", "")

    def deny(*_args, **_kwargs):
        raise PermissionError(13, "Permission denied")

    # Root reads everything, so that permissions alone would prove nothing.
    monkeypatch.setattr(Path, "open", deny)
    with pytest.raises(ScenarioError, match=r"trial\.yaml: permission denied; the file must be readable; "):
        load(path)


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"", "an empty file; a scenario maps keys to values; start with schema_version: 1"),
        (b"- 1\n", "[1]; a scenario maps keys to values"),
        (b"name: \xff\n", "must be UTF-8 text"),
        (FRY.read_bytes()[:1500], ""),
        (FRY.read_bytes()[: FRY.read_bytes().index(b"low: 12") + 8], "the text ends too early; complete it"),
    ],
    ids=["empty", "list", "latin", "truncated", "truncated in a flow"],
)
def test_a_file_that_is_no_scenario_is_refused(tmp_path, raw, message):
    path = tmp_path / "trial.yaml"
    path.write_bytes(raw)
    with pytest.raises(ScenarioError) as caught:
        load(path)
    assert str(caught.value).startswith(f"{path}:")
    assert message in str(caught.value)


def test_a_byte_order_mark_and_windows_line_ends_do_no_harm(tmp_path):
    path = tmp_path / "trial.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + FRY.read_bytes().replace(b"\n", b"\r\n"))
    assert load(path).content_hash() == load(FRY).content_hash()


class TestExtends:
    def test_blocks_merge_and_lists_and_laws_are_replaced(self, tmp_path):
        path = write(
            tmp_path,
            "child.yaml",
            """
            extends: fry2018-cd22
            name: child
            patients: {size: 50, weight: {value: 70}, prior_transplant: 0.5}
            assay: {visits: [28, 90]}
            arms: {lowest: {enrolled: 3}}
            products: {cd22: {threshold: 2000}}
            """,
        )
        child, base = load(path), load("fry2018-cd22")
        assert (child.name, child.patients.size, child.patients.weight.median()) == ("child", 50, 70.0)
        assert child.patients.burden == base.patients.burden
        assert child.patients.prior_transplant.probability == 0.5
        assert child.assay.visits == (28.0, 90.0)
        assert child.assay.mrd_limit == base.assay.mrd_limit
        assert child.arms["lowest"].enrolled == 3
        assert child.arms["lowest"].infusions == base.arms["lowest"].infusions
        assert child.arms["higher"] == base.arms["higher"]
        assert child.products["cd22"].targets == ("cd22",)

    def test_a_block_with_a_probability_is_no_law(self, tmp_path):
        write(
            tmp_path, "base.yaml", "extends: untreated\nname: base\ntransplant: {probability: 0.2, day: 80}\n"
        )
        child = load(
            write(tmp_path, "child.yaml", "extends: base.yaml\nname: child\ntransplant: {probability: 0.4}\n")
        )
        assert child.transplant.probability.probability == 0.4
        assert child.transplant.day.median() == 80.0

    def test_null_takes_a_block_away(self, tmp_path):
        path = write(tmp_path, "child.yaml", "extends: fry2018-cd22\nlymphodepletion: null\n")
        assert load(path).lymphodepletion is None

    def test_a_fault_names_the_file_in_which_it_stands(self, tmp_path):
        base = write(tmp_path, "base.yaml", "extends: untreated\npatients: {size: 0}\n")
        child = write(tmp_path, "child.yaml", "extends: base.yaml\nassay:\n  visits: [28, 400]\n")
        with pytest.raises(ScenarioError) as caught:
            load(child)
        assert any(line.startswith(f"{base}:2: patients.size: 0; ") for line in caught.value.problems)
        write(tmp_path, "base.yaml", "extends: untreated\n")
        with pytest.raises(ScenarioError) as caught:
            load(child)
        assert caught.value.problems[0].startswith(f"{child}:3: assay.visits.1: day 400; ")

    @pytest.mark.parametrize(
        ("files", "message"),
        [
            ({"a.yaml": "extends: a.yaml"}, "a.yaml:1: extends: 'a.yaml'; a scenario does not extend itself"),
            (
                {"a.yaml": "extends: b.yaml", "b.yaml": "name: b\nextends: a.yaml"},
                "b.yaml:2: extends: 'a.yaml'; a scenario does not extend itself",
            ),
            (
                {"a.yaml": "extends: fry2018"},
                "no scenario and no file has this name; did you mean 'fry2018-cd22'?",
            ),
            ({"a.yaml": "extends: [x]"}, "must be a name or a path"),
            (
                {
                    "a.yaml": "extends: 1.yaml",
                    **{f"{i}.yaml": f"extends: {i + 1}.yaml" for i in range(1, 12)},
                    "12.yaml": "name: x",
                },
                "at most 8 scenarios extend each other",
            ),
        ],
    )
    def test_cycles_long_chains_and_missing_bases_are_refused(self, tmp_path, files, message):
        for name, text in files.items():
            write(tmp_path, name, text)
        with pytest.raises(ScenarioError) as caught:
            load(tmp_path / "a.yaml")
        assert message in str(caught.value)


class TestAssignments:
    def test_values_are_yaml(self):
        texts = ["a.b=1e-3", "c=[28, 90]", "d={value: 3, unit: kg}", "e=no", "f=", "g=x=y", " h =1"]
        assert read_assignments(texts) == {
            "a.b": 1e-3,
            "c": [28, 90],
            "d": {"value": 3, "unit": "kg"},
            "e": "no",
            "f": None,
            "g": "x=y",
            "h": 1,
        }

    @pytest.mark.parametrize(
        ("texts", "message"),
        [
            (["a"], "--set: 'a'; must be PATH=VALUE; write for example patients.size=50"),
            (["=3"], "must be PATH=VALUE"),
            (["a=1", "a=2"], "--set a: given twice"),
            (["a=[1"], "--set a:1: not YAML"),
            (["a=!x 1"], "a scenario has no tags"),
            (["a=1\nb: 2"], "a value is one line"),
            (["a=" + "x" * 70_000], "more than 64 KiB"),
            ([f"a{i}=1" for i in range(1001)], "at most 1000"),
        ],
    )
    def test_what_is_no_assignment_is_refused(self, texts, message):
        with pytest.raises(ScenarioError) as caught:
            read_assignments(texts)
        assert message in str(caught.value)


def test_resolved_data_is_a_scenario_file(tmp_path):
    document = load("turtle2016-cd19").resolved()
    assert Scenario.parse(document).content_hash() == load("turtle2016-cd19").content_hash()


EXAMPLE = """
schema_version: 1
name: fry2018-cd22
title: CD22 CAR T in children and young adults, dose escalation
question: Does a higher dose bring remission, and what limits it?
source: "Fry et al., Nature Medicine 2018;24:20-28"
model: {antigen_grid: {cd22_levels: 3}, sites: [marrow]}
products:
  cd22: {targets: [cd22], costimulation: 4-1bb, threshold: {value: 2000, unit: sites/cell, kind: assumed}}
patients:
  size: 1000
  paired: false
  weight: {distribution: lognormal, median: 45, unit: kg, log_sd: 0.4, kind: assumed}
  burden: 0.5
  prior_transplant: 1.0
  prior_cd19_therapy: {probability: 0.81, source: paper, kind: reported}
arms:
  lowest: {enrolled: 6, infusions: [{product: cd22, day: 0, dose: {value: 3e5, unit: cells/kg, kind: reported}}]}
  higher: {enrolled: 15, infusions: [{product: cd22, day: 0, dose: {mix: {1e6: 13, 3e6: 2}, unit: cells/kg, kind: reported}}]}
lymphodepletion: {fludarabine: true, cyclophosphamide: true, start: -4}
assay: {visits: [28, 60, 90, 180, 270, 365, 545, 730], mrd_limit: 1e-4}
reported:
  - {id: cr-lowest-dose, endpoint: cr, arm: lowest, events: 1, of: 6}
  - {id: cr-higher-dose, endpoint: cr, arm: higher, events: 11, of: 15}
  - {id: remission-duration, endpoint: remission_days, median: 183, censored_at: [183, 274, 639], of: 11}
engine: {kernel: hybrid, horizon: 730}
"""


def test_a_short_scenario_needs_little_more_than_a_methods_section(tmp_path):
    scenario = load(write(tmp_path, "short.yaml", EXAMPLE))
    assert scenario.arms["higher"].infusions[0].dose.values == (1e6, 3e6)
    assert [row.kind for row in scenario.reported] == ["binomial", "binomial", "survival"]
    with pytest.raises(ScenarioError, match=r"patients\.burden: missing; is required"):
        load(write(tmp_path, "short.yaml", EXAMPLE.replace("  burden: 0.5\n", "")))


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("-1", "parameters.killing_rate: -1.0; must be at least 0; give a number in that range"),
        (
            "{value: 9, unit: kg}",
            "parameters.killing_rate.unit: 'kg'; must be a unit of the model's 1/day; give it in '1/day'",
        ),
        (
            "{distribution: normal, mean: 1, sd: 5}",
            "parameters.killing_rate: normal (mean 1, sd 5); must be at least 0; the law reaches -inf; add low: 0",
        ),
    ],
)
def test_a_parameter_keeps_the_unit_of_the_model_and_is_not_negative(tmp_path, value, message):
    path = write(tmp_path, "trial.yaml", f"extends: fry2018-cd22\nparameters:\n  killing_rate: {value}\n")
    with pytest.raises(ScenarioError) as caught:
        load(path)
    assert caught.value.problems == [f"{path}:3: {message}"]
    with pytest.raises(ScenarioError) as caught:
        load("fry2018-cd22", read_assignments([f"parameters.killing_rate={value}"]))
    assert caught.value.problems == [message]


@pytest.mark.parametrize(
    ("kernel", "value", "message"),
    [
        ("agents", "-5", "-5.0; must be more than 0; give a number in that range"),
        ("agents", "0", "0.0; must be more than 0; give a number in that range"),
        ("agents", "{mix: {0: 1, 5000: 2}}", "must be more than 0; give a number in that range"),
        ("agents", "{distribution: normal, mean: 9e3, sd: 1e3}", "must be more than 0; the law reaches -inf; add low: 0"),
        ("hybrid", "-5", "-5.0; must be at least 0; give a number in that range"),
    ],
)  # fmt: skip
def test_one_thing_is_said_of_a_parameter_the_stricter_one(kernel, value, message):
    changes = read_assignments([f"engine.kernel={kernel}", f"parameters.cd19_density={value}"])
    with pytest.raises(ScenarioError) as caught:
        load("fry2018-cd22", changes)
    assert len(caught.value.problems) == 1
    assert caught.value.problems[0].startswith("parameters.cd19_density: ")
    assert caught.value.problems[0].endswith(message)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("niche_share", "1.5", "1.5; must be at least 0 and at most 1; give a number in that range"),
        ("niche_share", "{value: 150, unit: percent}", "1.5; must be at least 0 and at most 1"),
        ("niche_access", "1.01", "1.01; must be at least 0 and at most 1"),
        ("blood_share", "1", "1.0; must be at least 0 and less than 1"),
        ("exhausted_activity", "2", "2.0; must be at least 0 and at most 1"),
        ("antigen_only_division", "-0.1", "-0.1; must be at least 0 and at most 1"),
        ("strength_cd22_cd22", "1.2", "1.2; must be at least 0 and at most 1"),
        ("memory_fraction", "{distribution: lognormal, median: 0.3, log_sd: 0.4}", "the law reaches inf; add high: 1"),
        ("lymphodepletion_host_survival_0", "2", "2.0; must be at least 0 and at most 1"),
        ("tocilizumab_effect", "1.1", "1.1; must be at least 0 and at most 1"),
    ],
)  # fmt: skip
def test_a_share_is_one_at_most(name, value, message):
    """Rows of such a share would fail, or have rates that no patient can have."""
    with pytest.raises(ScenarioError) as caught:
        load("fry2018-cd22", read_assignments([f"parameters.{name}={value}"]))
    assert len(caught.value.problems) == 1
    assert caught.value.problems[0].startswith(f"parameters.{name}: ")
    assert message in caught.value.problems[0]


@pytest.mark.parametrize(
    "assignment", ["niche_share=1", "blood_share=0.99", "b_cell_killing_weight=2", "infection_protection=1.5"]
)
def test_a_share_may_be_all_and_a_ratio_more(assignment):
    load("fry2018-cd22", read_assignments([f"parameters.{assignment}"]))


HITS = "2*first_hit_rate + cd22_loss_rate + lineage_switch_rate must be at most 1, as chances of one daughter, and is"
OTHERS = "second_hit_rate + cd22_loss_rate + lineage_switch_rate must be at most 1, as chances of one daughter, and is"


@pytest.mark.parametrize("kernel", ["hybrid", "agents"])
@pytest.mark.parametrize(
    ("assignments", "message"),
    [
        (["first_hit_rate=0.6"], f"first_hit_rate: 0.6; {HITS} 1.20000000000001; lower it"),
        (["first_hit_rate=0.3", "cd22_loss_rate=0.5"], f"first_hit_rate: 0.3; {HITS} 1.1; lower it"),
        (["second_hit_rate=0.8", "cd22_loss_rate=0.3"], f"second_hit_rate: 0.8; {OTHERS} 1.1; lower it"),
        (["lineage_switch_rate=2"], f"lineage_switch_rate: 2.0; {HITS} 2.0000003"),
        (["first_hit_rate={distribution: uniform, low: 0.6, high: 0.7}"], f"first_hit_rate: 0.6; {HITS} 1.2"),
    ],
)
def test_chances_of_a_daughter_add_up_to_one_at_most(assignments, message, kernel):
    changes = read_assignments([f"engine.kernel={kernel}", *(f"parameters.{one}" for one in assignments)])
    with pytest.raises(ScenarioError) as caught:
        load("fry2018-cd22", changes)
    assert len(caught.value.problems) == 1
    assert caught.value.problems[0].startswith(f"parameters.{message}")


@pytest.mark.parametrize(
    "assignments",
    [
        ["parameters.first_hit_rate=0.25", "parameters.cd22_loss_rate=0.5"],
        ["parameters.second_hit_rate={distribution: lognormal, median: 0.1, log_sd: 2}"],
        ["parameters.lineage_switch_rate=2", "model.antigen_grid.lineage_switch=false"],
    ],
)
def test_chances_may_be_certain_together_and_a_law_exceed_them_in_its_tail(assignments):
    """A grid without the switched class ignores its rate."""
    load("fry2018-cd22", read_assignments(assignments))


def test_a_density_is_no_slip_of_the_unit():
    for name in ("cd22_density", "b_cell_cd19", "threshold_cd22"):
        for value in ("1e300", "1.1e9", "{distribution: loguniform, low: 1e8, high: 1e12}"):
            with pytest.raises(ScenarioError) as caught:
                load("fry2018-cd22", read_assignments([f"parameters.{name}={value}"]))
            assert len(caught.value.problems) == 1
            assert "must be at most 1e+09 (molecules/cell); check the unit" in caught.value.problems[0]
        load("fry2018-cd22", read_assignments([f"parameters.{name}=1e9"]))
    law = "{distribution: lognormal, median: 1e5, log_sd: 5}"
    load("fry2018-cd22", read_assignments([f"parameters.cd22_density={law}"]))


def test_a_law_may_reach_what_is_excluded_with_no_probability():
    law = "{distribution: lognormal, median: 9e3, log_sd: 0.5}"
    changes = read_assignments(["engine.kernel=agents", f"parameters.cd19_density={law}"])
    assert load("fry2018-cd22", changes).parameters["cd19_density"].support()[0] == 0.0


def test_a_parameter_may_come_in_another_unit_of_its_kind():
    changes = read_assignments(["parameters.killing_rate={value: 7, unit: 1/week}"])
    assert load("fry2018-cd22", changes).parameters["killing_rate"].median() == 1.0


def test_a_bare_parameter_stays_what_it_is_when_written_out_and_read_again():
    once = load("fry2018-cd22", {"parameters.killing_rate": 12})
    again = Scenario.parse(once.resolved()).with_({"patients.size": once.patients.size})
    assert again.content_hash() == once.content_hash()
    assert again.parameters == once.parameters
    assert not parameter_problems(again)
    assert parameter_problems(
        load("fry2018-cd22").with_({"parameters.killing_rate": {"value": 50, "unit": "percent"}})
    )


def test_what_a_scenario_extends_is_said_in_its_file():
    with pytest.raises(ScenarioError, match="--set extends: 'untreated'; a file says what it extends"):
        read_assignments(["extends=untreated"])


def test_a_number_as_a_key_is_found_on_its_line(tmp_path):
    path = write(tmp_path, "trial.yaml", "extends: untreated\n1: 2\n")
    with pytest.raises(ScenarioError, match=r"trial\.yaml:2: 1: 1; is no key of a scenario; remove it"):
        load(path)
