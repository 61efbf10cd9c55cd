"""The HTTP contract, in process: what is answered, and what reaches the log."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest

from services.intake.app import build
from services.intake.heartbeats.forms import MOST_NAMES
from services.intake.http.door import Allowance
from services.intake.spool.disk import disk_full
from services.intake.world.portal_view import SeenTicket
from shared import events as e
from shared.events import Via
from shared.http.strict_json import MAX_BYTES
from shared.people.identity import mint
from shared.people.subscriptions import Stop, stop_id
from shared.signed import links
from tests.unit.intake.building import NOW, POLICIES, SECRET, Bench

pytestmark = pytest.mark.costly

TICKET = {"subject": "Down", "body": "It is down."}
ID = "tkt_" + "a" * 26
PAGE = "lane_" + "b" * 26 + "." + "c" * 26


@pytest.fixture
def bench() -> Bench:
    return Bench()


async def call(
    bench: Bench,
    method: str,
    path: str,
    json: Any = None,
    who: str | None = "demo-premier",
    **extra: Any,
) -> httpx.Response:
    headers = {**({"Authorization": f"Bearer {who}"} if who else {}), **extra.pop("headers", {})}
    transport = httpx.ASGITransport(app=bench.app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://intake") as client:
        return await client.request(method, path, json=json, headers=headers, **extra)


async def submit(
    bench: Bench, key: str | None = None, who: str = "demo-premier", **fields: Any
) -> httpx.Response:
    return await call(
        bench,
        "POST",
        "/v1/tickets",
        {**TICKET, **fields},
        who,
        headers={"Idempotency-Key": key} if key else {},
    )


def is_problem(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    assert (answer.status_code, answer.headers["content-type"]) == (
        status,
        "application/problem+json",
    ), answer.text
    found: dict[str, Any] = answer.json()
    assert (found["type"], found["status"]) == (f"/problems/{code}", status)
    assert found["title"]
    assert found["detail"]
    return found


async def test_a_ticket_is_logged_and_answered_with_its_places(bench: Bench) -> None:
    answer = await submit(bench, who="demo-free")
    assert answer.status_code == 202
    found = answer.json()
    (request,) = bench.log.on("requests")
    assert isinstance(request, e.OpenTicket)
    assert (found["ticket_id"], found["request_id"], found["accepted"]) == (
        request.key,
        request.id,
        "logged",
    )
    assert (found["warnings"], found["suggestions"], found["incidents"]) == ([], [], [])
    assert found["links"] == {
        "self": f"/v1/tickets/{request.key}",
        "web": f"/tickets/{request.key}",
        "request": f"/v1/requests/{request.id}",
    }
    assert (request.actor.email, request.actor.via) == ("free@example.com", Via.API)
    assert bench.log.on("urgent") == []


async def test_an_urgent_one_that_pages_takes_the_fast_lane_too(bench: Bench) -> None:
    await submit(bench, app="premier-production", priority="urgent")
    assert bench.log.on("urgent") == bench.log.on("requests") != []


async def test_a_retry_makes_the_same_ids_and_another_body_is_refused(bench: Bench) -> None:
    first, again = (
        await submit(bench, key="k"),
        await call(
            bench,
            "POST",
            "/v1/tickets",
            content=b'{"body" : "It is down.",\n"subject":"Down"}',
            headers={"Idempotency-Key": "k", "Content-Type": "application/json; charset=utf-8"},
        ),
    )
    assert first.json() == again.json()
    assert first.headers["idempotency-key"] == "k"
    problem = is_problem(
        await submit(bench, key="k", body="Another."), 422, "idempotency-key-reused"
    )
    assert problem["about"] == first.json()["ticket_id"]
    assert len(bench.log.on("requests")) == 2
    assert (await submit(bench, key="k", who="demo-enterprise", body="Another.")).status_code == 202


@pytest.mark.parametrize("key", ["", "x" * 256, "a b"])
async def test_a_key_is_visible_ascii(bench: Bench, key: str) -> None:
    answer = await call(bench, "POST", "/v1/tickets", TICKET, headers={"Idempotency-Key": key})
    is_problem(answer, 422, "invalid-idempotency-key")


async def test_with_kafka_away_it_is_spooled_and_said_so(bench: Bench) -> None:
    bench.log.away = True
    answer = await submit(bench, key="k", app="premier-production", priority="urgent")
    assert (answer.status_code, answer.json()["accepted"]) == (202, "spooled")
    assert "on one machine's disk, not yet replicated" in answer.json()["warnings"][-1]
    assert [topic for topic, _ in bench.log.spooled] == ["requests", "urgent"]
    is_problem(await submit(bench, key="k", body="Another."), 422, "idempotency-key-reused")
    bench.log.away = False
    again = await submit(bench, key="k", app="premier-production", priority="urgent")
    assert (again.json()["ticket_id"], again.json()["accepted"]) == (
        answer.json()["ticket_id"],
        "logged",
    )


async def test_what_the_first_in_the_log_wins_is_not_spooled(bench: Bench) -> None:
    bench.log.away = True
    answer = await call(
        bench,
        "PUT",
        "/v1/policies/default",
        {**POLICIES["default"], "default_priority": "low"},
        "demo-admin",
    )
    problem = is_problem(answer, 503, "kafka-unavailable")
    assert (answer.headers["retry-after"], bool(problem["idempotency_key"])) == ("5", True)
    account = {"email": "zoe@example.com", "plan": "premium"}
    is_problem(
        await call(bench, "PUT", "/v1/directory/accounts/zoe@example.com", account, "demo-admin"),
        503,
        "kafka-unavailable",
    )
    assert bench.log.spooled == []
    assert "no answer" not in answer.text


async def test_a_full_disk_is_said_with_the_way_to_the_status_page(bench: Bench) -> None:
    async def full(_: Any) -> Any:
        raise disk_full()

    bench.app = build(replace(bench.intake, publish=full), bench.door, {})
    answer = await submit(bench)
    problem = is_problem(answer, 503, "disk-full")
    assert (answer.headers["retry-after"], problem["status_page"]) == ("60", "/status")
    assert "NOT taken" in problem["detail"]


async def test_a_trouble_is_told_and_leaves_it_ready(bench: Bench) -> None:
    async def trouble() -> str | None:
        return "Kafka is away"

    bench.app = build(bench.intake, bench.door, {}, troubles={"kafka": trouble})
    answer = await call(bench, "GET", "/readyz")
    assert (answer.status_code, answer.json()["status"], answer.json()["troubles"]) == (
        200,
        "degraded",
        {"kafka": "Kafka is away"},
    )


@pytest.mark.parametrize("who", [None, "unknown", "sbx.a.b"])
async def test_a_stranger_is_told_how_to_come_in(bench: Bench, who: str | None) -> None:
    answer = await call(bench, "POST", "/v1/tickets", TICKET, who)
    is_problem(answer, 401, "unauthenticated")
    assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_the_portal_speaks_for_a_browser(bench: Bench) -> None:
    await submit(bench, who=mint("premier@example.com", Via.WEB, SECRET, NOW))
    (request,) = bench.log.on("requests")
    assert isinstance(request, e.OpenTicket)
    assert request.actor.via is Via.WEB


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nowhere", 404, "not-found"),
        ("GET", "/v1/tickets", 405, "method-not-allowed"),
        ("POST", "/v1/tickets/not-an-id/replies", 404, "not-found"),
        ("POST", f"/v1/tickets/{ID}/explode", 404, "not-found"),
        ("POST", "/v1/pages/x/acknowledge", 404, "not-found"),
    ],
)
async def test_what_is_not_there(
    bench: Bench, method: str, path: str, status: int, code: str
) -> None:
    is_problem(await call(bench, method, path, {"body": "x"}), status, code)


async def test_what_is_no_json_or_too_much_of_it(bench: Bench) -> None:
    plain = await call(
        bench, "POST", "/v1/tickets", content=b"a=b", headers={"Content-Type": "text/plain"}
    )
    is_problem(plain, 415, "unsupported-media-type")
    is_problem(
        await call(bench, "POST", "/v1/tickets", content=b'{"a":1,"a":2}'), 400, "malformed-json"
    )
    is_problem(
        await call(bench, "POST", "/v1/tickets", content=b"x" * (MAX_BYTES + 1)), 413, "too-large"
    )

    async def without_end() -> AsyncIterator[bytes]:
        while True:
            yield b" " * 65536

    is_problem(
        await call(
            bench, "POST", "/v1/tickets", content=without_end(), headers={"Content-Length": "10"}
        ),
        413,
        "too-large",
    )
    assert bench.log.written == []


async def test_one_account_cannot_take_all(bench: Bench) -> None:
    few = Bench(rate="2/minute")
    assert [(await submit(few)).status_code for _ in range(3)] == [202, 202, 429]
    answer = await submit(few)
    assert 1 <= int(answer.headers["retry-after"]) <= 60
    assert (await submit(few, who="demo-free")).status_code == 202


async def test_every_answer_says_what_is_left(bench: Bench) -> None:
    few = Bench(rate="2/minute")
    answers = [await submit(few) for _ in range(3)]
    assert [answer.headers["ratelimit"].partition(";t=")[0] for answer in answers] == [
        '"account";r=1',
        '"account";r=0',
        '"account";r=0',
    ]


async def test_who_has_used_up_the_rate_can_still_have_an_emergency(bench: Bench) -> None:
    few = Bench(rate="1/minute")
    urgent = {"app": "premier-production", "priority": "urgent"}
    answers = [
        await submit(few),
        await submit(few, **urgent),
        await submit(few),
        await submit(few, who="demo-free", **urgent),
    ]
    assert [answer.status_code for answer in answers] == [202, 202, 429, 403]
    refused = is_problem(
        await submit(few, app="premier-staging", priority="urgent"), 429, "too-many-requests"
    )
    assert refused["retry_after"] >= 1
    assert len(few.log.on("urgent")) == 1
    few.door = replace(few.door, reserve=Allowance("1/minute"))
    few.app = build(few.intake, few.door, {})
    assert [(await submit(few, **urgent)).status_code for _ in range(2)] == [202, 429]


async def test_all_together_have_a_rate_too(bench: Bench) -> None:
    bench.app = build(bench.intake, replace(bench.door, in_all=Allowance("1/minute")), {})
    answers = [await submit(bench), await submit(bench, who="demo-free")]
    assert [answer.status_code for answer in answers] == [202, 429]


async def test_a_bug_says_nothing_about_itself(bench: Bench) -> None:
    async def broken(_: Any) -> int:
        raise ZeroDivisionError("the inner workings")

    bench.intake = replace(bench.intake, publish=broken)
    bench.app = build(bench.intake, bench.door, {})
    answer = await submit(bench)
    is_problem(answer, 500, "internal")
    assert "inner" not in answer.text


@pytest.mark.parametrize(
    ("action", "body", "kind"),
    [
        ("replies", {"body": "x", "audience": "staff"}, e.AddReply),
        ("assign", {"provider": "redisco"}, e.AssignTicket),
        ("assign", {"queue": "csa"}, e.AssignTicket),
        ("take-back", {"reason": "x"}, e.TakeBack),
        ("take", {"instead_of": "agent2@example.com"}, e.TakeTicket),
        ("hand-over", {"to": "agent2@example.com", "reason": "x"}, e.HandOverTicket),
        ("release", {"reason": "x"}, e.ReleaseTicket),
        ("insist", {"information": "x"}, e.InsistScope),
        ("dismiss", {}, e.DismissSuggestion),
        ("review", {"priority": "high", "reason": "x"}, e.ReviewPriority),
        ("solve", {"resolution": "x"}, e.Solve),
        ("reopen", {}, e.Reopen),
    ],
)
async def test_every_action_becomes_its_request(
    bench: Bench, action: str, body: dict[str, Any], kind: type[e.Request]
) -> None:
    answer = await call(bench, "POST", f"/v1/tickets/{ID}/{action}", body, "demo-agent")
    assert (answer.status_code, answer.json()["ticket_id"]) == (202, ID)
    (request,) = bench.log.on("requests")
    assert type(request) is kind
    assert (request.key, request.id) == (ID, answer.json()["request_id"])
    assert {name: getattr(request, name) for name in body} == body


async def test_what_is_done_only_where_the_ticket_is_as_it_was_seen(bench: Bench) -> None:
    seen = {
        "owner": "",
        "queue": "platform",
        "priority": "low",
        "solved_at": "2026-03-03T15:00:00Z",
    }
    path = f"/v1/tickets/{ID}/release"
    answer = await call(bench, "POST", path, {"only_if": seen}, "demo-agent")
    assert answer.status_code == 202
    (request,) = bench.log.on("requests")
    assert isinstance(request, e.ReleaseTicket)
    assert request.only_if == e.AsSeen.model_validate(seen)
    assert e.ReleaseTicket.read(request.wire()) == request
    for wrong in ({"priority": "worst"}, {"solved_at": "then"}, {"status": "open"}):
        refused = await call(bench, "POST", path, {"only_if": wrong}, "demo-agent")
        assert refused.status_code == 422, wrong
    await call(bench, "POST", path, {}, "demo-agent")
    assert b"only_if" not in bench.log.on("requests")[-1].wire()


async def test_tags_are_written_in_one_way_and_a_mistake_stands_beside_its_field(
    bench: Bench,
) -> None:
    path = f"/v1/tickets/{ID}/tag"
    body = {"add": ["Needs Info", "#Deploys"], "remove": ["OLD one"]}
    answer = await call(bench, "POST", path, body, "demo-agent")
    assert answer.status_code == 202
    (request,) = bench.log.on("requests")
    assert isinstance(request, e.TagTicket)
    assert (request.add, request.remove) == (("needs-info", "deploys"), ("old-one",))
    for wrong in ({}, {"add": ["!!"]}, {"add": ["x" * 41]}, {"add": [str(n) for n in range(21)]}):
        refused = await call(bench, "POST", path, wrong, "demo-agent")
        assert refused.status_code == 422, wrong
    assert len(bench.log.on("requests")) == 1


async def test_a_staff_note_says_whom_it_names_and_a_hand_over_whether_it_is_a_colleague(
    bench: Bench,
) -> None:
    path, text = f"/v1/tickets/{ID}", "@agent2 and @premier, look."
    for audience in ("staff", "everyone"):
        body = {"body": text, "audience": audience}
        assert (await call(bench, "POST", f"{path}/replies", body, "demo-agent")).status_code == 202
    for to in ("Agent2@example.com", "premier@example.com"):
        body = {"to": to}
        assert (
            await call(bench, "POST", f"{path}/hand-over", body, "demo-agent")
        ).status_code == 202
    note, reply, colleague, customer = bench.log.on("requests")
    assert (note.mentions, reply.mentions) == (("agent2@example.com",), ())
    assert (colleague.to_is_staff, colleague.to_name) == (True, "Abel Agent")
    assert customer.to_is_staff is False


@pytest.mark.parametrize(
    ("who", "action", "body", "warned"),
    [
        ("agent", "replies", {"body": "x"}, ["premier@example.com", "team@example.com"]),
        ("redisco", "replies", {"body": "x"}, ["premier@example.com", "team@example.com"]),
        ("agent", "solve", {"resolution": "x"}, ["premier@example.com", "team@example.com"]),
        ("agent", "replies", {"body": "x", "audience": "staff"}, []),
        ("agent", "review", {"priority": "high", "reason": "x"}, []),
        ("premier", "replies", {"body": "x"}, []),
    ],
)
async def test_whoever_answers_is_told_who_gets_no_mail(
    bench: Bench, who: str, action: str, body: dict[str, Any], warned: list[str]
) -> None:
    people = ("premier@example.com", "Team@example.com")
    bench.view.tickets[ID] = SeenTicket(people[0], people, "redisco", "open")
    for email, why in zip(people, ("bounced", "complained"), strict=True):
        stop = Stop(email=email.lower(), why=why, at=NOW)  # type: ignore[arg-type]
        bench.log.holds("subscriptions", stop_id(email), stop.kept())
    answer = await call(bench, "POST", f"/v1/tickets/{ID}/{action}", body, f"demo-{who}")
    assert answer.status_code == 202
    assert [warning.split()[0] for warning in answer.json()["warnings"]] == warned


async def test_an_unknown_provider_is_recorded_as_such(bench: Bench) -> None:
    await call(bench, "POST", f"/v1/tickets/{ID}/assign", {"provider": "nosuch"}, "demo-agent")
    (request,) = bench.log.on("requests")
    assert isinstance(request, e.AssignTicket)
    assert not request.provider_known


@pytest.mark.parametrize(
    ("who", "action", "body", "status"),
    [
        ("premier", "replies", {"body": "x"}, 202),
        ("premier", "replies", {"body": "x", "audience": "staff"}, 403),
        ("premier", "assign", {"queue": "csa"}, 403),
        ("premier", "reopen", {}, 202),
        ("stranger", "replies", {"body": "x"}, 404),
        ("redisco", "replies", {"body": "x", "audience": "provider"}, 202),
        ("redisco", "hand-back", {"reason": "x"}, 202),
        ("redisco", "take-back", {"reason": "x"}, 403),
        ("mailgrid", "replies", {"body": "x"}, 404),
        ("agent", "assign", {"queue": "csa"}, 202),
        ("agent", "hand-back", {"reason": "x"}, 403),
    ],
)
async def test_where_the_view_knows_the_ticket_the_answer_is_given_at_once(
    bench: Bench, who: str, action: str, body: dict[str, Any], status: int
) -> None:
    bench.view.tickets[ID] = SeenTicket("premier@example.com", (), "redisco")
    answer = await call(bench, "POST", f"/v1/tickets/{ID}/{action}", body, f"demo-{who}")
    assert answer.status_code == status, answer.text
    assert len(bench.log.written) == (status == 202)


async def test_pages_are_for_those_on_call(bench: Bench) -> None:
    is_problem(await call(bench, "POST", f"/v1/pages/{PAGE}/acknowledge", {}), 404, "not-found")
    answer = await call(bench, "POST", f"/v1/pages/{PAGE}/acknowledge", who="demo-primary")
    assert (answer.status_code, answer.json()["page_id"]) == (202, PAGE)
    (request,) = bench.log.on("requests")
    assert isinstance(request, e.Acknowledge)
    assert not request.via_link


async def test_a_signed_link_acknowledges_its_page_and_no_other(bench: Bench) -> None:
    token = links.sign(
        SECRET.encode(), links.ACKNOWLEDGE, PAGE, "primary", NOW + timedelta(hours=1)
    )
    other = PAGE[:-1] + "d"
    is_problem(
        await call(bench, "POST", f"/v1/pages/{other}/acknowledge", {"token": token}, None),
        401,
        "unauthenticated",
    )
    is_problem(
        await call(bench, "POST", f"/v1/pages/{PAGE}/resolve", {"token": token}, None),
        401,
        "unauthenticated",
    )
    assert (
        await call(bench, "POST", f"/v1/pages/{PAGE}/acknowledge", {"token": token}, None)
    ).status_code == 202
    (request,) = bench.log.on("requests")
    assert isinstance(request, e.Acknowledge)
    assert (request.via_link, request.actor.email) == (True, "primary@example.com")


async def test_the_directory_is_an_admins(bench: Bench) -> None:
    document = {"email": "zoe@example.com", "plan": "premium"}
    is_problem(
        await call(bench, "PUT", "/v1/directory/accounts/zoe@example.com", document, "demo-agent"),
        403,
        "forbidden",
    )
    answer = await call(
        bench, "PUT", "/v1/directory/accounts/Zoe@Example.com", document, "demo-admin"
    )
    told = answer.json()
    assert {name: told[name] for name in ("kind", "id", "removed", "applied")} == {
        "kind": "accounts",
        "id": "zoe@example.com",
        "removed": False,
        "applied": True,
    }
    assert [change["field"] for change in told["changes"]] == [
        "email",
        "name",
        "plan",
        "roles",
        "since",
    ]
    account = bench.reference.directory.account("zoe@example.com")
    assert account is not None
    assert account.plan == "premium"
    is_problem(
        await call(bench, "PUT", "/v1/directory/cats/tom", {}, "demo-admin"), 404, "no-such-kind"
    )
    removed = await call(
        bench, "DELETE", "/v1/directory/accounts/zoe@example.com", who="demo-admin"
    )
    assert removed.json()["removed"]
    assert bench.reference.directory.account("zoe@example.com") is None


async def test_heartbeats_are_recorded_for_staff_and_for_customers_who_are_paged_for(
    bench: Bench,
) -> None:
    for who, status in (("ops", 202), ("premier", 202), ("free", 403)):
        answer = await call(bench, "POST", "/v1/heartbeats/backup", {"every": "5m"}, f"demo-{who}")
        assert answer.status_code == status, answer.text
    is_problem(
        await call(bench, "POST", "/v1/heartbeats/backup", {"every": "5s"}, "demo-ops"),
        422,
        "invalid",
    )
    assert (await call(bench, "DELETE", "/v1/heartbeats/backup", who="demo-ops")).status_code == 202
    beats = [beat for beat in bench.log.on("requests") if isinstance(beat, e.Heartbeat)]
    assert [(beat.actor.email, beat.every) for beat in beats] == [
        ("ops@example.com", timedelta(minutes=5)),
        ("premier@example.com", timedelta(minutes=5)),
        ("ops@example.com", None),
    ]
    assert beats[0].key == beats[2].key != beats[1].key
    for n in range(MOST_NAMES):
        assert (
            await call(bench, "POST", f"/v1/heartbeats/job-{n}", {}, "demo-ops")
        ).status_code == 202
    is_problem(
        await call(bench, "POST", "/v1/heartbeats/one-more", {}, "demo-ops"), 422, "too-many"
    )


async def test_a_refused_heartbeat_takes_no_place(bench: Bench) -> None:
    for n in range(MOST_NAMES + 1):
        answer = await call(bench, "POST", f"/v1/heartbeats/job-{n}", {}, "demo-free")
        is_problem(answer, 403, "forbidden")


async def test_taking_a_shift_makes_the_next_version_of_the_rota(bench: Bench) -> None:
    schedule = next(iter(POLICIES["on-call"]["schedules"]))
    body = {
        "person": "secondary",
        "since": NOW.isoformat(),
        "until": (NOW + timedelta(hours=8)).isoformat(),
    }
    is_problem(
        await call(bench, "POST", f"/v1/on-call/{schedule}/overrides", body, "demo-agent"),
        403,
        "forbidden",
    )
    answer = await call(bench, "POST", f"/v1/on-call/{schedule}/overrides", body, "demo-secondary")
    assert (answer.status_code, answer.json()["version"]) == (200, 2)
    found = bench.reference.policy("on-call")
    assert found is not None
    assert found.document["schedules"][schedule]["overrides"][-1]["person"] == "secondary"


async def test_a_policy_gets_the_next_version_and_counts_at_once(bench: Bench) -> None:
    document = {**POLICIES["default"], "default_priority": "low"}
    is_problem(
        await call(bench, "PUT", "/v1/policies/default", document, "demo-agent"), 403, "forbidden"
    )
    is_problem(
        await call(bench, "PUT", "/v1/policies/other", document, "demo-admin"),
        404,
        "no-such-policy",
    )
    answer = await call(bench, "PUT", "/v1/policies/default?note=slower", document, "demo-admin")
    assert answer.json() == {
        "name": "default",
        "version": 2,
        "unchanged": False,
        "applied": True,
        "changes": [{"path": "default_priority", "old": "normal", "new": "low"}],
        "rota": [],
        "warnings": [],
    }
    assert bench.reference.rules().policy.default_priority == "low"
    assert bench.reference.stamp() == {"components": 1, "default": 2, "on-call": 1}
    again = await call(bench, "PUT", "/v1/policies/default", document, "demo-admin")
    assert again.json() == {
        "name": "default",
        "version": 2,
        "unchanged": True,
        "changes": [],
        "rota": [],
    }
    found = (await call(bench, "GET", "/v1/policies/default", who="demo-agent")).json()
    assert (found["version"], found["note"], found["by"], found["document"]) == (
        2,
        "slower",
        "admin@example.com",
        document,
    )
    old = (await call(bench, "GET", "/v1/policies/default?version=1", who="demo-agent")).json()
    assert old["document"] == POLICIES["default"]
    listed = (await call(bench, "GET", "/v1/policies/default/versions", who="demo-agent")).json()
    assert [item["version"] for item in listed["items"]] == [2, 1]
    is_problem(await call(bench, "GET", "/v1/policies/default"), 404, "not-found")


async def test_a_broken_policy_never_reaches_the_log(bench: Bench) -> None:
    problem = is_problem(
        await call(bench, "PUT", "/v1/policies/default", {"routing": "all"}, "demo-admin"),
        422,
        "invalid",
    )
    assert {"pointer": "#/routing", "detail": "Input should be a valid array"} in problem["errors"]
    assert bench.log.written == []


async def test_who_publishes_second_is_told(bench: Bench) -> None:
    write = bench.intake.write

    async def overtaken(record: Any) -> int:
        bench.log.publishes(
            "default", 2, {**POLICIES["default"], "default_priority": "high"}, note="quicker"
        )
        return await write(record)

    bench.app = build(replace(bench.intake, write=overtaken), bench.door, {})
    answer = await call(
        bench,
        "PUT",
        "/v1/policies/default",
        {**POLICIES["default"], "default_priority": "low"},
        "demo-admin",
    )
    is_problem(answer, 409, "version-conflict")
    assert bench.reference.rules().policy.default_priority == "high"


async def test_the_contract_describes_every_body(bench: Bench) -> None:
    found = (await call(bench, "GET", "/openapi.json")).json()
    body = found["paths"]["/v1/tickets"]["post"]["requestBody"]["content"]["application/json"][
        "schema"
    ]
    assert body == {"$ref": "#/components/schemas/TicketForm"}
    assert "UrgentForm" in found["components"]["schemas"]
    wanted = {
        f"/v1/tickets/{{ticket_id}}/{action}" for action in ("replies", "assign", "review", "solve")
    }
    assert wanted < set(found["paths"])
