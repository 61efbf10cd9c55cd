"""Sharing, early refusals of the flow, and what the clocks make intake ask for."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from services.intake.followers.follow import TIMERS, records_for
from services.intake.world.portal_view import SeenTicket
from shared import events as e
from shared.errors import Refused
from shared.signed.shares import check_token, share_token, token_hash
from shared.topics import CLOCKS, read
from shared.wire import Message, headers_for
from tests.unit.intake.building import NOW, SECRET, Bench
from tests.unit.intake.test_http import ID, call, is_problem

POLICY = {"default": 1}


@pytest.fixture
def bench() -> Bench:
    return Bench()


async def test_a_link_is_the_same_for_the_same_request_and_only_its_hash_is_written(
    bench: Bench,
) -> None:
    answers = [
        await call(bench, "POST", f"/v1/tickets/{ID}/share", headers={"Idempotency-Key": "k"})
        for _ in range(2)
    ]
    first, second = (answer.json()["url"] for answer in answers)
    assert first == second
    token = first.rpartition("/share/")[2]
    request: Any = bench.log.on("requests")[0]
    assert (request.token_hash, request.expires_at) == (token_hash(token), NOW + timedelta(days=30))
    assert token not in request.wire().decode()
    other = await call(
        bench, "POST", f"/v1/tickets/{ID}/share", headers={"Idempotency-Key": "another"}
    )
    assert other.json()["url"] != first


async def test_joining_takes_the_whole_token_and_no_standing(bench: Bench) -> None:
    bench.view.tickets[ID] = SeenTicket("premier@example.com", (), None, "new")
    token = share_token(SECRET, ID, "req_abcdefghijkl")
    answer = await call(
        bench, "POST", f"/v1/tickets/{ID}/join", {"share_token": token}, who="demo-free"
    )
    assert answer.status_code == 202
    (request,) = bench.log.on("requests")
    assert isinstance(request, e.JoinTicket)
    assert (request.token_hash, request.actor.email) == (token_hash(token), "free@example.com")
    assert token not in request.wire().decode()


OTHER = "tkt_" + "b" * 26
FORGED = [
    "x",
    "",
    f"{ID}.abc.",
    f"{ID}..",
    share_token("another secret of ours", ID, "req_abcdefghijkl"),
    share_token(SECRET, OTHER, "req_abcdefghijkl"),
    share_token(SECRET, ID, "req_abcdefghijkl") + "x",
    share_token(SECRET, OTHER, "req_abcdefghijkl").replace(OTHER, ID),
]


@pytest.mark.parametrize("token", FORGED)
def test_a_token_that_was_not_made_here_for_this_ticket_is_gone(token: str) -> None:
    with pytest.raises(Refused, match="share-gone") as refusal:
        check_token(SECRET, ID, token)
    assert refusal.value.status == 410


@pytest.mark.parametrize("action", ["review", "decide-appeal"])
async def test_a_persons_priority_counts_for_an_app_of_any_stage(bench: Bench, action: str) -> None:
    answer = await call(
        bench,
        "POST",
        f"/v1/tickets/{ID}/{action}",
        {"priority": "urgent", "reason": "It feeds production."},
        who="demo-reviewer",
    )
    assert answer.status_code == 202
    (request,) = bench.log.on("requests")
    assert isinstance(request, e.ReviewPriority | e.DecideAppeal)
    assert request.any_stage is True


async def test_a_forged_token_is_refused_before_anything_is_written(bench: Bench) -> None:
    is_problem(
        await call(
            bench, "POST", f"/v1/tickets/{ID}/join", {"share_token": f"{ID}.a.b"}, who="demo-free"
        ),
        410,
        "share-gone",
    )
    assert not bench.log.written


EARLY: list[tuple[str, str, dict[str, Any], str, int]] = [
    ("demo-premier", "replies", {"body": "Again!"}, "closed", 409),
    ("demo-premier", "reopen", {}, "closed", 409),
    ("demo-agent", "replies", {"body": "A note.", "audience": "staff"}, "", 202),
    ("demo-agent", "decide-appeal", {"priority": "high", "reason": "x"}, "forbidden", 403),
    ("demo-reviewer", "decide-appeal", {"priority": "high", "reason": "x"}, "", 202),
    ("demo-agent", "appeal", {"information": "x"}, "forbidden", 403),
    ("demo-agent", "rate", {"score": 5}, "forbidden", 403),
    ("demo-redisco", "share", {}, "forbidden", 403),
    ("demo-stranger", "share", {}, "not-found", 404),
    ("demo-stranger", "access", {"granted": True}, "not-found", 404),
]


@pytest.mark.parametrize(("who", "action", "body", "code", "status"), EARLY)
async def test_what_is_refused_at_once(
    bench: Bench, who: str, action: str, body: dict[str, Any], code: str, status: int
) -> None:
    bench.view.tickets[ID] = SeenTicket("premier@example.com", (), "redisco", "closed")
    answer = await call(bench, "POST", f"/v1/tickets/{ID}/{action}", body, who=who)
    if status == 202:
        assert answer.status_code == 202, answer.text
    else:
        is_problem(answer, status, code)


@pytest.mark.parametrize("score", [0, 6, "5", 4.5, None])
async def test_a_score_is_one_to_five(bench: Bench, score: object) -> None:
    is_problem(
        await call(bench, "POST", f"/v1/tickets/{ID}/rate", {"score": score}), 422, "invalid"
    )


# --- timers
# ----------------------------------------------------------------------------------------------------------

FIRED: dict[str, Any] = {
    "id": "fct_1",
    "key": ID,
    "at": NOW,
    "seq": 3,
    "cause": "tmr_1",
    "policy": POLICY,
    "due_at": NOW,
    "detected_at": NOW,
}
FIRINGS: list[tuple[e.ClockFact, str | None]] = [
    (e.ClockBreached(**FIRED, clock="provider-answer", provider="redisco"), "TakeBack"),
    (e.ClockBreached(**FIRED, clock="initial-response"), None),
    (e.ClockRanOut(**FIRED, clock="auto-close"), "CloseTicket"),
    (e.ClockRanOut(**FIRED, clock="of-tomorrow"), None),
    (
        e.ClockWarned(
            **{name: FIRED[name] for name in FIRED if name != "detected_at"},
            clock="provider-answer",
            percent=50,
        ),
        None,
    ),
]


def message(fact: e.Event, offset: int = 0) -> Message:
    return Message(
        CLOCKS.name, 0, offset, fact.key, fact.wire(), dict(headers_for(fact, "sla")), 0.0
    )


@pytest.mark.parametrize(("fact", "expected"), FIRINGS)
async def test_what_a_firing_asks_for(fact: e.ClockFact, expected: str | None) -> None:
    records = await records_for(TIMERS, [message(fact), message(fact, 1)])
    requests: list[Any] = [read(record.value or b"") for record in records]
    assert [request.type for request in requests] == ([expected] * 2 if expected else [])
    if requests:
        assert requests[0] == requests[1], "read again it asks the same under the same id"
        assert (requests[0].actor, requests[0].key, requests[0].at, requests[0].policy) == (
            e.SYSTEM,
            ID,
            NOW,
            POLICY,
        )
        assert {record.topic for record in records} == {"requests"}


async def test_rubbish_on_the_topic_stops_nobody() -> None:
    good = message(FIRINGS[0][0])
    bad = good._replace(value=b'{"type": "ClockBreached"}')
    assert len(await records_for(TIMERS, [bad, good._replace(value=b"", headers={}), good])) == 1
