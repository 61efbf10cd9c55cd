"""Guessing is slowed down; the person guessed at still gets in."""

import pytest

from services.portal.sign_in.devices import device_words
from services.portal.sign_in.tries import Tries
from shared.errors import Refused

OWNER, GUESSER = "192.0.2.1", "203.0.113.9"
EMAIL = "rae@example.com"


def tries(secret: str | None = "a secret of sixteen") -> Tries:
    return Tries(secret)


def refused(what: Tries, email: str, address: str, device: str | None = None) -> bool:
    try:
        what.take(email, address, device)
    except Refused as refusal:
        assert (refusal.code, refusal.status) == ("too-many-tries", 429)
        return True
    return False


def test_one_address_gets_few_guesses_and_the_owner_elsewhere_gets_in() -> None:
    door = tries()
    assert [refused(door, EMAIL, GUESSER) for _ in range(10)] == [False] * 8 + [True] * 2
    assert not refused(door, EMAIL, OWNER)


def test_one_address_cannot_try_every_account_once() -> None:
    door = tries()
    assert [refused(door, f"a{n}@example.com", GUESSER) for n in range(130)].count(True) == 10
    assert not refused(door, "a1@example.com", OWNER)


def test_many_addresses_share_what_one_account_is_tried() -> None:
    door = tries()
    device = door.device_for(EMAIL)
    assert [refused(door, EMAIL, f"203.0.113.{n // 4}-{n}") for n in range(250)].count(False) == 200
    assert refused(door, EMAIL, OWNER)
    assert not refused(door, EMAIL, OWNER, device)
    assert not refused(door, EMAIL, GUESSER, device)


def test_a_known_browser_is_counted_too() -> None:
    door = tries()
    device = door.device_for(EMAIL)
    assert [refused(door, EMAIL, OWNER, device) for _ in range(9)] == [False] * 8 + [True]


def test_getting_in_forgives() -> None:
    door = tries()
    for _ in range(5):
        for _ in range(7):
            assert not refused(door, EMAIL, OWNER)
        door.forgive(EMAIL, OWNER, None)


@pytest.mark.parametrize("device", [None, "", "x", "x.y", ".", "é.é"])
def test_a_made_up_device_is_not_known(device: str | None) -> None:
    assert not tries().is_known(EMAIL, device)


def test_a_device_is_known_for_its_account_and_installation_only() -> None:
    device = tries().device_for(EMAIL)
    assert tries().is_known(EMAIL, device)
    assert not tries().is_known("kim@example.com", device)
    assert not tries("another secret of ours").is_known(EMAIL, device)
    assert tries(None).device_for(EMAIL) is None
    assert not tries(None).is_known(EMAIL, device)


@pytest.mark.parametrize(
    ("agent", "words"),
    [
        (
            "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
            "Firefox on Linux",
        ),
        (
            "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36 Edg/126.0",
            "Edge on Windows",
        ),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605 Version/17.5 Mobile Safari/604.1",
            "Safari on iPhone",
        ),
        ("curl/8.9", "curl"),
        ("", "Unknown browser"),
        ("<script>alert(1)</script>" * 9, ("<script>alert(1)</script>" * 9)[:40]),
    ],
)
def test_a_browser_in_words(agent: str, words: str) -> None:
    assert device_words(agent) == words


@pytest.mark.parametrize(("copies", "each"), [(1, 8), (2, 4), (3, 3), (12, 3)])
def test_copies_share_the_tries_and_each_gives_a_few(copies: int, each: int) -> None:
    door = Tries("a secret of sixteen", copies)
    assert [refused(door, EMAIL, GUESSER) for _ in range(9)].count(False) == each
    door.forgive(EMAIL, GUESSER, None)
    assert not refused(door, EMAIL, GUESSER)
