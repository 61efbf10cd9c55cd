"""Role × call, on the running services: only the listed cells succeed (role_matrix.py), and no call
is without a line.

The calls come from the live OpenAPI documents of portal and intake. Every line has a ticket of its
own, opened by a customer and assigned to redisco, so that what one line does to it (hand back,
solve) changes nothing for the next.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from typing import Any

import httpx
import pytest

from tests.e2e.role_matrix import MATRIX, ROLES, Line
from tests.support.desk import Desk, Person
from tests.support.stack import Stack
from tests.support.waiting import eventually

WHO = {
    "stranger": "stranger",
    "provider": "redisco",
    "other-provider": "mailgrid",
    "agent": "agent",
    "reviewer": "reviewer",
    "csa": "csa",
    "ops": "ops",
    "on-call": "primary",
    "admin": "admin",
}
REFUSED = frozenset({401, 403, 404})
VERBS = frozenset({"get", "put", "post", "delete"})


@dataclass
class World:
    """The things the calls are about."""

    desk: Desk
    stack: Stack
    tickets: dict[tuple[str, str], str] = field(default_factory=dict)
    endpoint: str = "end_" + "a" * 26
    """A webhook that answered 410 Gone: there is none."""
    invitation: str = "invited-by-nobody"
    """Nobody was invited under it."""

    @cached_property
    def client(self) -> Any:
        """One connection for all: it has no cookie and names nobody."""
        return self.desk.browser()

    @cached_property
    def customer(self) -> Person:
        return self.desk.new_customer("premier")

    @cached_property
    def page(self) -> str:
        ticket = self.customer.submits("Down", app=f"{self.customer.name}-app", priority="urgent")
        on_call = self.desk.person("primary")

        def opened() -> Any:
            return [
                page["id"]
                for page in on_call.get("/v1/pages")["items"]
                if ticket in page.get("ticket_ids", [page.get("ticket_id")])
            ]

        return str(eventually(opened, what="the page")[0])

    @cached_property
    def incident(self) -> str:
        """A draft. Intake and the view know of it before anybody asks."""
        return self.known(
            "ops", "incidents", {"title": "Role matrix", "body": "A draft.", "draft": True}
        )

    @cached_property
    def maintenance(self) -> str:
        """Far ahead; nobody's clock comes there."""
        begin = self.stack.clock.now() + timedelta(days=300)
        times = {
            "starts_at": begin.isoformat(),
            "ends_at": (begin + timedelta(hours=1)).isoformat(),
        }
        return self.known(
            "ops", "maintenances", {"title": "Role matrix", "body": "Planned.", **times}
        )

    @cached_property
    def announcement(self) -> str:
        """Redisco's own, of a kind that only its users, itself and staff may know."""
        return self.known(
            "redisco",
            "announcements",
            {"purpose": "survey", "subject": "Role matrix", "body": "How are we?"},
        )

    def known(self, who: str, family: str, document: dict[str, Any]) -> str:
        """The key of something new that the view has, and intake has heard of: others are refused."""
        said = self.desk.person(who).asks(f"/v1/{family}", document)
        key = str(said["links"]["self"].rpartition("/")[2])
        eventually(
            lambda: self.desk.ops.call("GET", f"/v1/{family}/{key}").status_code == 200,
            what=f"{family} in the view",
        )
        update = {"body": "Mine?", "internal": True}
        stranger = self.desk.mailgrid
        eventually(
            lambda: (
                stranger.call("POST", f"/v1/{family}/{key}/updates", update).status_code in REFUSED
            ),
            what="intake knows it",
        )
        return key

    @cached_property
    def message(self) -> str:
        """A mail of nobody we know, so it is in quarantine."""
        raw = f"From: nobody-{secrets.token_hex(4)}@matrix.example\r\nTo: support@signalbox.example\r\nSubject: Hello\r\n\r\nHello.\r\n"
        who = {"Authorization": f"Bearer {self.desk.agent.token}", "Content-Type": "message/rfc822"}
        answer = self.desk.agent.client.post(
            f"{self.stack.portal}/v1/mail", content=raw.encode(), headers=who
        )
        assert answer.status_code == 202, answer.text
        key = str(answer.json()["id"])
        eventually(
            lambda: self.desk.agent.call("GET", f"/v1/mail/{key}").status_code == 200,
            what="the mail is in the view",
        )

        def raw_is_there() -> bool:
            status = self.desk.agent.call("GET", f"/v1/mail/{key}/raw").status_code
            if status not in (200, 503):
                pytest.fail(f"a message that the view knows was answered {status}")
            return status == 200

        eventually(raw_is_there, what="the message's bytes are stored")
        return key

    @cached_property
    def subscription(self) -> str:
        """Nobody's: only who holds its token may do anything to one, and no role does."""
        return "sub_" + "a" * 26

    @property
    def view(self) -> str:
        """A saved view of the team, made anew each time."""
        body = {"name": "Role matrix", "place": "queue", "asked": {"home": "mine"}, "of": "team"}
        return str(self.desk.agent.call("POST", "/v1/views", body).json()["id"])

    @cached_property
    def file(self) -> str:
        """Uploaded by the customer, and on no ticket yet."""
        who = {
            "Authorization": f"Bearer {self.customer.token}",
            "Content-Type": "application/octet-stream",
        }
        answer = self.customer.client.post(
            f"{self.stack.portal}/v1/attachments", content=b"Some bytes.", headers=who
        )
        assert answer.status_code in (200, 201, 202), answer.text
        key = str(answer.json()["id"])
        eventually(
            lambda: self.customer.call("GET", f"/v1/attachments/{key}").status_code == 200,
            what="the file is there to be read",
        )
        return key

    @cached_property
    def account(self) -> dict[str, Any]:
        """An account document, to be written again as it stands."""
        return {
            "email": self.customer.email,
            "name": self.customer.name.title(),
            "plan": "premier",
            "roles": ["requester"],
        }

    def prepare(self) -> None:
        """A ticket for every line that is about one, all assigned before anybody asks."""
        lines = [call for call in MATRIX if "{ticket_id}" in call[1]]
        with ThreadPoolExecutor(4) as pool:
            opened = list(pool.map(lambda call: self.customer.submits(f"About {call[1]}"), lines))
        self.tickets = dict(zip(lines, opened, strict=True))
        for ticket in opened:
            self.desk.agent.acts(ticket, "assign", provider="redisco")
        for ticket in opened:
            self.desk.agent.ticket(ticket, queue="provider:redisco")

    def filled(self, call: tuple[str, str]) -> dict[str, Any]:
        """What stands in the braces of a call's address and body."""
        method, path = call
        found: dict[str, Any] = {
            "kind": "accounts",
            "doc_id": self.customer.email,
            "name": "default",
            "schedule": "support-primary",
            "ask": "ask_" + "a" * 26,
        }
        found["slug"] = "h12-request-timeout"
        found["provider"] = "logdrain"
        found["email"] = self.customer.email
        found["notice_id"] = "ntc_" + "a" * 26
        if "{person}" in path:
            found |= {"person": "primary", "name": "phone"}
        if "{ticket_id}" in path:
            found["ticket_id"] = self.tickets[call]
        if path.endswith("/join"):
            found["share_token"] = self.customer.acts(found["ticket_id"], "share")[
                "url"
            ].rpartition("/")[2]
        if "{request_id}" in path:
            ticket = next(iter(self.tickets.values()))
            found["request_id"] = self.customer.replies(ticket, "Seen?")["request_id"]
            self.customer.outcome(found["request_id"])
        if "{page_id}" in path:
            found["page_id"] = self.page
        if "{issue_id}" in path:
            found["issue_id"] = self.incident
        if "{token_id}" in path:
            made = self.customer.call("POST", "/v1/tokens", {"name": "to be revoked"})
            found["token_id"] = made.json()["id"]
        for name, what in (
            ("key", path.split("/")[2].removesuffix("s")),
            ("message_id", "message"),
            ("attachment_id", "file"),
        ):
            if f"{{{name}}}" in path:
                found[name] = getattr(self, what)
        if method == "PUT" and "{doc_id}" in path:
            found["document"] = self.account
        if method == "DELETE" and "{doc_id}" in path:
            found |= {"kind": "apps", "doc_id": f"none-{secrets.token_hex(4)}"}
        return found

    def asks(self, role: str, method: str, path: str, body: Any, raw: str = "") -> int:
        headers = {"Content-Type": raw} if raw else {}
        if role != "visitor":
            person = self.customer if role == "customer" else self.desk.person(WHO[role])
            headers["Authorization"] = f"Bearer {person.token}"
        sent = {"content": body.encode()} if raw else {"json": body}
        with self.client.stream(method, path, headers=headers, **sent) as answer:
            return int(answer.status_code)


@pytest.fixture(scope="module")
def world(stack: Stack, desk: Desk) -> Iterator[World]:
    found = World(desk, stack)
    found.prepare()
    yield found
    found.client.close()


def calls_of(base: str) -> set[tuple[str, str]]:
    document = httpx.get(f"{base}/openapi.json", timeout=20).json()
    return {
        (verb.upper(), path)
        for path, verbs in document["paths"].items()
        for verb in verbs
        if verb in VERBS
    }


def test_every_call_has_its_line(stack: Stack) -> None:
    live = calls_of(stack.portal) | calls_of(stack.intake)
    assert live - set(MATRIX) == set(), (
        "decide who may call these, and say it in tests/e2e/role_matrix.py"
    )
    assert set(MATRIX) - live == set(), (
        "these are gone: take their lines out of tests/e2e/role_matrix.py"
    )


@pytest.mark.parametrize(
    ("call", "line"), [pytest.param(call, line, id=" ".join(call)) for call, line in MATRIX.items()]
)
def test_only_the_listed_cells_succeed(world: World, call: tuple[str, str], line: Line) -> None:
    values = world.filled(call)
    wrong = []
    for role in ROLES:
        if line.anew:
            values = world.filled(call)
        path = call[1].format(**values)
        status = world.asks(role, call[0], path, body_of(line.body, values), line.raw)
        if line.undo and status < 300:
            assert world.asks(role, line.undo, path, None) < 300
        expected = (
            (status in line.answer or (not line.answer and 200 <= status < 300))
            if role in line.may
            else status in REFUSED
        )
        if not expected:
            wrong.append(f"{role}: {status}, and {'may' if role in line.may else 'may not'}")
    assert not wrong


def body_of(body: Any, values: dict[str, Any]) -> Any:
    """The line's body with its words in braces replaced."""
    if isinstance(body, dict):
        return {name: body_of(value, values) for name, value in body.items()}
    if isinstance(body, str) and body.startswith("{") and body[1:-1] in values:
        return values[body[1:-1]]
    return body
