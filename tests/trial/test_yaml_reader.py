from __future__ import annotations

import math
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.errors import ScenarioError
from sim.trial.yaml_reader import MAX_BYTES, decode, read_text, read_value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 1e-3),
        ("3e5", 3e5),
        (".5", 0.5),
        ("-7", -7),
        ("007", 7),
        ("0x1F", 31),
        ("0o17", 15),
        ("no", "no"),
        ("on", "on"),
        ("true", True),
        ("null", None),
        ("~", None),
        ("'1'", "1"),
        ("1_000", "1_000"),
        ("2018-01-02", "2018-01-02"),
        ("4-1bb", "4-1bb"),
        ("-.inf", -math.inf),
        ("[1, {a: 2}]", [1, {"a": 2}]),
        ("", None),
        ("é", "é"),
    ],
)
def test_plain_words_follow_the_core_schema_of_yaml_1_2(text, value):
    read = read_value(text, "x")
    assert read == value
    assert type(read) is type(value)


def test_nan_is_a_number_for_the_schema_to_refuse():
    assert math.isnan(read_value(".nan", "x"))


def test_every_entry_knows_its_line():
    lines = read_text("a:\n  b: 1\n  c:\n    - 2\n    - d: 3\n", "x").lines
    assert lines["a",] == 1
    assert lines["a", "c"] == 3
    assert lines["a", "c", 1, "d"] == 5


def test_an_alias_is_a_copy():
    data = read_text("a: &x {b: 1}\nc: *x\n", "x").data
    assert data["a"] == data["c"]
    assert data["a"] is not data["c"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "a: 1\nb: 2\na: 3\n",
            "f:3: a: 'a' again; a key stands once, and it is on line 1; remove one of them",
        ),
        ("a:\n  b: 1\n  b: 2\n", "f:3: a.b: 'b' again"),
        ("a: !!python/name:x\n", "f:1: a: tag 'tag:yaml.org,2002:python/name:x'; a scenario has no tags"),
        ("a: !x {b: 1}\n", "f:1: a: tag '!x'; a scenario has no tags; remove the tag"),
        ("!!str a: 1\n", "a key is a word or a number"),
        ("[a]: 1\n", "a key is a word or a number"),
        ("null: 1\n", "a key is a word or a number"),
        ("a: {<<: 1}\n", "YAML 1.2 has no merge keys"),
        ("a: *x\n", "f:1: a: *x; an alias follows its anchor; define &x before"),
        ("a: &x [*x]\n", "an alias follows its anchor"),
        ("a: 1\n---\nb: 2\n", "a file holds one document"),
        ("%YAML 1.1\n---\na: 1\n", "must be YAML 1.2"),
        ("a: [1, 2\n", "the text ends too early; complete it"),
        ("a: {b: 1", "the text ends too early; complete it"),
        ("a: 'b", "the text ends too early; complete it"),
        ("a: b: c\n", "f:1: not YAML (mapping values are not allowed"),
        ("a: 1\n\tb: 2\n", "f:2: not YAML"),
        ("a: @b\n", "f:1: not YAML"),
        ("a: \x01\n", "not YAML"),
        ("[" * 40 + "]" * 40, "more than 32 levels; a scenario is nested less deeply; flatten it"),
        ("a: " + "9" * 5000, "a number has at most 4300 digits"),
    ],
)
def test_what_a_scenario_has_no_use_for_is_refused_on_its_line(text, message):
    with pytest.raises(ScenarioError) as caught:
        read_text(text, "f")
    assert message in str(caught.value)
    assert caught.value.problems[0].count("; ") >= 2


def test_nesting_through_aliases_counts_too():
    text = "a0: &a0 [1]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}]\n" for i in range(1, 40))
    with pytest.raises(ScenarioError, match="more than 32 levels"):
        read_text(text, "f")


@pytest.mark.parametrize(
    "text",
    [
        "a0: &a0 [1,1,1,1,1,1,1,1,1]\n"
        + "".join(f"a{i}: &a{i} [{','.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 12)),
        "[" * 200_000,
        "{a: " * 200_000,
        "- " * 100_000,
        "? " * 100_000,
        "[1" + ",1" * 60_000 + "]",
    ],
    ids=["aliases", "brackets", "braces", "dashes", "questions", "entries"],
)
def test_a_bomb_is_refused_before_it_goes_off(text):
    start = time.process_time()
    with pytest.raises(ScenarioError):
        read_text(text, "f")
    assert time.process_time() - start < 5.0


def test_an_alias_bomb_is_refused_within_a_tenth_of_a_second():
    text = "a0: &a0 [1,1,1,1,1,1,1,1,1]\n" + "".join(
        f"a{i}: &a{i} [{','.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 12)
    )
    best = math.inf
    for _ in range(3):
        start = time.process_time()
        with pytest.raises(ScenarioError, match="aliases expanded"):
            read_text(text, "f")
        best = min(best, time.process_time() - start)
    assert best < 0.1


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"a: 1\nb: \xff\n", "f:2: byte 0xff; must be UTF-8 text; save it as UTF-8"),
        ("a: 1\n".encode("utf-16"), "f:1: byte 0xff; must be UTF-8 text"),
        (b"a: 1\n\nb: \0\n", "f:3: a NUL character; must be text; remove it"),
        (b"#" * (MAX_BYTES + 1), "f: more than 1048576 bytes; a scenario is at most 1 MiB; shorten it"),
    ],
)
def test_bytes_that_are_no_text_are_refused(raw, message):
    with pytest.raises(ScenarioError) as caught:
        decode(raw, "f")
    assert message in str(caught.value)


def test_a_byte_order_mark_is_no_part_of_the_text():
    assert decode(b"\xef\xbb\xbfa: 1", "f") == "a: 1"


@given(st.text(max_size=40) | st.text(alphabet="ab: -[]{}&*!|>'\"#%@,?\n\t1.e", max_size=40))
def test_any_text_is_read_or_refused_in_one_line(text):
    try:
        lines = [str(len(read_text(text, "f").lines))]
    except ScenarioError as error:
        lines = error.problems
    assert lines
    assert not any("\n" in line for line in lines)
