"""The intake process on real Kafka and MongoDB: what it answered is in the log, and what is in the
log it answered by.
"""

from __future__ import annotations

import asyncio
import time

import pytest

from shared import events as e
from shared.bus import Producer, record_for
from shared.storage.store import Store
from tests.integration.intake.conftest import Intake, free_port
from tests.support.waiting import stretched

pytestmark = pytest.mark.integration

TICKET = {"subject": "Down", "body": "It is down.", "app": "premier-production"}


async def test_what_was_answered_is_in_the_log(intake: Intake) -> None:
    await intake.starts()
    urgent = await intake.post("/v1/tickets", {**TICKET, "priority": "urgent"}, key="one")
    again = await intake.post("/v1/tickets", {**TICKET, "priority": "urgent"}, key="one")
    misused = await intake.post("/v1/tickets", TICKET, key="one")
    plain = await intake.post("/v1/tickets", TICKET)
    reply = await intake.post(f"/v1/tickets/{plain.json()['ticket_id']}/replies", {"body": "More."})
    refused = [
        await intake.post("/v1/tickets", {**TICKET, "subject": {"$ne": 1}}),
        await intake.post("/v1/tickets", TICKET, who="stranger"),
        await intake.post("/v1/tickets", TICKET, who="nobody"),
    ]
    assert [answer.status_code for answer in (urgent, again, misused, plain, reply, *refused)] == [
        202,
        202,
        422,
        202,
        202,
        422,
        403,
        401,
    ]
    assert again.json() == urgent.json()
    requests = await intake.log_of("requests")
    assert sorted(event.id for event in requests) == sorted(
        answer.json()["request_id"] for answer in (urgent, again, plain, reply)
    )
    assert {(event.key, event.id) for event in await intake.log_of("urgent")} == {
        (urgent.json()["ticket_id"], urgent.json()["request_id"])
    }
    assert await intake.stops() == 0


async def test_a_hundred_at_once_are_all_there(intake: Intake) -> None:
    await intake.starts()
    answers = await asyncio.gather(
        *(intake.post("/v1/tickets", {**TICKET, "subject": f"Down {n}"}) for n in range(100))
    )
    assert {answer.status_code for answer in answers} == {202}
    assert {event.key for event in await intake.log_of("requests")} == {
        answer.json()["ticket_id"] for answer in answers
    }


async def test_an_admins_change_counts_when_it_is_answered(intake: Intake) -> None:
    await intake.starts()
    async with intake.client("admin") as admin, intake.client("stranger") as stranger:
        assert (await stranger.post("/v1/tickets", json=TICKET)).status_code == 403
        people = {"owner": "premier@example.com", "collaborators": ["stranger@example.com"]}
        app = {"name": "premier-production", "stage": "production", **people}
        put = await admin.put("/v1/directory/apps/premier-production", json=app)
        assert (put.status_code, put.json()["applied"]) == (200, True)
        assert (await stranger.post("/v1/tickets", json=TICKET)).status_code == 202
        removed = await admin.delete("/v1/directory/accounts/stranger@example.com")
        said = removed.json()
        assert (said["kind"], said["id"]) == ("accounts", "stranger@example.com")
        assert (said["removed"], said["applied"]) == (True, True)
        assert {"field": "email", "before": "stranger@example.com", "after": None} in said[
            "changes"
        ]
        assert (await stranger.post("/v1/tickets", json=TICKET)).status_code == 401


async def test_policies_are_versioned_and_the_first_in_the_log_wins(intake: Intake) -> None:
    await intake.starts()
    async with intake.client("admin") as admin:
        document = (await admin.get("/v1/policies/default")).json()["document"]
        bad = await admin.put(
            "/v1/policies/default", json={**document, "warn_at": [50, "soon"], "pages": ["gold"]}
        )
        assert bad.status_code == 422
        assert {error["pointer"] for error in bad.json()["errors"]} == {"#/warn_at/1", "#/pages/0"}
        put = await admin.put(
            "/v1/policies/default", json={**document, "warn_at": [90]}, params={"note": "quieter"}
        )
        said = put.json()
        assert (said["name"], said["version"]) == ("default", 2)
        assert (said["unchanged"], said["applied"]) == (False, True)
        assert said["changes"] == [{"path": "warn_at", "old": [50, 75, 90], "new": [90]}]

        producer = Producer(intake.bootstrap, intake.prefix, "another intake")
        late = e.PolicyPublished(
            id="late",
            key="default",
            at=(await intake.log_of("policies"))[0].at,
            version=2,
            document=document,
        )
        await producer.send(record_for("policies", late, "intake"))
        await producer.stop()
        ticket = await intake.post("/v1/tickets", TICKET)
        assert (await admin.get("/v1/policies/default")).json()["document"]["warn_at"] == [90]
    (request,) = [
        event
        for event in await intake.log_of("requests")
        if event.key == ticket.json()["ticket_id"]
    ]
    assert isinstance(request, e.OpenTicket)
    assert request.policy == {"components": 1, "default": 2, "on-call": 1}


async def test_what_the_view_knows_is_answered_at_once_and_its_absence_stops_nothing(
    intake: Intake,
) -> None:
    store = Store(intake.mongodb, intake.database)
    ticket = "tkt_" + "a" * 26
    seen = {
        "_id": ticket,
        "requester": "premier@example.com",
        "participants": [],
        "provider": None,
        "status": "open",
    }
    await store["tickets"].replace({"_id": ticket}, seen)
    try:
        await intake.starts()
        assert (
            await intake.post(f"/v1/tickets/{ticket}/replies", {"body": "x"}, who="stranger")
        ).status_code == 404
        assert (
            await intake.post(f"/v1/tickets/{ticket}/take-back", {"reason": "x"})
        ).status_code == 403
        assert (
            await intake.post(f"/v1/tickets/{ticket}/replies", {"body": "x"})
        ).status_code == 202
        await intake.stops()
        await intake.starts(
            MONGODB_URI=f"mongodb://127.0.0.1:{free_port()}", SIGNALBOX_VIEW_BUDGET="0.05"
        )
        begun = time.monotonic()
        assert (
            await intake.post(f"/v1/tickets/{ticket}/replies", {"body": "x"}, who="stranger")
        ).status_code == 202
        assert time.monotonic() - begun < stretched(1)
    finally:
        await store.drop()
        store.close()
