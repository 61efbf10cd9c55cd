"""Subscriptions that strangers ask for: how many, and until when."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.intake.app import build
from services.intake.http.door import Allowance
from services.intake.subscriptions.routes import Rates
from services.intake.subscriptions.wishes import LASTS, Wishes, find_ended_wishes
from shared.http.client_address import HEADER, vouch
from shared.people.subscriptions import CONFIRM_WITHIN, KIND, Subscription, Wish, subscription_id
from tests.unit.intake.building import NOW, SECRET, Bench, StandingClock
from tests.unit.intake.test_http import call

SECOND = timedelta(seconds=1)


def wanted(name: str, age: timedelta, *, is_confirmed: bool = False) -> Subscription:
    return Subscription(
        kind="email",
        target=f"{name}@x.example",
        confirmed_at=NOW - timedelta(days=90) if is_confirmed else None,
        components=("web",) if is_confirmed else (),
        wish=Wish(at=NOW - age),
    )


@pytest.mark.parametrize(
    ("age", "ends"),
    [
        (timedelta(0), False),
        (CONFIRM_WITHIN, False),
        (LASTS, False),
        (LASTS + SECOND, True),
        (timedelta(days=400), True),
    ],
)
def test_a_wish_ends_after_its_link(age: timedelta, ends: bool) -> None:
    assert list(find_ended_wishes([("sub_a", wanted("a", age))], NOW)) == [("sub_a", None)] * ends


def test_what_was_confirmed_before_stays() -> None:
    old = wanted("a", LASTS + SECOND, is_confirmed=True)
    ((_, left),) = find_ended_wishes([("sub_a", old)], NOW)
    assert left is not None and left.wish is None
    assert (left.components, left.confirmed_at) == (old.components, old.confirmed_at)


@given(st.lists(st.integers(0, 20), max_size=30), st.integers(0, 10))
def test_no_more_wait_than_may_and_the_newest_do(ages: list[int], most: int) -> None:
    wishes = {f"sub_{n}": wanted(str(n), timedelta(days=age)) for n, age in enumerate(ages)}
    over = dict(find_ended_wishes(wishes.items(), NOW, most))
    left = [ages[n] for n in range(len(ages)) if f"sub_{n}" not in over]
    assert sorted(left) == sorted(age for age in ages if timedelta(days=age) <= LASTS)[:most]


async def test_the_documents_of_old_wishes_are_removed() -> None:
    bench = Bench()
    found = {
        "old": wanted("old", LASTS + SECOND),
        "kept": wanted("kept", LASTS + SECOND, is_confirmed=True),
        "new": wanted("new", SECOND),
        "silent": wanted("silent", SECOND, is_confirmed=True).confirmed(NOW),
    }
    for one in found.values():
        bench.log.holds(KIND, subscription_id(one.target), one.kept())

    def documents() -> dict[str, Any]:
        return {
            name: bench.log.get(KIND, subscription_id(one.target)) for name, one in found.items()
        }

    before = documents()
    wishes = Wishes(bench.intake, StandingClock())
    assert await wishes.end_old() == 2
    after = documents()
    assert after["old"] is None
    assert after["kept"] == {name: v for name, v in before["kept"].items() if name != "wish"}
    assert (after["new"], after["silent"]) == (before["new"], before["silent"])
    assert await wishes.end_old() == 0


class Strangers:
    """Requests for subscriptions, through the portal from an address, or straight."""

    def __init__(self, **rates: str) -> None:
        self.bench = Bench()
        allowances = {name: Allowance(rate) for name, rate in rates.items()}
        self.bench.app = build(self.bench.intake, self.bench.door, {}, wishing=Rates(**allowances))

    async def ask(self, client: str, target: str, secret: str = SECRET) -> int:
        answer = await call(
            self.bench,
            "POST",
            "/v1/subscriptions",
            {"email": target},
            who=None,
            headers={HEADER: vouch(client, secret)},
        )
        return int(answer.status_code)


async def test_one_stranger_uses_up_nobody_elses_allowance() -> None:
    strangers = Strangers(of_client="3/hour", in_all="8/hour")
    flood = [await strangers.ask("192.0.2.1", f"v{n}@x.example") for n in range(20)]
    assert flood == [202] * 3 + [429] * 17
    others = [await strangers.ask(f"192.0.2.{n}", f"o{n}@x.example") for n in range(2, 8)]
    assert others == [202] * 5 + [429]
    assert len(strangers.bench.log.on("directory")) == 8


async def test_all_addresses_of_one_line_are_one_client() -> None:
    strangers = Strangers(of_client="3/hour")
    flood = [await strangers.ask(f"2001:db8::{n:x}", f"v{n}@x.example") for n in range(1, 7)]
    assert flood == [202] * 3 + [429] * 3


async def test_a_stranger_does_not_keep_an_address_from_its_owner() -> None:
    strangers = Strangers(of_pair="2/hour")
    flood = [await strangers.ask("192.0.2.1", "ada@x.example") for _ in range(5)]
    assert flood == [202, 202, 429, 429, 429]
    assert await strangers.ask("192.0.2.2", "ada@x.example") == 202


async def test_who_names_addresses_without_the_secret_is_one_client() -> None:
    strangers = Strangers(of_client="3/hour")
    flood = [
        await strangers.ask(f"192.0.2.{n}", f"v{n}@x.example", "another secret of sixteen")
        for n in range(6)
    ]
    assert flood == [202] * 3 + [429] * 3
