"""Whether a code is asked for, of whom one is required, and that each counts once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pyotp
import pytest

from services.portal.sign_in.second_step import UNDER_WAY, SecondSteps
from services.portal.sign_in.second_step_page import qr_code, split_in_fours
from services.portal.sign_in.tries import Tries
from shared.errors import Refused
from shared.people.second_step import new_secret, seal
from shared.storage.store import Duplicate

SECRET, ANN = "a secret of sixteen", "ann@shop.example"
NOW = datetime(2026, 11, 22, 3, 0, 10, tzinfo=UTC)
HERE = int(NOW.timestamp()) // 30
TOTP = new_secret()


class Clock:
    def __init__(self) -> None:
        self.at = NOW

    def now(self) -> datetime:
        return self.at


class Used:
    """A collection whose `_id` is unique."""

    def __init__(self) -> None:
        self.ids: set[str] = set()

    def __getitem__(self, name: str) -> Used:
        return self

    async def insert(self, row: dict[str, Any]) -> None:
        if row["_id"] in self.ids:
            raise Duplicate
        self.ids.add(row["_id"])


class Directory(dict[str, dict[str, Any]]):
    def get(self, kind: str, doc_id: str = "") -> Any:  # type: ignore[override]
        return dict.get(self, kind) if doc_id == ANN else None


def directory(*roles: str, on: bool = True, sealed_with: str = SECRET) -> Directory:
    found = Directory(
        accounts={"email": ANN, "roles": list(roles), "since": NOW.isoformat()},
        credentials={"password_hash": "x", "account_since": NOW.isoformat()},
    )
    if on:
        found["second-steps"] = {
            "secret": seal(sealed_with.encode(), ANN, TOTP),
            "recovery": ["a", "b"],
            "used": HERE - 1,
            "on_since": NOW.isoformat(),
            "account_since": NOW.isoformat(),
        }
    return found


def steps(
    known: Directory,
    clock: Clock | None = None,
    *,
    required: bool = False,
    secret: str | None = SECRET,
) -> SecondSteps:
    return SecondSteps(Used(), known, clock or Clock(), secret, required=required)  # type: ignore[arg-type]


def code(away: int = 0) -> str:
    return pyotp.TOTP(TOTP).generate_otp(HERE + away)


@pytest.mark.parametrize(
    ("known", "required", "by_password", "need"),
    [
        (directory(on=False), False, True, "nothing"),
        (directory(on=False), True, True, "nothing"),
        (directory("agent", on=False), False, True, "nothing"),
        (directory("agent", on=False), True, True, "enrolment"),
        (directory("agent", on=False), True, False, "nothing"),
        (directory("agent"), True, True, "code"),
        (directory(), False, True, "code"),
        (directory(), False, False, "code"),
    ],
)
def test_what_is_asked_after_the_password(
    known: Directory, required: bool, by_password: bool, need: str
) -> None:
    assert steps(known, required=required).need(ANN, by_password=by_password) == need


async def test_a_code_counts_once() -> None:
    door = steps(directory())
    assert not await door.is_good(ANN, "000000" if code() != "000000" else "111111")
    assert await door.is_good(ANN, code())
    assert not await door.is_good(ANN, code())
    assert await door.is_good(ANN, code(1)), "the next one is another"


async def test_the_code_that_switched_it_on_counts_no_more() -> None:
    assert not await steps(directory()).is_good(ANN, code(-1))


async def test_a_second_step_that_cannot_be_read_lets_nobody_in() -> None:
    foreign = steps(directory(sealed_with="another secret, longer"))
    assert foreign.need(ANN, by_password=True) == "code"
    assert not await foreign.is_good(ANN, code())
    broken = directory()
    broken["second-steps"] = {"secret": 7}
    assert steps(broken).need(ANN, by_password=True) == "nothing", "of another account"
    broken["second-steps"] = {"secret": 7, "account_since": NOW.isoformat()}
    assert steps(broken).need(ANN, by_password=True) == "code"
    assert not await steps(broken).is_good(ANN, code())


def test_a_login_under_way_is_over_in_time_and_with_another_password() -> None:
    known, clock = directory(), Clock()
    door = steps(known, clock)
    token = door.begin(ANN)
    assert door.under_way(token) == ANN
    known["credentials"] = {"password_hash": "y", "account_since": NOW.isoformat()}
    assert door.under_way(token) is None
    again = door.begin(ANN)
    clock.at = NOW + UNDER_WAY - timedelta(seconds=1)
    assert door.under_way(again) == ANN
    clock.at = NOW + UNDER_WAY
    assert door.under_way(again) is None
    assert door.under_way(None) is None and door.under_way("a.1.b") is None


def test_recommended_to_who_has_a_password_and_no_second_step() -> None:
    assert steps(directory("agent", on=False)).is_recommended(ANN)
    assert not steps(directory("agent")).is_recommended(ANN)
    assert not steps(directory("agent", on=False), secret=None).is_recommended(ANN)


def test_few_codes_an_hour_and_a_known_browser_is_counted_alone() -> None:
    tries = Tries(SECRET)
    device = tries.device_for(ANN)
    for _ in range(30):
        tries.take_code(ANN, None)
    with pytest.raises(Refused):
        tries.take_code(ANN, "a forged.cookie")
    tries.take_code(ANN, device)
    tries.take_code("eve@shop.example", None)


def test_the_qr_code_is_one_picture_without_styles() -> None:
    drawn = str(qr_code("otpauth://totp/Signalbox:ann%40shop.example?secret=ABC&issuer=Signalbox"))
    assert drawn.startswith("<svg") and "style" not in drawn and "viewBox" in drawn
    assert split_in_fours("ABCDEFGHIJ") == "ABCD EFGH IJ"
