"""Policy documents, the rota and contact methods: what is answered."""

from __future__ import annotations

from typing import Any, Literal

from shared.http.openapi.calls import AnswerShape, Call, Calls, OpenAnswerShape, QueryField


class PolicyChange(AnswerShape):
    """A value that differs; null: it was not there, or is gone."""

    path: str
    old: Any
    new: Any


class RotaChange(AnswerShape):
    """Who would be on call instead of whom; null: nobody."""

    schedule: str
    before: str | None
    after: str | None
    since: str
    until: str


class VersionPublished(AnswerShape):
    """`unchanged`: the document was the same, so there is no new version. `applied`: this process
    goes by it. The rest is missing in the answer to a request that was sent twice.
    """

    name: str
    version: int
    unchanged: bool
    applied: bool = True
    changes: list[PolicyChange] = []
    rota: list[RotaChange] = []
    warnings: list[str] = []


class AskPublished(VersionPublished):
    """`ask`: the id of the ask for cover."""

    ask: str


class PolicyShown(AnswerShape):
    """One version. `by`: who published it; the header ETag names it for an If-Match."""

    name: str
    version: int
    document: dict[str, Any]
    at: str
    note: str
    by: str | None


class VersionListed(AnswerShape):
    """A version without its document."""

    version: int
    at: str
    note: str
    by: str | None


class VersionList(AnswerShape):
    """Newest first."""

    name: str
    items: list[VersionListed]


class SimulationWindow(AnswerShape):
    """From when until when."""

    since: str
    until: str


class SimulationDone(OpenAnswerShape):
    """What would have been different with the draft: the document of `signalbox simulate --json`.
    `changed` counts tickets, and the fields that differ; `empty`: nothing would.
    """

    policy: str
    window: SimulationWindow
    tickets: int
    skipped: int
    changed: dict[str, int]
    pages: dict[str, Any]
    items: list[dict[str, Any]]
    empty: bool


class MethodShown(AnswerShape):
    """A way to reach somebody; only a verified one is used."""

    name: str
    channel: Literal["webhook", "pagerduty", "email", "sms", "voice", "apprise"]
    address: str
    verified: bool


class MethodList(AnswerShape):
    """In the order in which they are tried."""

    person: str
    items: list[MethodShown]


class OutcomeLink(AnswerShape):
    """`request`: what became of it."""

    request: str


class CodeSent(AnswerShape):
    """A code is on its way; `GET /v1/requests/{request_id}` says whether it went out."""

    person: str
    method: str
    request_id: str
    links: OutcomeLink


class TestPageSent(AnswerShape):
    """A page to one person, to try out their ways to be reached."""

    person: str
    page_id: str
    request_id: str
    links: OutcomeLink


class TestNoticeSent(AnswerShape):
    """A mail to yourself, or an event to a provider's webhook."""

    notice_id: str
    to: str
    request_id: str


_POLICY = {"components": [{"id": "api", "name": "API", "category": "both"}], "quiet": ["info"]}
_PAGES = {"steps": [{"person": "ada", "wait": "5m"}], "repeat": 3, "fallback": "ada"}
_MAIL = {"name": "mail", "channel": "email", "address": "ada@example.com", "verified": True}
_ON_CALL = {
    "people": {"ada": {"email": "ada@example.com", "methods": [_MAIL]}},
    "schedules": {},
    "escalation": {"support": _PAGES, "ops": _PAGES},
}
_SHIFT = {"since": "2026-12-01T18:00:00Z", "until": "2026-12-02T06:00:00Z"}
_OF_POLICY = ("403 forbidden", "404 no-such-policy", "409 version-conflict")
_OF_ASK = (*_OF_POLICY, "404 no-such-schedule")
_OF_METHOD = ("404 no-such-policy", "409 version-conflict")

CALLS: Calls = {
    "GET /v1/policies/{name}": Call(
        "Read a policy document",
        "Policies",
        PolicyShown,
        ("422 invalid",),
        query=(QueryField("version", "the number of a version; the newest without it"),),
    ),
    "GET /v1/policies/{name}/versions": Call(
        "List the versions of a policy document", "Policies", VersionList
    ),
    "PUT /v1/policies/{name}": Call(
        "Publish the next version of a policy document",
        "Policies",
        VersionPublished,
        (*_OF_POLICY, "412 precondition-failed"),
        _POLICY,
        query=(QueryField("note", "why, for those who look at the versions"),),
    ),
    "POST /v1/policies/{name}/simulate": Call(
        "See what a draft would have changed in the last seven days",
        "Policies",
        SimulationDone,
        (
            *("403 forbidden", "404 no-such-policy", "413 window-too-large"),
            *("422 nothing-to-simulate", "429 busy", "503 what-if-unavailable"),
        ),
        _ON_CALL,
        query=(
            QueryField("since", "the first instant, such as 2026-11-22T10:00:00Z"),
            QueryField("until", "the last instant; now without it"),
        ),
    ),
    "POST /v1/on-call/{schedule}/overrides": Call(
        "Put somebody on call for a while",
        "On call",
        VersionPublished,
        (*_OF_POLICY, "404 no-such-schedule"),
        {"person": "ada", **_SHIFT},
    ),
    "POST /v1/on-call/{schedule}/swaps": Call(
        "Let two people stand in for each other",
        "On call",
        VersionPublished,
        (*_OF_POLICY, "404 no-such-schedule"),
        {"one": "ada", "other": "grace", **_SHIFT},
    ),
    "POST /v1/on-call/{schedule}/asks": Call(
        "Ask for cover of a shift of yours",
        "On call",
        AskPublished,
        (*_OF_ASK, "409 already-asked", "409 too-many"),
        {"of": "grace", "word": "I am at the dentist's.", **_SHIFT},
    ),
    "POST /v1/on-call/{schedule}/asks/{ask}/accept": Call(
        "Accept an ask for cover: you are on call then",
        "On call",
        AskPublished,
        (*_OF_ASK, "404 no-such-ask", "409 ask-over"),
    ),
    "POST /v1/on-call/{schedule}/asks/{ask}/decline": Call(
        "Decline an ask for cover",
        "On call",
        AskPublished,
        (*_OF_ASK, "404 no-such-ask", "409 ask-over", "409 already-so"),
    ),
    "POST /v1/on-call/{schedule}/asks/{ask}/withdraw": Call(
        "Withdraw an ask for cover of your own",
        "On call",
        AskPublished,
        (*_OF_ASK, "404 no-such-ask", "409 ask-over"),
    ),
    "GET /v1/people/{person}/methods": Call(
        "List the ways to reach somebody on call", "On call", MethodList, ("404 no-such-policy",)
    ),
    "POST /v1/people/{person}/methods": Call(
        "Add a way to reach you",
        "On call",
        VersionPublished,
        (*_OF_METHOD, "403 forbidden", "409 method-exists", "409 too-many-methods"),
        {"name": "phone", "channel": "sms", "address": "+15550100"},
    ),
    "DELETE /v1/people/{person}/methods/{name}": Call(
        "Remove a way to reach you",
        "On call",
        VersionPublished,
        (*_OF_METHOD, "409 last-method"),
    ),
    "POST /v1/people/{person}/methods/{name}/first": Call(
        "Be tried this way first", "On call", VersionPublished, _OF_METHOD
    ),
    "POST /v1/people/{person}/methods/{name}/verify": Call(
        "Send a code that proves a way to reach you",
        "On call",
        CodeSent,
        ("404 no-such-policy", "503 no-secret"),
    ),
    "POST /v1/people/{person}/methods/{name}/confirm": Call(
        "Give back the code; pages may go this way from now on",
        "On call",
        VersionPublished,
        (*_OF_METHOD, "422 wrong-code", "503 no-secret"),
        {"code": "1234 5678"},
    ),
    "POST /v1/people/{person}/test-page": Call(
        "Page somebody as a test", "On call", TestPageSent, ("409 cannot-be-reached",), {}
    ),
    "POST /v1/test-notices": Call(
        "Send a test mail, or a test event to a webhook",
        "Operations",
        TestNoticeSent,
        ("403 forbidden", "404 not-found", "409 no-webhook"),
        {"kind": "mail"},
    ),
}
