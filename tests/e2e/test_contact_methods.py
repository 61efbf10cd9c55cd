"""Somebody on call adds a way to reach them, proves it by the code that comes there, and is paged
by it; the journey of issue 6.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.desk import Desk, FarEnd, Person
from tests.support.waiting import eventually

MINE = "/v1/people/primary/methods"


@pytest.fixture
def name(desk: Desk) -> Iterator[str]:
    """The name of a new method; whatever a test leaves of it is taken away, and the phone is first
    again.
    """
    found = f"m{secrets.token_hex(4)}"
    yield found
    desk.primary.call("POST", f"{MINE}/phone/first")
    desk.primary.call("DELETE", f"{MINE}/{found}")


def methods(person: Person) -> list[tuple[str, bool]]:
    return [(method["name"], method["verified"]) for method in person.get(MINE)["items"]]


def code_at(far_end: FarEnd, address: str) -> str:
    """The code of the newest mail there."""

    def came() -> Any:
        subjects = [
            mail["subject"]
            for mail in far_end.got("mail", to=address)
            if "Signalbox code" in mail["subject"]
        ]
        return subjects and re.search(r"[0-9]{8}", subjects[-1])

    return str(eventually(came, what=f"a code at {address}")[0])


def test_a_method_is_used_once_its_code_came_back(desk: Desk, far_end: FarEnd, name: str) -> None:
    primary, address = desk.primary, f"{name}@primary.example"
    added = primary.call("POST", MINE, {"name": name, "channel": "email", "address": address})
    assert added.status_code == 200, added.text
    assert methods(primary) == [("phone", True), (name, False)]

    asked = primary.asks(f"{MINE}/{name}/verify")
    assert primary.outcome(asked["request_id"])["state"] == "done"
    code = code_at(far_end, address)
    wrong = primary.call(
        "POST", f"{MINE}/{name}/confirm", {"code": f"{(int(code) + 1) % 10**8:08d}"}
    )
    assert (wrong.status_code, wrong.json()["type"].rpartition("/")[2]) == (422, "wrong-code")
    assert methods(primary)[1] == (name, False)
    assert primary.call("POST", f"{MINE}/{name}/confirm", {"code": code}).status_code == 200
    assert primary.call("POST", f"{MINE}/{name}/first").status_code == 200
    assert methods(primary) == [(name, True), ("phone", True)]

    customer = desk.new_customer("premier")
    ticket = customer.submits("Everything is down", app=f"{customer.name}-app", priority="urgent")

    def paged() -> Any:
        return [mail for mail in far_end.got("mail", to=address) if "URGENT" in mail["subject"]]

    assert len(eventually(paged, what="a page by mail")) == 1
    assert not far_end.about(ticket, "page", to="primary"), (
        "the phone is tried only where the mail is refused"
    )
    pages = eventually(
        lambda: [
            found for found in primary.get("/v1/pages")["items"] if found["ticket_id"] == ticket
        ],
        what="in the view",
    )
    primary.asks(f"/v1/pages/{pages[0]['id']}/acknowledge")


def test_the_same_on_ones_own_page(desk: Desk, far_end: FarEnd, name: str) -> None:
    origin = {"Origin": desk.stack.portal}
    with desk.browser() as browser:
        browser.headers.update(origin)
        assert browser.get("/account/on-call").status_code == 303, "a visitor is sent to the login"
        browser.post(
            "/login", data={"email": "primary@example.com", "password": "demo", "next": "/"}
        )
        here, address = "/account/on-call", f"{name}@primary.example"
        taken = browser.post(
            f"{here}/methods", data={"name": "phone", "channel": "email", "address": address}
        )
        assert taken.status_code == 422 and "already" in taken.text
        added = browser.post(
            f"{here}/methods",
            data={"name": name, "channel": "email", "address": address},
            follow_redirects=True,
        )
        assert added.status_code == 200 and address in added.text and "Not verified" in added.text
        sent = browser.post(f"{here}/methods/{name}/verify", follow_redirects=True)
        assert "The code is sent." in sent.text
        wrong = browser.post(f"{here}/methods/{name}/confirm", data={"code": "1"})
        assert wrong.status_code == 422 and "This is not the code" in wrong.text
        right = browser.post(
            f"{here}/methods/{name}/confirm",
            data={"code": code_at(far_end, address)},
            follow_redirects=True,
        )
        assert (
            "Verified. Pages reach you by it from now on." in right.text
            and "Not verified" not in right.text
        )
        calendar = re.search(r'href="(/on-call/person/primary[.]ics[^"]*)"', right.text)
        assert calendar and "BEGIN:VEVENT" in browser.get(calendar[1].replace("&amp;", "&")).text
        assert browser.get("/on-call/person/primary.ics?token=forged").status_code == 404
        assert (
            browser.post(f"{here}/methods/{name}/remove", follow_redirects=True).status_code == 200
        )
    with desk.browser() as browser:
        browser.headers.update(origin)
        browser.post("/login", data={"email": "agent@example.com", "password": "demo", "next": "/"})
        assert browser.get("/account/on-call").status_code == 404, (
            "the page is for whoever stands in the on-call document"
        )
        assert "Pages of the last 30 days" in browser.get("/on-call").text


def test_a_code_to_an_address_that_refuses_says_so(desk: Desk, name: str) -> None:
    added = desk.primary.call(
        "POST", MINE, {"name": name, "channel": "webhook", "address": "http://127.0.0.1:9/nobody"}
    )
    assert added.status_code == 200, added.text
    outcome = desk.primary.outcome(desk.primary.asks(f"{MINE}/{name}/verify")["request_id"])
    assert outcome["state"] == "refused" and "no connection" in outcome["reason"], json.dumps(
        outcome
    )


def test_other_peoples_methods_are_their_own(desk: Desk, name: str) -> None:
    new = {"name": name, "channel": "email", "address": "me@example.com"}
    for who in ("secondary", "ops", "agent", "premier"):
        person = desk.person(who)
        assert person.call("GET", MINE).status_code == 404
        assert person.call("POST", MINE, new).status_code == 404
        assert person.call("POST", f"{MINE}/phone/verify").status_code == 404
    assert desk.admin.call("POST", MINE, new).status_code == 200
    assert (
        desk.primary.call("POST", f"{MINE}/{name}/confirm", {"code": "00000000"}).status_code == 422
    )
