"""YAML is read as it is written: nothing that YAML 1.1 would make of it."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from shared.yaml_text import read_yaml

AS_WRITTEN: list[tuple[str, Any]] = [
    ("10:00", "10:00"),
    ("1:30:00", "1:30:00"),
    ("190:20:30.15", "190:20:30.15"),
    ("09:00", "09:00"),
    ("no", "no"),
    ("Yes", "Yes"),
    ("on", "on"),
    ("OFF", "OFF"),
    ("y", "y"),
    ("NO", "NO"),
    ("True", "True"),
    ("Null", "Null"),
    ("010", "010"),
    ("0o17", "0o17"),
    ("0x1F", "0x1F"),
    ("0b101", "0b101"),
    ("1_000", "1_000"),
    ("+12", "+12"),
    ("12e3", "12e3"),
    ("1.5e3", "1.5e3"),
    (".5", ".5"),
    ("1.", "1."),
    (".inf", ".inf"),
    (".nan", ".nan"),
    ("2026-12-24", "2026-12-24"),
    ("2025-01-06T09:00:00-05:00", "2025-01-06T09:00:00-05:00"),
    ("2025-01-06 09:00:00", "2025-01-06 09:00:00"),
    ("=", "="),
    ("4611686018427387904", 2**62),
    ("true", True),
    ("false", False),
    ("null", None),
    ("~", None),
    ("", None),
    ("50", 50),
    ("-3", -3),
    ("0", 0),
    ("1.5", 1.5),
    ('"50"', "50"),
    ("'true'", "true"),
]


@pytest.mark.parametrize(("written", "value"), AS_WRITTEN, ids=[row[0] for row in AS_WRITTEN])
def test_a_plain_text_is_what_it_looks_like(written: str, value: Any) -> None:
    found = read_yaml(f"field: {written}\n")
    assert found.wrong == []
    assert found.value == {"field": value}
    assert type(found.value["field"]) is type(value)


@pytest.mark.parametrize("key", ["no", "on", "010", "12:30", "2026-12-24", "null", "5"])
def test_a_name_of_a_field_is_text(key: str) -> None:
    assert read_yaml(f"{key}: x\n").value == {key: "x"}


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("a: 1\nb: [\n", 3, "no YAML"),
        ("a: 1\na: 2\n", 2, "there twice"),
        ("a: &x [*x]\n", 1, "alias of itself"),
        ("a: 1\nb: !!binary aGk=\n", 2, "tag"),
        ("a: 1\n? [b]\n: 2\n", 2, "plain text"),
        ('a: 1\nb: "\\ud83d"\n', 2, "half of a letter"),
        ("a: 1\n---\nb: 2\n", 2, "no YAML"),
        ("a: 99999999999999999999\n", 1, "64 bits"),
        ("a:\n  <<: 3\n", 2, "<< takes a mapping"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(text: str, line: int, words: str) -> None:
    spot = read_yaml(text).wrong[0]
    assert spot.line == line
    assert words in spot.words


def test_aliases_within_aliases_end() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    assert "alias" in read_yaml("\n".join(lines)).wrong[0].words


def test_merged_fields_and_letters_beyond_the_first_plane() -> None:
    found = read_yaml('base: &b {x: 1, y: 2}\nmore: {<<: *b, y: 3}\nsmile: "\\ud83d\\ude00"\n')
    assert found.value["more"] == {"x": 1, "y": 3}
    assert found.value["smile"] == "\U0001f600"


plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**17), 10**17)
    | st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"])),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text("abcno019:-", min_size=1, max_size=8), inner, max_size=4)
    ),
    max_leaves=15,
)


@given(document=st.dictionaries(st.text("abcno019:-", min_size=1), plain, max_size=5))
def test_json_is_read_as_json_and_what_yaml_writes_in_quotes_as_text(document: Any) -> None:
    assert read_yaml(orjson.dumps(document).decode()).value == document
    written = yaml.safe_dump(document, allow_unicode=True, default_style='"')
    found = read_yaml(written.replace("!!int ", "").replace("!!bool ", "").replace("!!null ", ""))
    assert found.wrong == []
