"""Every write of intake: the same Idempotency-Key twice has one effect and the same answer, and
with another body it is refused. And documents: ETag, If-Match, what is hidden, what would change.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest

from services.intake.http.answers import AnsweredBefore, Answers, Remembered
from services.intake.world.portal_view import SeenTicket
from shared.errors import Refused
from shared.events import Plan, Via
from shared.ids import derive
from shared.people.identity import mint
from shared.people.sign_in import Invitation, invitation_id
from shared.people.subscriptions import (
    Endpoint,
    OptOut,
    Stop,
    Subscription,
    Wish,
    endpoint_id,
    opt_out_id,
    stop_id,
    subscription_id,
)
from shared.signed import links
from tests.unit.intake.building import NOW, POLICIES, SECRET, Bench

pytestmark = pytest.mark.costly

TICKET, PAGE = "tkt_" + "a" * 26, "lane_" + "b" * 26 + "." + "c" * 26
GOES_ON = "tkt_" + "b" * 26
INCIDENT, MAINTENANCE = "inc_" + "a" * 26, "mnt_" + "a" * 26
ANNOUNCEMENT, NOTICE = "ann_" + "a" * 26, "ntc_" + "a" * 26
SOON, LATER = (NOW + timedelta(days=2)).isoformat(), (NOW + timedelta(days=3)).isoformat()
READER = "reader@example.com"
SUBSCRIPTION = subscription_id(READER)
METHODS = "/v1/people/primary/methods"
ACCOUNT = {"email": "zoe@example.com", "plan": "premium"}
COMPONENT = POLICIES["components"]["components"][0]["id"]


INVITED = invitation_id(READER)
INVITATION = Invitation(
    email=READER, plan=Plan.FREE, invited_by="admin@example.com", sent_at=NOW - timedelta(days=1)
)
VIEW = derive("viw", "one")
TEAM_VIEW = {"name": "Ours", "place": "queue", "asked": {"home": "mine"}, "owner": ""}
HOOK = "https://watch.example/hook"
HOOK_KEY = subscription_id(HOOK)


def link(purpose: str, key: str = SUBSCRIPTION, person: str = READER) -> str:
    return links.sign(SECRET.encode(), purpose, key, person, NOW + timedelta(days=1))


class Write(NamedTuple):
    """`other`: another body that is as good; None: the body says nothing. `same_ids`: it may be
    written again under the same ids, of which the router takes one.
    """

    method: str
    path: str
    body: Any = None
    other: Any = None
    who: str | None = "demo-admin"
    same_ids: bool = False


BODY = {"body": "Better."}
SWAP = {"one": "primary", "other": "secondary", "since": SOON, "until": LATER}
ASKS, ASK = "/v1/on-call/shared/asks", "ask_" + "a" * 26
COVER = {"since": LATER, "until": (NOW + timedelta(days=4)).isoformat()}
ASKED = {"id": ASK, "by": "primary", "since": SOON, "until": LATER, "asked_at": NOW.isoformat()}
SHARED: dict[str, Any] = {
    "zone": "UTC",
    "layers": [
        {"name": who, "rotation": {"people": [who], "starts_at": "2025-01-06T09:00:00Z"}}
        for who in ("lead", "primary")
    ],
    "asks": [ASKED],
}
"""A schedule of two, in which `primary` is on call and has asked for cover."""
NEW_METHOD = {"name": "mail", "channel": "email", "address": "me@example.com"}
HELP = {"subject": "Down", "body": "It is down."}
WORK = {"title": "Work", "body": "We work.", "starts_at": SOON, "ends_at": LATER}
NEWS = {"purpose": "change", "subject": "News", "body": "It is new."}
OLD = {
    "source": "zendesk",
    "id": "7",
    "requester": "premier@example.com",
    "subject": "Old",
    "body": "It was down.",
    "at": "2024-01-01T00:00:00Z",
}
WRITES: dict[str, Write] = {
    "/v1/tickets": Write("POST", "/v1/tickets", HELP, HELP | {"body": "x"}, "demo-premier", True),
    "/v1/tickets/{ticket_id}/replies": Write(
        "POST", f"/v1/tickets/{TICKET}/replies", BODY, {"body": "Worse."}, "demo-agent", True
    ),
    "/v1/tickets/{ticket_id}/merge": Write(
        "POST",
        f"/v1/tickets/{TICKET}/merge",
        {"into": GOES_ON},
        {"into": TICKET},
        "demo-agent",
        True,
    ),
    "/v1/tickets/{ticket_id}/ask": Write(
        "POST",
        f"/v1/tickets/{TICKET}/ask",
        {"email": "ann@example.org"},
        {"email": "ben@example.org"},
        "demo-agent",
        True,
    ),
    "/v1/tickets/{ticket_id}/answer-ask": Write(
        "POST",
        f"/v1/tickets/{TICKET}/answer-ask",
        {"agree": True},
        {"agree": False},
        "demo-free",
        True,
    ),
    "/v1/pages/{page_id}/acknowledge": Write(
        "POST", f"/v1/pages/{PAGE}/acknowledge", {}, None, "demo-primary", True
    ),
    "PUT /v1/directory": Write(
        "PUT", "/v1/directory/accounts/zoe@example.com", ACCOUNT, ACCOUNT | {"name": "Zoe"}
    ),
    "DELETE /v1/directory": Write("DELETE", "/v1/directory/accounts/free@example.com"),
    "/v1/policies/{name}": Write(
        "PUT",
        "/v1/policies/default",
        POLICIES["default"] | {"default_priority": "low"},
        POLICIES["default"],
    ),
    "/v1/on-call/{schedule}/overrides": Write(
        "POST",
        "/v1/on-call/support-primary/overrides",
        {"person": "lead", "since": SOON, "until": LATER},
        {"person": "ops", "since": SOON, "until": LATER},
    ),
    "/v1/on-call/{schedule}/swaps": Write(
        "POST", "/v1/on-call/support-primary/swaps", SWAP, SWAP | {"other": "lead"}
    ),
    "/v1/on-call/{schedule}/asks": Write(
        "POST", ASKS, COVER, COVER | {"word": "The dentist."}, "demo-primary"
    ),
    "/v1/on-call/{schedule}/asks/{ask}/accept": Write(
        "POST", f"{ASKS}/{ASK}/accept", {}, None, "demo-lead"
    ),
    "/v1/tokens": Write("POST", "/v1/tokens", {"name": "ci"}, {"name": "ci", "expires_in_days": 3}),
    "/v1/import/tickets": Write("POST", "/v1/import/tickets", OLD, OLD | {"subject": "Older"}),
    "/v1/directory": Write(
        "POST",
        "/v1/directory",
        {"documents": [{"kind": "accounts", "id": "zoe@example.com", "document": ACCOUNT}]},
        {"documents": [{"kind": "accounts", "id": "free@example.com", "document": None}]},
    ),
    "/v1/incidents": Write(
        "POST", "/v1/incidents", {"title": "Down", **BODY}, {"title": "Up", **BODY}, "demo-ops"
    ),
    "/v1/incidents/{key}/updates": Write(
        "POST", f"/v1/incidents/{INCIDENT}/updates", BODY, {"body": "x"}, "demo-ops"
    ),
    "/v1/maintenances": Write(
        "POST", "/v1/maintenances", WORK, WORK | {"title": "More"}, "demo-ops"
    ),
    "/v1/maintenances/{key}/end": Write(
        "POST", f"/v1/maintenances/{MAINTENANCE}/end", {}, BODY, "demo-ops"
    ),
    "/v1/heartbeats/{name}": Write(
        "POST", "/v1/heartbeats/job", {"every": "5m"}, {"every": "6m"}, "demo-premier"
    ),
    "DELETE /v1/heartbeats": Write("DELETE", "/v1/heartbeats/job", who="demo-premier"),
    "/v1/people/{person}/methods": Write(
        "POST", METHODS, NEW_METHOD, NEW_METHOD | {"name": "post"}
    ),
    "/v1/people/{person}/methods/{name}/verify": Write("POST", f"{METHODS}/phone/verify"),
    "/v1/people/{person}/test-page": Write("POST", "/v1/people/primary/test-page"),
    "/v1/test-notices": Write(
        "POST", "/v1/test-notices", {"kind": "mail"},
        {"kind": "webhook", "provider": "redisco"}, "demo-admin",
    ),
    "/v1/subscriptions": Write(
        "POST", "/v1/subscriptions", {"email": "new@example.com"},
        {"email": "new@example.com", "components": [COMPONENT]}, None,
    ),
    "/v1/subscriptions/{key}/confirm": Write(
        "POST", f"/v1/subscriptions/{SUBSCRIPTION}/confirm", {"token": link(links.SUBSCRIBE)},
        who=None,
    ),
    "/v1/subscriptions/{key}/unsubscribe": Write(
        "POST", f"/v1/subscriptions/{SUBSCRIPTION}/unsubscribe", {"token": link(links.UNSUBSCRIBE)},
        who=None,
    ),
    "DELETE /v1/subscriptions": Write(
        "DELETE", f"/v1/subscriptions/{SUBSCRIPTION}", {"token": link(links.UNSUBSCRIBE)}, who=None
    ),
    "/v1/subscriptions/{key}/resume": Write(
        "POST",
        f"/v1/subscriptions/{HOOK_KEY}/resume",
        {"token": link(links.UNSUBSCRIBE, HOOK_KEY, HOOK)},
        who=None,
    ),
    "/v1/endpoints/{key}/enable": Write(
        "POST", f"/v1/endpoints/{endpoint_id('provider:redisco', HOOK)}/enable"
    ),
    "/v1/subscriptions/{key}/lift": Write("POST", f"/v1/subscriptions/{stop_id(READER)}/lift"),
    "PUT /v1/account/status-updates": Write(
        "PUT", "/v1/account/status-updates", {}, {"components": [COMPONENT]}, "demo-premier"
    ),
    "DELETE /v1/account/status-updates": Write(
        "DELETE", "/v1/account/status-updates", who="demo-premier"
    ),
    "PUT /v1/account/opt-outs": Write(
        "PUT", "/v1/account/opt-outs/mailgrid", who="demo-premier"
    ),
    "DELETE /v1/account/opt-outs": Write(
        "DELETE", "/v1/account/opt-outs/redisco", who="demo-premier"
    ),
    "PUT /v1/account/preferences": Write(
        "PUT", "/v1/account/preferences", {"time_zone": "Europe/Berlin"},
        {"date_style": "de-DE"}, "demo-premier",
    ),
    "DELETE /v1/account/calendar-links": Write(
        "DELETE", "/v1/account/calendar-links", who="demo-premier"
    ),
    "/v1/invitations": Write(
        "POST", "/v1/invitations", {"email": "new@example.com"},
        {"email": "new@example.com", "roles": ["agent"]},
    ),
    "/v1/invitations/{key}/renew": Write("POST", f"/v1/invitations/{INVITED}/renew"),
    "DELETE /v1/invitations": Write("DELETE", f"/v1/invitations/{INVITED}"),
    "/v1/views": Write(
        "POST", "/v1/views", {"name": "Mine", "place": "queue", "asked": {"home": "mine"}},
        {"name": "All", "place": "search", "asked": {"q": "pool"}},
    ),
    "PUT /v1/views": Write("PUT", f"/v1/views/{VIEW}", {"name": "One"}, {"name": "Two"}),
    "DELETE /v1/views": Write("DELETE", f"/v1/views/{VIEW}"),
    "/v1/password-resets": Write(
        "POST", "/v1/password-resets", {"email": "free@example.com"},
        {"email": "premier@example.com"}, None,
    ),
    "DELETE /v1/account/mail-stop": Write("DELETE", "/v1/account/mail-stop", who="demo-premier"),
}  # fmt: skip
"""The pattern of a route, or its beginning → a request that is good."""

ANOTHER_WAY = {
    "/v1/announcements": "the same endpoint as /v1/maintenances",
    "/v1/policies/{name}/simulate": "writes nothing",
    "/v1/alerts": "ids come from the key or the body; an alert that fires again must count again",
    "/v1/attachments": "bytes without a key; the same bytes are the same file",
    "/v1/channels/twilio/sms": "the id comes from the message's own",
    "/v1/channels/twilio/voice": "the id comes from the call's own",
    "/v1/account/password": "tried below",
    "/v1/account/provider-roles": "what stands already is not recorded again (test_provider_roles)",
    "/v1/account/second-step": "tried in test_second_step.py",
    "/v1/account/second-step/codes": "tried in test_second_step.py",
    "/v1/account/second-step/recovery": "tried in test_second_step.py",
    "/v1/second-steps/{email}": "tried in test_second_step.py",
    "/v1/setup/second-step-resets": "tried in test_second_step.py",
    "/v1/invitations/accept": "tried in test_invitations.py",
    "/v1/passwords": "tried in test_forgotten.py",
    "/v1/setup": "tried in test_set_up.py",
    "/v1/setup/links": "writes nothing",
    "/v1/notices/{notice_id}/redeliver": "the id comes from the key, as with tickets",
    "/v1/on-call/{schedule}/asks/{ask}/decline": "the same endpoint as accept",
    "/v1/on-call/{schedule}/asks/{ask}/withdraw": "the same endpoint as accept",
    "/v1/people/{person}/methods/{name}/first": "the same endpoint as the others",
    "/v1/people/{person}/methods/{name}/confirm": "the same endpoint as the others",
    "/v1/people/{person}/methods/{name}": "the same endpoint as the others",
    "/v1/tokens/{token_id}": "tried below",
    "/v1/incidents/{key}/message": "needs the view of linked tickets; the same door",
}


@pytest.fixture
def bench() -> Bench:
    made = Bench()
    wish = Subscription(kind="email", target=READER).asked(Wish(components=(), at=NOW))
    made.log.holds("subscriptions", SUBSCRIPTION, wish.kept())
    made.log.holds("invitations", INVITED, INVITATION.kept())
    made.log.holds("saved-views", VIEW, TEAM_VIEW)
    own, premier = Subscription(kind="email", target="premier@example.com"), "premier@example.com"
    made.log.holds("subscriptions", subscription_id(premier), own.confirmed(NOW).kept())
    out = OptOut(provider="redisco", email=premier, at=NOW)
    made.log.holds("subscriptions", opt_out_id("redisco", premier), out.kept())
    hook = Subscription(kind="webhook", target=HOOK, confirmed_at=NOW)
    made.log.holds("subscriptions", HOOK_KEY, hook.kept())
    for receiver in (f"subscriber:{HOOK_KEY}", "provider:redisco"):
        gone = Endpoint(receiver=receiver, url=HOOK, said="410 gone", disabled_at=NOW)
        made.log.holds("subscriptions", endpoint_id(receiver, HOOK), gone.kept())
    for who in (READER, premier):
        stop = Stop(email=who, why="bounced", at=NOW)
        made.log.holds("subscriptions", stop_id(who), stop.kept())
    seen = SeenTicket(premier, (), None, "open", "Slow")
    made.view.tickets = {TICKET: seen, GOES_ON: seen}
    return made


def share(bench: Bench, schedule: dict[str, Any]) -> None:
    """The on-call document has the schedule `shared`, too."""
    rota = POLICIES["on-call"]
    changed = {**rota, "schedules": {**rota["schedules"], "shared": schedule}}
    bench.log.publishes("on-call", 2, changed)


async def call(
    bench: Bench, method: str, path: str, body: Any, who: str | None, **headers: str
) -> httpx.Response:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    if who:
        sent["Authorization"] = f"Bearer {who}"
    transport = httpx.ASGITransport(app=bench.app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://intake") as client:
        return await client.request(method, path, json=body, headers=sent)


@pytest.mark.parametrize("name", WRITES)
async def test_the_same_key_twice_has_one_effect_and_one_answer(bench: Bench, name: str) -> None:
    write = WRITES[name]
    if ASKS in write.path:
        share(bench, SHARED)
    log = bench.log.written
    first = await call(
        bench, write.method, write.path, write.body, write.who, Idempotency_Key="one"
    )
    assert first.status_code < 300, first.text
    effects = list(log)
    assert effects, "the first one does something"
    again = await call(
        bench, write.method, write.path, write.body, write.who, Idempotency_Key="one"
    )
    assert (again.status_code, again.json()) == (first.status_code, first.json())
    assert again.headers.get("etag") == first.headers.get("etag")
    if write.same_ids:
        assert {event.id for _, event in log} == {event.id for _, event in effects}
    else:
        assert log == effects
    if write.other is not None:
        reused = await call(
            bench, write.method, write.path, write.other, write.who, Idempotency_Key="one"
        )
        assert reused.status_code == 422
        assert reused.json()["type"] == "/problems/idempotency-key-reused"
        assert {event.id for _, event in log} == {event.id for _, event in effects}


def test_every_write_is_in_the_table(bench: Bench) -> None:
    covered = {write.path for write in WRITES.values()}
    for route in bench.app.routes:
        methods: set[str] = getattr(route, "methods", None) or set()
        path: str = getattr(route, "path", "")
        if not methods & {"POST", "PUT", "DELETE", "PATCH"} or not path.startswith("/v1/"):
            continue
        if path.startswith(("/v1/tickets/", "/v1/pages/", "/v1/mail")):
            continue  # ids come from the key (tests of `ask` and of the router)
        regex = getattr(route, "path_regex")  # noqa: B009
        family = path.startswith(("/v1/incidents/", "/v1/maintenances/", "/v1/announcements/"))
        assert family or path in ANOTHER_WAY or any(regex.match(one) for one in covered), path


async def test_a_swap_twice_under_one_key_is_one_swap_for_another_intake_too(bench: Bench) -> None:
    """Case 06. The second intake knows nothing but the log."""
    path = "/v1/on-call/support-primary/swaps"
    first = await call(bench, "POST", path, SWAP, "demo-ops", Idempotency_Key="swap")
    bench.door.answers.__init__(None)  # type: ignore[misc]
    again = await call(bench, "POST", path, SWAP, "demo-ops", Idempotency_Key="swap")
    assert again.json()["version"] == first.json()["version"] == 2
    found = bench.reference.policy("on-call")
    assert found is not None
    assert len(found.document["schedules"]["support-primary"]["swaps"]) == 1


async def test_of_two_who_accept_at_once_one_wins_and_the_other_reads_who(bench: Bench) -> None:
    """`secondary` takes turns, too. Both have looked at the same version."""
    turns = {"people": ["secondary"], "starts_at": "2025-01-06T09:00:00Z"}
    share(bench, {**SHARED, "layers": [{"name": "more", "rotation": turns}, *SHARED["layers"]]})
    path = f"{ASKS}/{ASK}/accept"
    first, second = await asyncio.gather(
        call(bench, "POST", path, {}, "demo-lead"), call(bench, "POST", path, {}, "demo-secondary")
    )
    won, lost = sorted((first, second), key=lambda answer: answer.status_code)
    assert (won.status_code, lost.status_code) == (200, 409)
    found = bench.reference.policy("on-call")
    assert found is not None
    overrides = found.document["schedules"]["shared"]["overrides"]
    assert [one["since"] for one in overrides] == [SOON]
    winner = bench.log.get("accounts", f"{overrides[0]['person']}@example.com") or {}
    name = winner.get("name") or overrides[0]["person"]
    assert lost.json()["detail"] == f"{name} took it already."
    assert lost.json()["type"] == "/problems/ask-over"


async def test_two_steps_under_one_key_are_two_requests(bench: Bench) -> None:
    """Their bodies are the same; the log tells them apart, for another intake too."""
    share(bench, SHARED)
    done = await call(bench, "POST", f"{ASKS}/{ASK}/accept", {}, "demo-lead", Idempotency_Key="k")
    bench.door.answers.__init__(None)  # type: ignore[misc]
    other = await call(bench, "POST", f"{ASKS}/{ASK}/decline", {}, "demo-lead", Idempotency_Key="k")
    again = await call(bench, "POST", f"{ASKS}/{ASK}/accept", {}, "demo-lead", Idempotency_Key="k")
    assert (done.status_code, other.status_code, again.status_code) == (200, 409, 200)
    assert again.json()["version"] == done.json()["version"]


async def test_somebody_elses_key_and_another_place_are_others(bench: Bench) -> None:
    one = await call(
        bench, "PUT", "/v1/account/status-updates", {}, "demo-premier", Idempotency_Key="k"
    )
    two = await call(
        bench, "PUT", "/v1/account/status-updates", {}, "demo-free", Idempotency_Key="k"
    )
    assert one.json()["subscription_id"] != two.json()["subscription_id"]


async def test_what_was_refused_may_be_sent_again_under_its_key(bench: Bench) -> None:
    path, good = "/v1/on-call/support-primary/swaps", SWAP
    bad = {**good, "other": "primary"}
    assert (
        await call(bench, "POST", path, bad, "demo-ops", Idempotency_Key="k")
    ).status_code == 422
    assert (
        await call(bench, "POST", path, good, "demo-ops", Idempotency_Key="k")
    ).status_code == 200


async def test_a_token_revoked_twice_and_its_creation_are_kept_without_it(bench: Bench) -> None:
    made = (
        await call(bench, "POST", "/v1/tokens", {"name": "ci"}, "demo-free", Idempotency_Key="t")
    ).json()
    again = (
        await call(bench, "POST", "/v1/tokens", {"name": "ci"}, "demo-free", Idempotency_Key="t")
    ).json()
    assert made == again
    rows = bench.door.answers._db.execute("SELECT body FROM answers").fetchall()
    assert rows == [(None,)], "no token is kept"
    path = f"/v1/tokens/{made['id']}"
    gone = [await call(bench, "DELETE", path, None, "demo-free", Idempotency_Key="r") for _ in "12"]
    assert [one.json()["revoked"] for one in gone] == [True, True]


async def test_a_password_changed_twice_under_one_key(bench: Bench) -> None:
    hashed = await bench.accounts.passwords.hash_password("an old long password")
    bench.log.holds("credentials", "free@example.com", {"password_hash": hashed})
    who = mint("free@example.com", Via.WEB, SECRET, NOW)
    body = {"current_password": "an old long password", "new_password": "a new and longer one"}
    both = [
        await call(bench, "POST", "/v1/account/password", body, who, Idempotency_Key="p")
        for _ in "12"
    ]
    assert [one.json() for one in both] == [{"changed": True}] * 2
    assert len(bench.log.written) == 1


def test_a_request_that_is_still_worked_on_is_told_to_wait(tmp_path: Path) -> None:
    answers = Answers(tmp_path / "answers.sqlite")
    answers.begin("id", "digest", "key")
    with pytest.raises(Refused) as refused:
        answers.begin("id", "digest", "key")
    assert (refused.value.status, refused.value.code) == (409, "idempotency-key-in-use")
    answers.end("id", "digest", Remembered(200, b"{}"), NOW)
    answers.close()
    again = Answers(tmp_path / "answers.sqlite")
    with pytest.raises(AnsweredBefore):
        again.begin("id", "digest", "key")
    again.end("new", "digest", Remembered(200, b"{}"), NOW + timedelta(hours=49))
    again.begin("id", "digest", "key")


def test_a_damaged_file_of_answers_is_put_aside(tmp_path: Path) -> None:
    file = tmp_path / "answers.sqlite"
    file.write_bytes(b"no database, and longer than a header of one would be" * 100)
    answers = Answers(file)
    answers.end("id", "digest", Remembered(200, b"{}"), NOW)
    with pytest.raises(AnsweredBefore):
        answers.begin("id", "digest", "key")
    assert file.with_suffix(".damaged").exists()


# --- documents
# --------------------------------------------------------------------------------------------


def provider(bench: Bench) -> dict[str, Any]:
    found = bench.reference.get("providers", "redisco")
    assert found is not None
    return dict(found)


async def test_what_was_read_hidden_is_written_back_as_it_was(bench: Bench) -> None:
    """Case 05: an admin reads a provider and writes it back; then with another status page."""
    secret = provider(bench)["webhook_secret"]
    path = "/v1/directory/providers/redisco"
    read = (await call(bench, "GET", path, None, "demo-admin")).json()["document"]
    assert read["webhook_secret"] == "(hidden)"
    told = (await call(bench, "PUT", path, read, "demo-admin")).json()
    assert (told["unchanged"], told["changes"]) == (True, [])
    assert bench.log.written == []
    changed = {**read, "status_url": "https://status.redisco.example"}
    told = (await call(bench, "PUT", path, changed, "demo-admin")).json()
    assert [change["field"] for change in told["changes"]] == ["status_url"]
    assert provider(bench)["webhook_secret"] == secret
    many = {"documents": [{"kind": "providers", "id": "redisco", "document": changed}]}
    loaded = (await call(bench, "POST", "/v1/directory", many, "demo-admin")).json()
    assert loaded["items"][0]["change"] == "unchanged"
    fresh = {**read, "slug": "newone"}
    refused = await call(bench, "PUT", "/v1/directory/providers/newone", fresh, "demo-admin")
    assert refused.json()["errors"][0]["pointer"] == "#/webhook_secret"


async def test_the_document_as_ops_see_it_loses_no_address(bench: Bench) -> None:
    path = "/v1/policies/on-call"
    seen = (await call(bench, "GET", path, None, "demo-ops")).json()["document"]
    assert seen["people"]["ops"]["methods"][0]["address"] == "(hidden)"
    told = (await call(bench, "PUT", path, seen, "demo-admin")).json()
    assert (told["unchanged"], told["version"]) == (True, 1)
    seen["people"]["ops"]["methods"][0]["name"] = "renamed"
    refused = await call(bench, "PUT", path, seen, "demo-admin")
    assert refused.status_code == 422
    assert "placeholder" in refused.json()["errors"][0]["detail"]


async def test_the_answer_says_what_changes_for_whom(bench: Bench) -> None:
    document = {**POLICIES["on-call"], "schedules": {**POLICIES["on-call"]["schedules"]}}
    turns = document["schedules"]["ops"]["rotation"]
    document["schedules"]["ops"] = {
        "zone": "UTC",
        "rotation": {**turns, "people": ["lead"]},
    }
    told = (await call(bench, "PUT", "/v1/policies/on-call", document, "demo-admin")).json()
    assert {change["path"] for change in told["changes"]} == {
        "schedules.ops.zone",
        "schedules.ops.rotation.people",
    }
    assert [(one["schedule"], one["before"], one["after"]) for one in told["rota"]] == [
        ("ops", "ops", "lead")
    ]
    assert any("lead" in warning for warning in told["warnings"])


TAGS: list[tuple[Callable[[str], str], int]] = [
    (lambda now: now, 200),
    (lambda now: f'"other", {now}', 200),
    (lambda now: "*", 200),
    (lambda now: '"other"', 412),
    (lambda now: f"W/{now}", 412),
    (lambda now: "unquoted", 422),
]


@pytest.mark.parametrize(("tag", "status"), TAGS)
@pytest.mark.parametrize(
    ("path", "field"),
    [("policies/default", "default_priority"), ("directory/apps/premier-production", "stage")],
)
async def test_a_change_is_made_of_what_was_read(
    bench: Bench, path: str, field: str, tag: Callable[[str], str], status: int
) -> None:
    read = await call(bench, "GET", f"/v1/{path}", None, "demo-admin")
    etag = read.headers["etag"]
    document = {**read.json()["document"], field: "low" if "policies" in path else "staging"}
    answer = await call(bench, "PUT", f"/v1/{path}", document, "demo-admin", If_Match=tag(etag))
    assert answer.status_code == status, answer.text
    newest = await call(bench, "GET", f"/v1/{path}", None, "demo-admin")
    assert (newest.headers["etag"] != etag) == (status == 200)
    if status == 200:
        assert answer.headers["etag"] == newest.headers["etag"]
        late = await call(bench, "PUT", f"/v1/{path}", document, "demo-admin", If_Match=etag)
        assert (late.status_code, late.json()["type"]) == (412, "/problems/precondition-failed")


async def test_nothing_is_there_to_match(bench: Bench) -> None:
    path = "/v1/directory/accounts/zoe@example.com"
    assert (await call(bench, "PUT", path, ACCOUNT, "demo-admin", If_Match="*")).status_code == 412
    assert (
        await call(bench, "DELETE", path, None, "demo-admin", If_Match='"x"')
    ).status_code == 412
    assert (await call(bench, "PUT", path, ACCOUNT, "demo-admin")).status_code == 200
