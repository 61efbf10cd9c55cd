"""Doing one thing with many tickets, and saved views, over the real intake in this process."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import pytest

from shared import events as e
from tests.support.administering import Office

pytestmark = pytest.mark.costly

ONE, TWO = (f"tkt_{letter * 26}" for letter in "ab")
PICKED = {
    f"pick-{ONE}": "yes",
    f"pick-{TWO}": "yes",
    "idempotency_key": "drawn",
    "back": "/queue?home=due",
}


@pytest.fixture
async def office() -> AsyncIterator[Office]:
    async with Office() as made:
        yield made


async def test_each_ticket_is_written_once_by_a_request_of_its_own(office: Office) -> None:
    form = {**PICKED, "do": "tag", "add": "Needs Info"}
    shown = await office.send("/queue/bulk", form, "agent")
    assert shown.status_code == 200
    # The views are away here, so nobody can say yet what the router decides.
    assert "2 recorded, to be seen in a moment." in shown.text
    assert 'href="/queue?home=due"' in shown.text
    # What was recorded can be taken back, without a script by a form.
    assert 'action="/queue/bulk/undo"' in shown.text
    for each in office.bench.log.on("requests"):
        assert f'name="undo-{each.id}" value="{each.key}"' in shown.text
    first = office.bench.log.on("requests")
    assert [(type(each), each.key) for each in first] == [(e.TagTicket, ONE), (e.TagTicket, TWO)]
    assert all(each.add == ("needs-info",) for each in first)  # type: ignore[attr-defined]
    await office.send("/queue/bulk", form, "agent")
    again = office.bench.log.on("requests")
    assert {each.id for each in again} == {each.id for each in first}
    await office.send("/queue/bulk", {**form, "add": "other"}, "agent")
    assert len({each.id for each in office.bench.log.on("requests")}) == 4


async def test_what_is_refused_is_said_for_each(office: Office) -> None:
    form = {**PICKED, "do": "tag", "add": "x" * 41}
    shown = await office.send("/queue/bulk", form, "agent")
    assert "0 done, 2 refused: A tag has at most 40 characters" in shown.text
    assert shown.text.count('<li><a href="/tickets/tkt_') == 2


async def test_nothing_is_sent_where_something_is_missing(office: Office) -> None:
    shown = await office.send("/queue/bulk", {**PICKED, "do": "solve"}, "agent")
    assert (shown.status_code, "Say what solved them" in shown.text) == (422, True)
    assert office.bench.log.on("requests") == []


async def test_nothing_is_taken_back_while_nobody_can_say_what_was_done(office: Office) -> None:
    away = await office.send("/queue/bulk/undo", {"undo-req_a": ONE}, "agent")
    assert away.status_code == 503
    assert office.bench.log.on("requests") == []


@pytest.mark.parametrize("who", ["premier", "redisco"])
async def test_only_staff_do(office: Office, who: str) -> None:
    for path in ("/queue/bulk", "/queue/bulk/undo", "/views"):
        assert (await office.send(path, {**PICKED, "do": "take"}, who)).status_code in (403, 404)
    assert (await office.get("/views", who)).status_code in (403, 404)
    assert office.bench.log.on("requests") == []


async def test_a_view_is_kept_renamed_and_removed(office: Office) -> None:
    assert "No saved view yet" in (await office.get("/views", "agent")).text
    form = {"name": " My urgent ", "place": "queue", "of": "me", "asked.home": "mine"}
    form |= {"asked.priority": "urgent", "asked.cursor": "x", "idempotency_key": "k"}
    kept = await office.send("/views", form, "agent")
    assert (kept.status_code, kept.headers["location"]) == (303, "/queue?home=mine&priority=urgent")
    page = (await office.get("/views", "agent")).text
    assert "My urgent" in page
    assert "My urgent" not in (await office.get("/views", "agent2")).text
    found = re.search(r"/views/(viw_[a-z2-7]{26})/rename", page)
    assert found is not None
    await office.send(f"/views/{found[1]}/rename", {"name": "Mine, urgent"}, "agent")
    assert "Mine, urgent" in (await office.get("/views", "agent")).text
    other = await office.send(f"/views/{found[1]}/remove", {}, "agent2")
    assert other.status_code == 404
    gone = await office.send(f"/views/{found[1]}/remove", {}, "agent")
    assert (gone.status_code, gone.headers["location"]) == (303, "/views")
    assert "No saved view yet" in (await office.get("/views", "agent")).text


async def test_a_view_without_a_name_is_said(office: Office) -> None:
    form = {"name": "", "place": "queue", "asked.home": "mine"}
    shown = await office.send("/views", form, "agent")
    assert shown.status_code == 422
    assert 'class="say bad"' in shown.text
