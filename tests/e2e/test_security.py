"""The edge of the running services: hostile bodies reach no log, foreign pages nothing, and nothing
listens that is not declared.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import socket
from pathlib import Path

import pytest

from shared.bus import Reader
from shared.events import Event
from shared.topics import REQUESTS, read
from tests.support.desk import Desk
from tests.support.stack import Stack

PREFIX = os.environ.get("SIGNALBOX_TOPIC_PREFIX", "signalbox-")
HOSTILE = {
    "NaN": b'{"subject": "%s", "body": NaN}',
    "2^64": b'{"subject": "%s", "body": "x", "priority": 18446744073709551616}',
    "NUL": b'{"subject": "%s\\u0000", "body": "x"}',
    "a lone surrogate": b'{"subject": "%s \\ud800", "body": "x"}',
    "a key twice": b'{"subject": "%s", "body": "x", "body": "y"}',
    "deep": b'{"subject": "%s", "body": ' + b"[" * 500 + b"]" * 500 + b"}",
    "an operator": b'{"subject": {"$ne": "%s"}, "body": "x"}',
    "CR LF": b'{"subject": "%s\\r\\nBcc: all@example.com", "body": "x"}',
    "too long": b'{"subject": "%s", "body": "' + b"x" * 300_000 + b'"}',
    "no UTF-8": b'{"subject": "%s \xff", "body": "x"}',
    "no object": b'["%s"]',
    "another alphabet": '{"subject": "%s", "body": "x"}'.encode("utf-16"),
}


async def logged(bootstrap: str) -> list[Event]:
    reader = Reader(bootstrap, PREFIX)
    await reader.start()
    try:
        starts = {
            (REQUESTS.name, partition): 0
            for partition in range(await reader.partitions(REQUESTS.name))
        }
        found = [message async for messages in reader.read_to_end(starts) for message in messages]
    finally:
        await reader.stop()
    return [
        event
        for message in found
        if (event := read(message.value, message.headers.get("ce_type"))) is not None
    ]


def test_hostile_bodies_are_refused_and_none_is_in_the_log(stack: Stack, desk: Desk) -> None:
    shop, mark = desk.new_customer("free"), secrets.token_hex(8)
    headers = {"Authorization": f"Bearer {shop.token}", "Content-Type": "application/json"}
    for base in (stack.intake, stack.portal):
        for what, body in HOSTILE.items():
            answer = shop.client.post(
                f"{base}/v1/tickets", content=body.replace(b"%s", mark.encode()), headers=headers
            )
            assert 400 <= answer.status_code < 500, (what, base, answer.status_code)
            assert answer.headers["content-type"] == "application/problem+json", what
    good = shop.submits(f"{mark} at last")
    events = [
        event
        for event in asyncio.run(logged(stack.kafka))
        if mark.encode() in event.wire() or shop.email.encode() in event.wire()
    ]
    assert [(event.type, event.key) for event in events] == [("OpenTicket", good)]


def test_a_search_parameter_is_never_an_operator(desk: Desk) -> None:
    customer = desk.new_customer("free")
    ticket = customer.submits(f"Something to find {customer.name}")
    queue = desk.agent.ticket(ticket, status="new")["queue"]
    for name in ("queue", "provider"):
        assert desk.agent.get("/v1/tickets", **{name: '{"$ne": 1}'})["items"] == [], name
    assert desk.agent.get("/v1/tickets", q='{"$exists": "zzyzx"}')["items"] == [], (
        "words, of which the last is in no ticket"
    )
    for name in ("status", "priority", "order", "cursor"):
        assert (
            desk.agent.call("GET", "/v1/tickets", params={name: '{"$ne": 1}'}).status_code == 422
        ), name
    # It is no parameter: the ticket is of that queue, and found all the same.
    desk.agent.finds(ticket, q=customer.name, **{"queue[$ne]": queue})


@pytest.mark.parametrize(
    "headers",
    [{"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "null"}],
)
@pytest.mark.parametrize(
    "path",
    [
        "/login",
        "/logout",
        "/tickets",
        "/account/password",
        "/account/sessions",
        "/account/tokens",
        "/theme",
        "/v1/tickets",
    ],
)
def test_a_form_of_another_site_does_nothing(
    stack: Stack, desk: Desk, path: str, headers: dict[str, str]
) -> None:
    browser = desk.browser()
    entered = browser.post(
        "/login",
        data={"email": "stranger@example.com", "password": "demo"},
        headers={"Origin": stack.portal},
    )
    assert entered.status_code == 303
    answer = browser.post(
        path,
        data={
            "subject": "Forged",
            "body": "x",
            "email": "stranger@example.com",
            "password": "demo",
        },
        headers=headers,
    )
    assert answer.status_code == 403
    assert browser.get("/account").status_code == 200, "still signed in"


@pytest.mark.parametrize(
    "back",
    [
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "/x\r\nSet-Cookie: a=b",
        "javascript:alert(1)",
    ],
)
def test_a_login_sends_nobody_elsewhere_and_one_header_stays_one(
    stack: Stack, desk: Desk, back: str
) -> None:
    entered = desk.browser().post(
        "/login",
        data={"email": "stranger@example.com", "password": "demo", "next": back},
        headers={"Origin": stack.portal},
    )
    assert (entered.status_code, entered.headers["location"]) == (303, "/")
    assert not any(line.startswith("a=") for line in entered.headers.get_list("set-cookie"))


def _family(pids: set[int]) -> set[int]:
    """The processes and all that came of them."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int(
                    (entry / "stat").read_text().rpartition(")")[2].split()[1]
                )
            except OSError:
                continue
    found = set(pids)
    while grown := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= grown
    return found


def _listeners(pids: set[int]) -> set[tuple[str, int]]:
    """(address, port) of every TCP socket that one of the processes listens on."""
    inodes = set()
    for pid in pids:
        with contextlib.suppress(OSError):  # a process that has ended meanwhile listens no more
            for handle in Path(f"/proc/{pid}/fd").iterdir():
                with contextlib.suppress(OSError):
                    target = str(handle.readlink())
                    if target.startswith("socket:["):
                        inodes.add(target[8:-1])
    found = set()
    for table, family, width in (
        ("/proc/net/tcp", socket.AF_INET, 8),
        ("/proc/net/tcp6", socket.AF_INET6, 32),
    ):
        for line in Path(table).read_text().splitlines()[1:]:
            local, state, inode = line.split()[1], line.split()[3], line.split()[9]
            if state == "0A" and inode in inodes:
                raw = bytes.fromhex(local[:width])
                packed = b"".join(raw[n : n + 4][::-1] for n in range(0, len(raw), 4))
                found.add((socket.inet_ntop(family, packed), int(local[width + 1 :], 16)))
    return found


def test_only_declared_ports_listen_and_only_on_this_machine(stack: Stack) -> None:
    processes = stack.processes().values()
    declared = {int(port) for entry in processes for port in (entry.get("ports") or {}).values()}
    declared |= {
        int(address.rpartition(":")[2].partition("/")[0])
        for address in (stack.portal, stack.intake)
    }
    found = _listeners(_family({int(entry["pid"]) for entry in processes if entry["pid"]}))
    assert found, "nothing listens: this test looks at the wrong processes"
    assert {address for address, _ in found} <= {"127.0.0.1", "::ffff:127.0.0.1"}
    assert {port for _, port in found} - declared == set()
