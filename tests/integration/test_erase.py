"""A person is erased from a whole running system, the command killed at every stage: nothing of
them is left, everything else goes on.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cli.erase.command import ErasureBlocked
from cli.erase.course import STAGE, course
from shared.bus import Producer, Record
from shared.errors import Unavailable
from shared.topics import ERASING
from tests.support.desk import Desk, FarEnd
from tests.support.house import House, became, live
from tests.support.stack import running
from tests.support.waiting import eventually

pytestmark = [pytest.mark.integration, pytest.mark.long, pytest.mark.timeout(900)]
ROOT = Path(__file__).parents[2]
LEFT_OUT = "auditor,pulse,status"
"""They say nothing that is asked for here."""


@pytest.fixture
def house(kafka_bootstrap: str, mongodb_uri: str, tmp_path: Path) -> Iterator[House]:
    made = House(kafka_bootstrap, mongodb_uri, tmp_path / "data")
    yield made
    made.clear()


def test_nothing_is_left_of_a_person_and_everything_else_goes_on(house: House) -> None:
    with running("--without", LEFT_OUT, keep=house.data, env=house.env, auditor=True) as stack:
        lives = live(stack)
        with pytest.raises(ErasureBlocked, match="Stop the services first"):
            house.erases(lives.ann.email, patience=0)
    ann, planted = lives.ann, lives.planted
    before = house.leaks(planted)
    assert {leak.partition(" in ")[0] for leak in before} >= planted.keys() - {
        "file",
        "mail-file",
    }, "they were there"

    for name, why in (("primary", "on-call document"), ("admin", "last admin")):
        with pytest.raises(ErasureBlocked, match=why):
            house.erases(f"{name}@example.com")
    counted = vars(house.erases(ann.email, dry_run=True))
    assert counted["numbers"]["records"]["requests"] >= 6
    assert house.leaks(planted) == before, "a dry run changes nothing"

    def stage() -> Any:
        return house.asked(course)

    house.killed(
        "erase",
        ann.email,
        when=lambda: any(
            name.startswith(STAGE) for name in house.asked(lambda kafka: kafka.topics())
        ),
    )
    assert stage() is not None
    house.killed(
        "erase",
        ann.email,
        when=lambda: (
            (at := stage()) is not None and at.copied is not None and len(at.replaced) >= 2
        ),
    )
    with pytest.raises(Unavailable, match="erasure is under way"):
        asyncio.run(
            Producer(house.kafka, f"{house.name}-", "late").send(Record("requests", "k", b"v"))
        )
    for address, dry_run, why in (
        (ann.email, True, "only goes forward"),
        (lives.bob.email, False, "was begun and not ended"),
    ):
        with pytest.raises(ErasureBlocked, match=why):
            house.erases(address, dry_run=dry_run)
    house.killed(
        "erase", ann.email, when=lambda: "positions" not in {name for name, _ in house.documents()}
    )
    told = house.run("erase", ann.email)
    assert told["gone_on"]
    assert told["numbers"]["records"] == counted["numbers"]["records"]
    assert house.leaks(planted) == []
    assert not [
        name for name in house.asked(lambda kafka: kafka.topics()) if name.startswith(ERASING)
    ]
    assert house.erases(ann.email).nothing
    (record,) = [
        json.loads(raw.split(b"\0")[1]) for topic, raw in house.records() if topic == "erasures"
    ]
    assert (record["pseudonym"], record["records"]) == (
        told["pseudonym"],
        counted["numbers"]["records"],
    )

    with running("--without", LEFT_OUT, keep=house.data, env=house.env, auditor=True) as stack:
        desk, far_end = Desk(stack), FarEnd(stack.sink)
        lives.bob.base = stack.portal
        assert (
            ann.client.get(
                f"{stack.portal}/v1/tickets", headers={"Authorization": f"Bearer {ann.token}"}
            ).status_code
            == 401
        )
        seen = eventually(
            lambda: desk.agent.ticket(lives.paged), within=60, what="her ticket, as it was left"
        )
        assert (seen["subject"], seen["requester"]) == (
            "[erased]",
            f"{told['pseudonym']}@erased.invalid",
        )
        assert [reply["body"] for reply in seen["replies"]][-1] == "It is our fault."
        assert lives.bob.ticket(lives.bobs)["subject"] == "Deploys hang"
        for ticket in (lives.bobs, lives.paged, lives.mailed):
            became(desk.agent, desk.agent.replies(ticket, "Try it now."))
            became(desk.agent, desk.agent.acts(ticket, "solve", resolution="It works."))
        far_end.gets(lives.bobs, "mail", to=lives.bob.email, within=60)
        carl = desk.new_customer("premier")
        urgent = carl.submits(
            "All is down", "All of it.", app=f"{carl.name}-app", priority="urgent"
        )
        far_end.gets(urgent, "page", to="primary", within=60)
        assert not far_end.got("mail", to="erased"), "nobody is written to at a pseudonym"
        checked = house.run("verify")
        assert checked["erased"] > 5
        assert checked["differences"] == []
        rebuilt = house.run("rebuild")
        assert rebuilt["equal"]
        assert rebuilt["compared"]
    assert house.leaks(planted) == []
