"""Who is mailed of an ask for cover, and of its answer; nobody is told twice."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from services.notifier.mail import letter
from services.notifier.notices import Notice, notices_for
from shared.events import PolicyPublished
from tests.unit.notifier_courier.test_notices import AT, HOUSE, MAIL_SENDER

NAMES = {"ann": "Ann Lee", "bea": "Bea Roth", "cy": "Cy Hall"}
TURNS = {"people": ["ann", "bea", "cy"], "starts_at": "2025-01-06T09:00:00Z"}
BEFORE = AT - timedelta(hours=1)


class Staff:
    """Everybody has an account; Bea has chosen a time zone."""

    def get(self, kind: str, id_: str) -> dict[str, Any] | None:
        name = id_.partition("@")[0]
        if kind != "accounts" or name not in NAMES:
            return None
        zone = {"time_zone": "Asia/Tokyo"} if name == "bea" else {}
        return {"email": id_, "name": NAMES[name], **zone}

    def ids(self, kind: str) -> list[str]:
        return []


def version(key: str = "on-call", **ask: Any) -> PolicyPublished:
    asked = {
        "id": "ask_1",
        "by": "ann",
        "since": "2030-06-03T12:00:00+00:00",
        "until": "2030-06-03T18:00:00+00:00",
        "word": "The dentist.",
        "asked_at": AT.isoformat(),
        **ask,
    }
    schedule = {"zone": "Europe/Berlin", "rotation": TURNS, "asks": [asked]}
    steps = [{"person": "ann", "wait": "5m"}]
    document = {
        "people": {name: {"email": f"{name}@example.com"} for name in NAMES},
        "schedules": {"nights": schedule},
        "escalation": {"support": {"steps": steps, "fallback": "ann"}},
    }
    return PolicyPublished(id="pol_7", key=key, at=AT, version=7, document=document)


def ended(end: str, by: str) -> dict[str, Any]:
    return {"asked_at": BEFORE.isoformat(), "end": end, "ended_by": by, "ended_at": AT.isoformat()}


@pytest.mark.parametrize(
    ("fact", "told"),
    [
        (version(), [("bea@example.com", "cover-asked"), ("cy@example.com", "cover-asked")]),
        (version(of="cy"), [("cy@example.com", "cover-asked")]),
        (version(**ended("accepted", "bea")), [("ann@example.com", "cover-answered")]),
        (version(**ended("declined", "cy")), [("ann@example.com", "cover-answered")]),
        (version(**ended("withdrawn", "ann")), []),
        (version(asked_at=BEFORE.isoformat()), []),
        (version(asked_at=BEFORE.isoformat(), declined=["bea"]), []),
        (version(key="default"), []),
        (version(since="never"), []),
    ],
)
def test_who_is_told(fact: PolicyPublished, told: list[tuple[str, str]]) -> None:
    found = notices_for(fact, Staff(), HOUSE)
    assert [(one.to, one.template) for one in found] == told
    assert all(isinstance(one, Notice) for one in found)


def written(fact: PolicyPublished, to: str) -> str:
    (one,) = [one for one in notices_for(fact, Staff(), HOUSE) if one.to == to]
    assert isinstance(one, Notice)
    raw = letter(one.id, one.to, one.template, one.body, MAIL_SENDER).decode()
    return " ".join(raw.replace("=\r\n", "").split())


def test_the_mail_says_who_asks_for_which_time_on_the_readers_clock() -> None:
    mine, bea = (written(version(), f"{who}@example.com") for who in ("cy", "bea"))
    assert "Ann Lee asks for cover" in mine
    assert "from Monday 3 June 2030, 14:00 to Monday 3 June 2030, 20:00 (Europe/Berlin)" in mine
    assert "from Monday 3 June 2030, 21:00 to Tuesday 4 June 2030, 03:00 (Asia/Tokyo)" in bea
    assert "The dentist." in mine
    assert "Until somebody accepts, Ann Lee stays on call." in mine


def test_whoever_asked_reads_who_takes_it_or_that_they_stay() -> None:
    taken = written(version(**ended("accepted", "bea")), "ann@example.com")
    assert "Bea Roth takes your shift" in taken
    stays = written(version(**ended("declined", "cy")), "ann@example.com")
    assert "You stay on call" in stays


COVER = ((version(), Staff()), (version(**ended("accepted", "bea")), Staff()))
"""For the table of letters: one fact for each template."""
