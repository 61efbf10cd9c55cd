"""What is refused at the door, and that everything else comes through unchanged."""

import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import Refused
from shared.http.strict_json import MAX_BYTES, MAX_DEPTH, MAX_PARTS, canonical, parse

_MALFORMED = [
    (b'{"a":1,"a":2}', "the key 'a' twice"),
    (b'{"x":[{"a":1,"b":{"c":1,"c":1}}]}', "/x/0/b/c"),
    (b'{"a":1,"\\u0061":2}', "the key 'a' twice"),
    (b'{"a":NaN}', "column"),
    (b'{"a":Infinity}', "column"),
    (b'{"a":-Infinity}', "column"),
    (b'{"a":1e400}', "infinity"),
    (b'{"a":9223372036854775808}', "an integer beyond 64 bits at /a"),
    (b'{"a":[1,-9223372036854775809]}', "an integer beyond 64 bits at /a/1"),
    (b'{"a":18446744073709551616}', "an integer beyond 64 bits at /a"),
    (b'{"a":"\\ud800"}', "surrogate"),
    (b'{"\\udfff":1}', "surrogate"),
    (b'{"a":{"b":"x\\u0000y"}}', "NUL in a string at /a/b"),
    (b'{"a\\u0000":1}', "NUL in a string"),
    (b'{"a":"\x00"}', "control character"),
    (b'{"a":"\xff"}', "UTF-8"),
    (b"\xef\xbb\xbf{}", "BOM"),
    (b"[]", "top level"),
    (b'"text"', "top level"),
    (b"null", "top level"),
    (b'{"a":1} {"a":2}', "column"),
    (b'{"a":1,}', "column"),
    (b"{'a':1}", "column"),
    (b"   ", "column"),
    (b'{"a":' * (MAX_DEPTH) + b"{}" + b"}" * MAX_DEPTH, "levels deep"),
    (b'{"a":' + b"[" * 5000 + b"]" * 5000 + b"}", "depth"),
]


@pytest.mark.parametrize(("raw", "says"), _MALFORMED)
def test_malformed_bodies_are_refused_with_what_and_where(raw: bytes, says: str) -> None:
    with pytest.raises(Refused) as refusal:
        parse(raw)
    assert (refusal.value.code, refusal.value.status) == ("malformed-json", 400)
    assert says in refusal.value.detail


@pytest.mark.parametrize(
    "raw",
    [
        b"{}",
        b'{"a":"\\\\u0000 written out"}',
        b'{"a":"a:b{[,\\"]}"}',
        b'{"a":9223372036854775807,"b":-9223372036854775808}',
        b'{"a":0.1234567890123456789,"b":1e300}',
        b'{"a":"\\ud83d\\ude00"}',
        b'{"a":{"a":1},"b":[{"a":1},{"a":1}]}',
        b'{"a":' * (MAX_DEPTH - 1) + b"{}" + b"}" * (MAX_DEPTH - 1),
        b'{"a":[' + b"[]," * 50 + b"{}]}",
    ],
)
def test_odd_but_sound_bodies_are_taken(raw: bytes) -> None:
    assert parse(raw) == json.loads(raw)


def test_a_large_body_is_refused_before_it_is_parsed() -> None:
    with pytest.raises(Refused) as refusal:
        parse(b"[" * (MAX_BYTES + 1))
    assert (refusal.value.code, refusal.value.status) == ("too-large", 413)


@pytest.mark.parametrize("pair", ["[]", "{}", "[{", "{["])
def test_twenty_levels_are_read_and_no_more(pair: str) -> None:
    def levels(count: int) -> bytes:
        text = "1"
        for n in range(count - 1, 0, -1):
            text = f"[{text},[],{{}}]" if pair[n % 2] in "[]" else f'{{"a":{text},"b":[],"c":{{}}}}'
        return f'{{"top":{text}}}'.encode()

    assert parse(levels(MAX_DEPTH - 1))
    with pytest.raises(Refused, match="levels"):
        parse(levels(MAX_DEPTH + 1))


def test_a_body_of_many_small_parts_is_refused_before_it_is_walked() -> None:
    with pytest.raises(Refused, match="lists and objects"):
        parse(b'{"a":[' + b"{}," * MAX_PARTS + b"{}]}")


_TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)
_SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | _TEXT
)
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXT, inner, max_size=4),
    max_leaves=25,
)
_OBJECTS = st.dictionaries(_TEXT, _VALUES, max_size=6)


@given(_OBJECTS, st.booleans(), st.sampled_from([None, 2]))
def test_what_json_can_say_comes_through_unchanged(
    value: dict[str, Any], ascii_only: bool, indent: int | None
) -> None:
    assert parse(json.dumps(value, ensure_ascii=ascii_only, indent=indent).encode()) == value


@given(_OBJECTS, _TEXT, _SCALARS, _SCALARS, st.booleans())
def test_a_repeated_key_is_always_seen(
    value: dict[str, Any], key: str, first: Any, second: Any, deep: bool
) -> None:
    pair = f"{json.dumps(key)}:{json.dumps(first)},{json.dumps(key, ensure_ascii=False)}:{json.dumps(second)}"
    raw = f'{{"ok":{json.dumps(value)},"in":[{{{pair}}}]}}' if deep else f"{{{pair}}}"
    with pytest.raises(Refused):
        parse(raw.encode())


@given(st.binary(max_size=200))
def test_any_bytes_are_an_object_or_a_refusal(raw: bytes) -> None:
    try:
        found = parse(raw)
    except Refused as refusal:
        assert refusal.status in (400, 413)
    else:
        assert isinstance(found, dict)


@given(_OBJECTS)
def test_the_canonical_form_forgets_order_and_spacing(value: dict[str, Any]) -> None:
    turned = dict(reversed(list(value.items())))
    assert canonical(parse(json.dumps(turned, indent=1).encode())) == canonical(
        parse(orjson.dumps(value))
    )
