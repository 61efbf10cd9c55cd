"""A secret that somebody writes into a ticket ends at the door: it is in no topic, no view, no
mail, webhook, page or file.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from pymongo.uri_parser import parse_uri

from deploy.embedded.mongo import open_as_member, secret_file
from deploy.embedded.secret import keep_secret
from shared.bus import Reader
from shared.topics import TOPICS
from tests.support.desk import Desk, FarEnd, Person
from tests.support.mails import attached, multipart
from tests.support.posting import MailDesk, Post
from tests.support.stack import Stack
from tests.support.waiting import eventually
from tests.unit.text.samples import HEX, drawn

PREFIX = "signalbox-"


def made(name: str) -> dict[str, str]:
    """Kind → secret, all different for each test."""
    return {
        "password": drawn(f"pw {name}", 14),
        "address": drawn(f"address {name}", 20),
        "heroku": "HRKU-" + drawn(f"heroku {name}", 60),
        "stripe": "sk_" + "live_" + drawn(f"stripe {name}", 24),
        "master": drawn(f"master {name}", 32, HEX),
        "pem": drawn(f"pem {name}", 64),
    }


def text_with(secrets: dict[str, str]) -> str:
    begin, end = ("-----" + word + " RSA PRIVATE" + " KEY-----" for word in ("BEGIN", "END"))
    return (
        f"The login is shop, password: {secrets['password']}\n"
        f"DATABASE_URL: postgres://u1:{secrets['address']}@ec2-1-2-3-4.compute-1.amazonaws.com:5432/d1\n"
        f"RAILS_MASTER_KEY={secrets['master']}\n"
        f"We use {secrets['heroku']} and {secrets['stripe']}.\n{begin}\n{secrets['pem']}\n{end}\n"
        "2027-03-02T07:55:01Z heroku[router]: at=error code=H12 request_id=8601b555-6a83-4c12-8269-97c8e32cdb22"
    )


def contents_of(data: Path) -> Iterator[tuple[Path, bytes]]:
    """Every file beneath, read. What the engines delete meanwhile is gone, and with it what it
    held.
    """
    for folder, _, names in os.walk(data):  # unlike rglob, it bears a folder that vanishes
        for name in names:
            path = Path(folder, name)
            with contextlib.suppress(FileNotFoundError):
                if path.is_file():
                    yield path, path.read_bytes()


async def in_topics(stack: Stack, secrets: dict[str, str]) -> list[str]:
    found: list[str] = []
    reader = Reader(stack.kafka, PREFIX)
    await reader.start()
    try:
        records = 0
        starts = {
            (topic, number): 0
            for topic in TOPICS
            for number in range(await reader.partitions(topic))
        }
        async for batch in reader.read_to_end(starts):
            for message in batch:
                records += 1
                raw = b"\0".join(
                    (message.value or b"", message.key.encode(), repr(message.headers).encode())
                )
                found += [
                    f"{kind} in topic {message.topic}"
                    for kind, secret in secrets.items()
                    if secret.encode() in raw
                ]
        assert records > 50, "the log was read"
    finally:
        await reader.stop()
    return found


def in_views(stack: Stack, secrets: dict[str, str]) -> list[str]:
    port = parse_uri(stack.mongodb)["nodelist"][0][1]
    with open_as_member(
        port, keep_secret(secret_file(stack.data / "mongodb"))
    ) as client:  # all of it
        places = [
            (f"{database}.{name}", repr(doc))
            for database in client.list_database_names()
            if database not in ("admin", "config")
            for name in client[database].list_collection_names()
            for doc in client[database][name].find()
        ]
    assert any("[masked: " in text for _, text in places), "the views were read"
    return [
        f"{kind} in {place}"
        for place, text in places
        for kind, secret in secrets.items()
        if secret in text
    ]


def outside(far_end: FarEnd, secrets: dict[str, str]) -> list[str]:
    received = far_end.got()
    assert {"mail", "page"} <= {item["kind"] for item in received}
    return [
        f"{kind} in a {item['kind']}"
        for item in received
        for kind, secret in secrets.items()
        if secret in repr(item)
    ]


def on_disk(stack: Stack, secrets: dict[str, str]) -> list[str]:
    """Logs, spool, replicas and the engines' own files, as they lie there."""
    found, files = [], 0
    for path, raw in contents_of(stack.data):
        files += 1
        found += [
            f"{kind} in {path.relative_to(stack.data)}"
            for kind, secret in secrets.items()
            if secret.encode() in raw
        ]
    assert files > 100, "the disk was read"
    return found


async def nowhere(stack: Stack, far_end: FarEnd, secrets: dict[str, str]) -> None:
    assert await in_topics(stack, secrets) == []
    assert in_views(stack, secrets) == []
    assert outside(far_end, secrets) == []
    assert on_disk(stack, secrets) == []


@pytest.fixture
def premier(desk: Desk) -> Person:
    return desk.new_customer("premier")


async def test_through_the_api(desk: Desk, far_end: FarEnd, premier: Person, stack: Stack) -> None:
    secrets = made(premier.name)
    text = text_with(secrets)
    fields = (
        "users_affected",
        "business_impact",
        "steps_to_reproduce",
        "seen_in_staging",
        "staging_differences",
        "began_at",
        "logs",
        "configuration",
    )
    body = {
        "subject": f"Redis is down, password: {secrets['password']}",
        "body": text,
        "app": f"{premier.name}-app",
        "addon": "redisco",
        "priority": "urgent",
        "urgent": {
            **dict.fromkeys(fields, text),
            "third_party_services": [f"token={secrets['master']}"],
        },
    }
    answer = premier.asks("/v1/tickets", body, key="with-secrets")
    ticket = answer["ticket_id"]
    assert any(
        "masked" in warning and "rotate" in warning.lower() for warning in answer["warnings"]
    )
    assert premier.asks("/v1/tickets", body, key="with-secrets")["ticket_id"] == ticket, (
        "the same body is the same request"
    )
    other = {**body, "body": text.replace(secrets["password"], "another-password-9")}
    assert premier.call("POST", "/v1/tickets", other, key="with-secrets").status_code == 422, (
        "another secret is another body"
    )

    far_end.gets(ticket, "page", to="primary")
    (hook,) = far_end.gets(ticket, "webhook", to="redisco")
    assert "ec2-1-2-3-4.compute-1.amazonaws.com" in hook["body"], "the host is evidence"
    assert "8601b555-6a83-4c12-8269-97c8e32cdb22" in hook["body"], "so is the request id"
    seen = premier.ticket(ticket, provider="redisco")
    assert seen["body"].count("[masked: ") >= 6

    said = [
        premier.replies(ticket, text),
        desk.agent.replies(ticket, text, audience="staff"),
        desk.redisco.replies(ticket, text),
    ]
    said.append(desk.reviewer.acts(ticket, "review", priority="high", reason=text[:4000]))
    said.append(desk.redisco.acts(ticket, "hand-back", reason=text[:4000]))
    for one in said:
        assert desk.agent.outcome(one["request_id"])["state"] == "done"
        assert one["warnings"]
    solved = desk.agent.acts(ticket, "solve", resolution=text[:4000])
    assert desk.agent.outcome(solved["request_id"])["state"] == "done"
    premier.ticket(ticket, status="solved")
    far_end.gets(ticket, "mail", to=premier.email, count=4)  # received, a reply, the review, solved
    refused = premier.acts(ticket, "appeal", information=text)
    premier.outcome(refused["request_id"])
    await nowhere(stack, far_end, secrets)


@pytest.mark.long
async def test_through_files_and_mail(
    desk: Desk, far_end: FarEnd, premier: Person, stack: Stack
) -> None:
    """A log that is uploaded, and one that is attached to a mail. The mail as it came is in the bag
    alone, and leaves it when settled.
    """
    secrets, about = made("file " + premier.name), f"See the log {premier.name}"
    log = text_with(secrets).encode()
    up = premier.call("POST", "/v1/attachments?name=app.log", content=log).json()
    assert len(up["masked"]) >= 5
    assert "app.log" in up["warnings"][0]
    answer = premier.asks(
        "/v1/tickets",
        {
            "subject": "With a log",
            "body": "It is attached.",
            "app": f"{premier.name}-app",
            "priority": "urgent",
            "attachments": [up["id"]],
        },
    )
    assert up["warnings"][0] in answer["warnings"]
    far_end.gets(answer["ticket_id"], "page", to="primary")
    raw = multipart(
        b"Content-Type: text/plain\r\n\r\n" + text_with(secrets).encode(),
        attached(log, "app.log"),
        headers={
            "From": premier.email,
            "Subject": about,
            "Message-ID": f"<{drawn(about, 20)}@client.example.com>",
        },
    )
    Post(stack).sends(raw, premier.email)
    message = MailDesk(desk.agent).settles(about, "ticketed")
    seen = premier.ticket(message["ticket_id"])
    assert seen["body"].count("[masked: ") >= 4
    for file in (up["id"], *seen["attachments"]):
        kept = eventually(
            lambda file=file: (
                (found := premier.call("GET", f"/v1/attachments/{file}")).status_code == 200
                and found
            )
        )
        assert kept.text.count("[masked: ") >= 5
        assert "H12" in kept.text
    address = f"/v1/mail/{message['id']}/raw"
    for_staff = eventually(
        lambda: (found := desk.agent.call("GET", address)).status_code == 200 and found,
        what="the raw message",
    )
    assert "app.log" in for_staff.text
    eventually(lambda: not on_disk(stack, secrets), within=30, every=1, what="the bag without it")
    await nowhere(stack, far_end, secrets)


@pytest.mark.long
async def test_through_the_web(desk: Desk, far_end: FarEnd, premier: Person, stack: Stack) -> None:
    secrets = made("web " + premier.name)
    text = text_with(secrets)
    with desk.browser() as browser:
        assert browser.post(
            "/login", data={"email": "premier@example.com", "password": "demo"}
        ).status_code in (302, 303)
        form = {
            "subject": f"Lost, password: {secrets['password']}",
            "body": text,
            "app": "premier-production",
            "priority": "urgent",
            "urgent.configuration": text,
            "urgent.began_at": "2027-03-02 07:55 PST",
            "idempotency_key": drawn(premier.name, 20),
        }
        sent = browser.post("/tickets", data=form)
        assert sent.status_code == 303, sent.text[-2000:]
        ticket = sent.headers["location"].removeprefix("/tickets/").partition("?")[0]
        desk.premier.ticket(ticket, status="new")
        page = eventually(
            lambda: found if "Lost" in (found := browser.get(f"/tickets/{ticket}").text) else None,
            what="the page",
        )
        assert "A secret in this text was masked" in page
        again = browser.post(
            "/tickets", data={**form, "subject": "", "idempotency_key": drawn(premier.name, 21)}
        )
        assert again.status_code == 422, "shown again to its writer alone, and kept nowhere"
        assert (
            browser.post(
                f"/tickets/{ticket}/replies",
                data={"body": text, "idempotency_key": drawn(premier.name, 22)},
            ).status_code
            == 303
        )
    eventually(lambda: len(desk.premier.ticket(ticket)["replies"]) == 1, what="the reply")
    await nowhere(stack, far_end, secrets)
