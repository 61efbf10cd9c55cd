"""Passwords: right, wrong, nobody's, too many at once, too weak."""

import asyncio

import pytest
from argon2 import PasswordHasher, extract_parameters
from argon2.profiles import RFC_9106_LOW_MEMORY

from shared.errors import Refused
from shared.people.passwords import Passwords, weakness

QUICK = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)


async def test_only_the_right_one_fits() -> None:
    passwords, known = Passwords(), QUICK.hash("correct horse")
    assert await passwords.fits(known, "correct horse")
    assert not await passwords.fits(known, "correct house")
    assert not await passwords.fits(known, "")
    assert not await passwords.fits("not a hash", "correct horse")
    assert not await passwords.fits(None, "correct horse")
    assert await passwords.fits(await passwords.hash_password("another one"), "another one")


async def test_a_hash_costs_what_the_rfc_advises() -> None:
    made = extract_parameters(await Passwords().hash_password("correct horse"))
    assert made == RFC_9106_LOW_MEMORY


async def test_a_crowd_is_asked_to_come_again() -> None:
    passwords, known = Passwords(at_once=1, waiting=2), QUICK.hash("x")
    found = await asyncio.gather(
        *[passwords.fits(known, "x") for _ in range(6)], return_exceptions=True
    )
    assert found[:3] == [True] * 3
    assert all(isinstance(late, Refused) and late.status == 503 for late in found[3:])
    assert await passwords.fits(known, "x")


@pytest.mark.parametrize(
    ("password", "is_weak"),
    [
        ("short", True),
        ("x" * 1025, True),
        ("aaaaaaaaaaaa", True),
        ("rae@example.com", True),
        ("a longer one", False),
        ("пароль и соль", False),
    ],
)
def test_length_is_what_counts(password: str, is_weak: bool) -> None:
    assert (weakness(password, "rae@example.com") is not None) is is_weak
