"""Secrets are masked, and nothing else is."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.text import redact as module
from shared.text.patterns import luhn
from shared.text.redact import redact, redact_quickly
from tests.unit.text.samples import CLEAN, PW, UUID, drawn, secrets

CASES = secrets()


@pytest.fixture(autouse=True)
def own_rules_only() -> Iterator[None]:
    module.use(None)
    yield
    module.use(None)


@pytest.mark.parametrize(
    ("text", "secret"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_a_secret_is_gone(text: str, secret: str) -> None:
    found = redact(text)
    assert secret not in found.text
    assert found.found
    assert re.search(r"\[masked: [a-z ]+\]", found.text)


@pytest.mark.parametrize("text", CLEAN)
def test_what_is_no_secret_stays(text: str) -> None:
    assert redact(text) == (text, ())


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        (
            f"postgres://u:{PW}@db.example.com:5432/d1",
            "postgres://u:[masked: password in an address]@db.example.com:5432/d1",
        ),
        (f"redis://:{PW}@r.example.com", "redis://:[masked: password in an address]@r.example.com"),
        (f"password: {PW}, host: h", "password: [masked: password], host: h"),
        (f'{{"password":"{PW}","host":"h"}}', '{"password":"[masked: password]","host":"h"}'),
        (f"a?password={PW}&b=1", "a?password=[masked: password]&b=1"),
        (
            f"LANG: en\nAPI_KEY: {UUID}\nRACK_ENV: x",
            "LANG: en\nAPI_KEY: [masked: key]\nRACK_ENV: x",
        ),
    ],
)
def test_what_stands_around_it_stays(text: str, masked: str) -> None:
    assert redact(text).text == masked


def test_what_was_masked_is_told_with_what_to_do() -> None:
    found = redact(f"postgres://u:{PW}@h.example.com and password: {PW}").found
    assert [masked.kind for masked in found] == ["password in an address", "password"]
    assert "rotate" in found[0].hint.lower()


@pytest.mark.parametrize("text", [case[1] for case in CASES], ids=[case[0] for case in CASES])
def test_twice_is_once(text: str) -> None:
    once = redact(text).text
    assert redact(once) == (once, ())


PIECES = st.sampled_from(
    [case[1] for case in CASES]
    + CLEAN
    + ["password: ", "token=", "postgres://u:", "@h", '"', "'", " ", "\n", "[masked: ", "]"]
)


@given(st.lists(st.one_of(PIECES, st.text(max_size=20)), max_size=8).map("".join))
def test_any_mixture_is_redacted_once_and_stays_of_a_size(text: str) -> None:
    once = redact(text).text
    assert redact(once).text == once
    assert len(once) <= 20 * len(text) + 100


@given(st.text(alphabet=st.characters()))
def test_any_text_is_taken(text: str) -> None:
    redact(text)


@given(
    st.lists(st.sampled_from(CASES), min_size=1, max_size=6),
    st.sampled_from(["\n", "\n\n", " \n "]),
)
def test_no_secret_is_left_among_others(cases: list[tuple[str, str, str]], between: str) -> None:
    shown = redact(between.join(text for _, text, _ in cases)).text
    for name, _, secret in cases:
        assert secret not in shown, name


def test_a_scanner_is_asked_but_not_believed_about_request_ids_and_images() -> None:
    token = "zz" + drawn("scan", 30)
    image = f"data:image/png;base64,iVBOR{token}AAAA"
    module.use(
        lambda _: [
            ("vendor token", token),
            ("heroku", UUID),
            ("digest", "ab" * 20),
            ("short", "abc"),
        ]
    )
    text = f"abc {token} request_id={UUID} {'ab' * 20} {token} {image}"
    shown = redact(text)
    assert (
        shown.text
        == f"abc [masked: vendor token] request_id={UUID} {'ab' * 20} [masked: vendor token] {image}"
    )
    assert len(shown.found) == 2


def test_a_log_line_is_masked_without_the_scanner() -> None:
    module.use(lambda _: [("vendor token", "something-long")])
    assert (
        redact_quickly(f"something-long password={PW}")
        == "something-long password=[masked: password]"
    )


@pytest.mark.parametrize(
    "text",
    [
        "password:" * 5000,
        "a://" * 5000 + ":" * 5000,
        "token=" + "a" * 100_000,
        "4" * 50_000,
        "eyJ" * 30_000,
        "curl " * 5000 + "-u a",
        "-----BEGIN RSA PRIVATE" + " KEY-----" * 5000,
        "cookie: a=" * 5000,
    ],
)
@pytest.mark.timeout(10)
def test_hostile_text_costs_little(text: str) -> None:
    redact(text)


@pytest.mark.parametrize(
    ("number", "good"),
    [
        ("4111" + "111111111111", True),
        ("4111" + "111111111112", False),
        ("0", True),
        ("79927398713", True),
    ],
)
def test_the_check_digit(number: str, good: bool) -> None:
    assert luhn(number) is good


@pytest.mark.parametrize("between", ["\n", "\n\n", " \n ", "\r\n\t"])
def test_no_secret_hides_behind_another(between: str) -> None:
    for name, text, secret in CASES:
        for other, after, another in CASES[::11]:
            shown = redact(text + between + after).text
            assert secret not in shown and another not in shown, (name, other)
        for clean in CLEAN[::11]:
            assert redact(clean + between + text).text.startswith(clean), name


def test_a_commit_beside_a_key_stays() -> None:
    key = "AKIA" + drawn("ak", 16, "ABCDEFGHJK234567")
    assert (
        redact(f"{key}\ncommit {'5f2c1e0d9b' * 4}").text
        == f"[masked: aws key]\ncommit {'5f2c1e0d9b' * 4}"
    )


def test_a_users_name_in_an_address_is_no_name_of_a_value() -> None:
    assert (
        redact(f"smtp://apikey:{PW}@smtp.example.com:587").text
        == "smtp://apikey:[masked: password in an address]@smtp.example.com:587"
    )
