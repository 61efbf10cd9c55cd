"""Who gets what from every call of the HTTP API. A call that is not here fails the test: decide who
may, and add its line.

A line's `may` names the roles for which the call succeeds; for everybody else it is 401, 403 or
404. `answer` is what the call
says to those who may, where the test must not let it succeed (it would publish a policy for
everybody else's tests): then 422 or
409 proves that they came through. `body` and the ids in the address are taken from `World`
(test_role_matrix.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

ROLES = (
    "visitor", "stranger", "customer", "provider", "other-provider", "agent", "reviewer", "csa", "ops", "on-call", "admin",
)  # fmt: skip
"""`customer` has opened the ticket; `provider` is a user of the add-on it is assigned to;
`stranger` is registered, no more.
"""

STAFF = frozenset({"agent", "reviewer", "csa", "ops", "on-call", "admin"})
ANYONE = frozenset(ROLES)
SIGNED_IN = ANYONE - {"visitor"}
CUSTOMER = frozenset({"customer"})
PARTIES = STAFF | {"customer", "provider"}
PAGERS = frozenset({"on-call", "ops", "admin"})
ADMIN = frozenset({"admin"})
OF_THE_ROTA = frozenset({"on-call", "ops"})
"""Who stands in the demo's on-call document: no administrator does."""
THEMSELVES = frozenset({"on-call", "admin"})
RUNNERS = frozenset({"ops", "admin"})
PROVIDERS = frozenset({"provider", "other-provider"})
NOBODY: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Line:
    """`anew`: the object is made again for each role, because the call uses it up."""

    may: frozenset[str]
    body: Any = None
    answer: tuple[int, ...] = ()
    anew: bool = False
    undo: str = ""
    """The method that takes back what the call did, for those for whom it succeeded."""
    raw: str = ""
    """The media type of a body that is no JSON."""


_SINCE = {"since": "2025-11-22T03:00:00Z", "until": "2025-11-22T04:00:00Z"}
_PAST = {"starts_at": "2025-11-22T05:00:00Z", "ends_at": "2025-11-22T04:00:00Z"}

MATRIX: dict[tuple[str, str], Line] = {
    # Tickets
    ("POST", "/v1/tickets"): Line(
        SIGNED_IN, {"subject": "May I?", "body": "Everybody who is registered may."}
    ),
    ("GET", "/v1/tickets"): Line(SIGNED_IN),
    ("GET", "/v1/search"): Line(SIGNED_IN),
    ("GET", "/v1/tickets/{ticket_id}"): Line(PARTIES),
    ("GET", "/v1/tickets/{ticket_id}/events"): Line(PARTIES),
    ("GET", "/v1/tickets/{ticket_id}/explain"): Line(PARTIES),
    ("GET", "/v1/tickets/{ticket_id}/clocks"): Line(PARTIES),
    ("POST", "/v1/tickets/{ticket_id}/replies"): Line(PARTIES, {"body": "Hello."}),
    ("POST", "/v1/tickets/{ticket_id}/assign"): Line(STAFF, {"provider": "redisco"}),
    ("POST", "/v1/tickets/{ticket_id}/hand-back"): Line(
        frozenset({"provider"}), {"reason": "Not ours."}
    ),
    ("POST", "/v1/tickets/{ticket_id}/take-back"): Line(STAFF, {"reason": "Ours after all."}),
    ("POST", "/v1/tickets/{ticket_id}/take"): Line(STAFF, {}),
    ("POST", "/v1/tickets/{ticket_id}/hand-over"): Line(STAFF, {"to": "agent2@example.com"}),
    ("POST", "/v1/tickets/{ticket_id}/release"): Line(STAFF, {}),
    ("POST", "/v1/tickets/{ticket_id}/tag"): Line(STAFF, {"add": ["role matrix"]}),
    ("POST", "/v1/tickets/{ticket_id}/merge"): Line(STAFF, {"into": "{ticket_id}"}),
    ("POST", "/v1/tickets/{ticket_id}/insist"): Line(CUSTOMER, {"information": "It is covered."}),
    ("POST", "/v1/tickets/{ticket_id}/dismiss"): Line(STAFF, {"reason": "No."}),
    ("POST", "/v1/tickets/{ticket_id}/accept"): Line(CUSTOMER, {"queue": "csa"}),
    ("POST", "/v1/tickets/{ticket_id}/review"): Line(
        STAFF, {"priority": "low", "reason": "Not so urgent."}
    ),
    ("POST", "/v1/tickets/{ticket_id}/appeal"): Line(CUSTOMER, {"information": "It is urgent."}),
    ("POST", "/v1/tickets/{ticket_id}/decide-appeal"): Line(
        frozenset({"reviewer", "admin"}), {"priority": "low", "reason": "It stays."}
    ),
    ("POST", "/v1/tickets/{ticket_id}/solve"): Line(PARTIES, {"resolution": "Done."}),
    ("POST", "/v1/tickets/{ticket_id}/reopen"): Line(PARTIES, {"reason": "Not done."}),
    ("POST", "/v1/tickets/{ticket_id}/rate"): Line(CUSTOMER, {"score": 5}),
    ("POST", "/v1/tickets/{ticket_id}/share"): Line(CUSTOMER, {}),
    ("POST", "/v1/tickets/{ticket_id}/unshare"): Line(STAFF | CUSTOMER, {}),
    ("POST", "/v1/tickets/{ticket_id}/join"): Line(SIGNED_IN, {"share_token": "{share_token}"}),
    ("POST", "/v1/tickets/{ticket_id}/ask"): Line(
        STAFF | CUSTOMER, {"email": "role-matrix@example.org"}
    ),
    ("POST", "/v1/tickets/{ticket_id}/answer-ask"): Line(SIGNED_IN, {"agree": True}),
    ("POST", "/v1/tickets/{ticket_id}/remove"): Line(
        STAFF | CUSTOMER, {"email": "role-matrix@example.org"}
    ),
    ("POST", "/v1/tickets/{ticket_id}/access"): Line(CUSTOMER, {"granted": True}),
    ("GET", "/v1/requests/{request_id}"): Line(STAFF | CUSTOMER),
    ("GET", "/v1/stream"): Line(SIGNED_IN),
    # Pages and the rota
    ("GET", "/v1/pages"): Line(PAGERS),
    ("GET", "/v1/pages/{page_id}"): Line(PAGERS),
    ("GET", "/v1/pages/{page_id}/certificate"): Line(PAGERS),
    ("POST", "/v1/pages/{page_id}/acknowledge"): Line(PAGERS, {}),
    ("POST", "/v1/pages/{page_id}/escalate"): Line(PAGERS, {}),
    ("POST", "/v1/pages/{page_id}/resolve"): Line(PAGERS, {}),
    ("POST", "/v1/pages/{page_id}/note"): Line(PAGERS, {"body": "I restart the pooler."}),
    ("POST", "/v1/pages/{page_id}/reassign"): Line(PAGERS, {"to": "lead"}),
    ("GET", "/v1/on-call"): Line(STAFF),
    ("GET", "/v1/on-call/shifts"): Line(STAFF),
    ("GET", "/v1/on-call/coverage"): Line(STAFF),
    ("POST", "/v1/on-call/{schedule}/overrides"): Line(
        PAGERS, {**_SINCE, "person": "primary"}, answer=(422,)
    ),
    ("POST", "/v1/on-call/{schedule}/swaps"): Line(
        PAGERS, {**_SINCE, "one": "primary", "other": "lead"}, answer=(422,)
    ),
    ("GET", "/v1/on-call/asks"): Line(STAFF),
    ("POST", "/v1/on-call/{schedule}/asks"): Line(OF_THE_ROTA, _SINCE, answer=(422,)),
    ("POST", "/v1/on-call/{schedule}/asks/{ask}/accept"): Line(OF_THE_ROTA, {}, answer=(404,)),
    ("POST", "/v1/on-call/{schedule}/asks/{ask}/decline"): Line(OF_THE_ROTA, {}, answer=(404,)),
    ("POST", "/v1/on-call/{schedule}/asks/{ask}/withdraw"): Line(OF_THE_ROTA, {}, answer=(404,)),
    # Contact methods of `primary`: their own, and the admins'. The phone is the only one there is,
    # so it can be neither made nor removed
    ("GET", "/v1/people/{person}/methods"): Line(THEMSELVES),
    ("POST", "/v1/people/{person}/methods"): Line(
        THEMSELVES, {"name": "phone", "channel": "email", "address": "m@example.com"}, answer=(409,)
    ),
    ("DELETE", "/v1/people/{person}/methods/{name}"): Line(THEMSELVES, answer=(409,)),
    ("POST", "/v1/people/{person}/methods/{name}/first"): Line(THEMSELVES, {}),
    ("POST", "/v1/people/{person}/methods/{name}/verify"): Line(THEMSELVES, {}),
    ("POST", "/v1/people/{person}/test-page"): Line(THEMSELVES, {}),
    ("POST", "/v1/test-notices"): Line(ADMIN, {"kind": "webhook", "provider": "-"}, answer=(404,)),
    ("POST", "/v1/people/{person}/methods/{name}/confirm"): Line(
        THEMSELVES, {"code": "0"}, answer=(422,)
    ),
    ("GET", "/v1/on-call/load"): Line(STAFF),
    ("GET", "/v1/dashboard"): Line(STAFF),
    ("GET", "/v1/reports"): Line(STAFF | PROVIDERS),
    ("GET", "/v1/people/{email}/notices"): Line(STAFF | CUSTOMER),
    # Incidents: the draft of one, which only those who run incidents see; a maintenance of the
    # platform; redisco's announcement
    ("GET", "/v1/incidents"): Line(ANYONE),
    ("POST", "/v1/incidents"): Line(
        RUNNERS | PROVIDERS, {"title": "Matrix", "body": "A draft.", "draft": True}
    ),
    ("GET", "/v1/incidents/{key}"): Line(RUNNERS),
    ("GET", "/v1/incidents/{key}/events"): Line(RUNNERS),
    ("POST", "/v1/incidents/{key}/updates"): Line(RUNNERS, {"body": "News.", "internal": True}),
    ("POST", "/v1/incidents/{key}/correct"): Line(RUNNERS, {"title": "The right title"}),
    ("POST", "/v1/incidents/{key}/publish"): Line(
        RUNNERS, {"components": ["no-such-component"]}, answer=(422,)
    ),
    ("POST", "/v1/incidents/{key}/resolve"): Line(RUNNERS, {"body": "Over."}),
    ("POST", "/v1/incidents/{key}/postmortem"): Line(
        RUNNERS, {"sections": [{"heading": "What", "body": "Why."}]}
    ),
    ("POST", "/v1/incidents/{key}/message"): Line(
        RUNNERS, {"body": "To nobody: no ticket is linked."}
    ),
    ("GET", "/v1/maintenances"): Line(ANYONE),
    ("POST", "/v1/maintenances"): Line(
        RUNNERS | PROVIDERS, {"title": "Matrix", "body": "x", **_PAST}, answer=(422,)
    ),
    ("GET", "/v1/maintenances/{key}"): Line(ANYONE),
    ("POST", "/v1/maintenances/{key}/updates"): Line(RUNNERS, {"body": "News.", "internal": True}),
    ("POST", "/v1/maintenances/{key}/correct"): Line(RUNNERS, {"title": "The right title"}),
    ("POST", "/v1/maintenances/{key}/reschedule"): Line(
        RUNNERS, {"ends_at": "2025-11-22T05:00:00Z"}
    ),
    ("POST", "/v1/maintenances/{key}/end"): Line(RUNNERS, {}),
    ("POST", "/v1/maintenances/{key}/cancel"): Line(RUNNERS, {}),
    ("GET", "/v1/announcements"): Line(SIGNED_IN),
    ("POST", "/v1/announcements"): Line(
        RUNNERS | PROVIDERS, {"purpose": "maintenance", "subject": "x", "body": "x"}, answer=(422,)
    ),
    ("GET", "/v1/announcements/{key}"): Line(STAFF | {"provider"}),
    ("POST", "/v1/announcements/{key}/updates"): Line(
        RUNNERS | {"provider"}, {"body": "News.", "internal": True}
    ),
    ("POST", "/v1/announcements/{key}/correct"): Line(
        RUNNERS | {"provider"}, {"title": "The right title"}
    ),
    ("POST", "/v1/announcements/{key}/reschedule"): Line(
        RUNNERS | {"provider"}, {"ends_at": "2025-11-22T05:00:00Z"}
    ),
    ("POST", "/v1/announcements/{key}/end"): Line(RUNNERS | {"provider"}, {}),
    ("POST", "/v1/announcements/{key}/cancel"): Line(RUNNERS | {"provider"}, {}),
    ("POST", "/v1/channels/twilio/sms"): Line(
        NOBODY, "From=%2B15550100&Body=ACK", raw="application/x-www-form-urlencoded"
    ),
    ("POST", "/v1/channels/twilio/voice"): Line(
        NOBODY, "Digits=1", raw="application/x-www-form-urlencoded"
    ),
    ("POST", "/v1/tickets/{ticket_id}/link"): Line(
        STAFF | {"provider"}, {"incident_id": "inc_none"}
    ),
    ("POST", "/v1/tickets/{ticket_id}/unlink"): Line(
        STAFF | {"provider"}, {"incident_id": "inc_none"}
    ),
    ("POST", "/v1/tickets/{ticket_id}/confirm"): Line(CUSTOMER, {}),
    ("POST", "/v1/alerts"): Line(RUNNERS, {"status": "resolved", "alerts": []}, answer=(202,)),
    ("POST", "/v1/heartbeats/{name}"): Line(STAFF | CUSTOMER, {"every": "1h"}, undo="DELETE"),
    ("DELETE", "/v1/heartbeats/{name}"): Line(STAFF | CUSTOMER),
    # News: anyone may subscribe; the rest is by a token that came to the address
    ("POST", "/v1/setup"): Line(
        NOBODY, {"token": "a.1.b", "email": "eve@shop.example", "password": "a long enough one"}
    ),
    ("POST", "/v1/setup/links"): Line(NOBODY, {"proof": "a.1.b"}),
    ("POST", "/v1/password-resets"): Line(ANYONE, {"email": "no address"}, answer=(422,)),
    ("GET", "/v1/invitations"): Line(ADMIN),
    ("GET", "/v1/views"): Line(STAFF),
    ("POST", "/v1/views"): Line(
        STAFF, {"name": "Mine", "place": "queue", "asked": {"home": "mine"}}
    ),
    ("PUT", "/v1/views/{key}"): Line(STAFF, {"name": "Another"}),
    ("DELETE", "/v1/views/{key}"): Line(STAFF, {}, anew=True),
    ("PUT", "/v1/account/preferences"): Line(SIGNED_IN, {"time_zone": None}),
    ("PUT", "/v1/account/provider-roles"): Line(
        NOBODY, {"granted": ["admin"], "governed": ["admin"], "proof": "a.1.b"}
    ),
    # The second step is its owner's, signed in with a browser: no token may
    ("POST", "/v1/account/second-step"): Line(NOBODY, {}),
    ("PUT", "/v1/account/second-step"): Line(NOBODY, {"enrolment": "a", "code": "1"}),
    ("DELETE", "/v1/account/second-step"): Line(NOBODY, {}),
    ("POST", "/v1/account/second-step/codes"): Line(NOBODY, {}),
    ("POST", "/v1/account/second-step/recovery"): Line(NOBODY, {"code": "a"}),
    ("DELETE", "/v1/second-steps/{email}"): Line(ADMIN),
    ("POST", "/v1/setup/second-step-resets"): Line(
        NOBODY, {"email": "eve@shop.example", "proof": "a.1.b"}
    ),
    ("POST", "/v1/invitations"): Line(ADMIN, {"email": "no address"}, answer=(422,)),
    ("POST", "/v1/invitations/{key}/renew"): Line(NOBODY, {}),
    ("DELETE", "/v1/invitations/{key}"): Line(NOBODY, {}),
    ("POST", "/v1/invitations/accept"): Line(
        NOBODY, {"token": "a.1.b", "password": "a long enough one"}
    ),
    ("POST", "/v1/passwords"): Line(NOBODY, {"token": "a.1.b", "password": "a long enough one"}),
    ("POST", "/v1/subscriptions"): Line(ANYONE, {"email": "no address"}, answer=(422,)),
    ("POST", "/v1/subscriptions/{key}/confirm"): Line(NOBODY, {}),
    ("POST", "/v1/subscriptions/{key}/unsubscribe"): Line(NOBODY, {}),
    ("DELETE", "/v1/subscriptions/{key}"): Line(NOBODY, {}),
    ("POST", "/v1/subscriptions/{key}/resume"): Line(NOBODY, {}),
    ("POST", "/v1/endpoints/{key}/enable"): Line(NOBODY, {}),
    ("GET", "/v1/endpoints"): Line(STAFF | PROVIDERS),
    ("POST", "/v1/subscriptions/{key}/lift"): Line(ADMIN, {}, answer=(404,)),
    ("PUT", "/v1/account/status-updates"): Line(SIGNED_IN, {"components": []}, undo="DELETE"),
    ("DELETE", "/v1/account/status-updates"): Line(SIGNED_IN),
    ("PUT", "/v1/account/opt-outs/{provider}"): Line(SIGNED_IN, {}, undo="DELETE"),
    ("DELETE", "/v1/account/opt-outs/{provider}"): Line(SIGNED_IN),
    ("DELETE", "/v1/account/calendar-links"): Line(SIGNED_IN),
    ("DELETE", "/v1/account/mail-stop"): Line(SIGNED_IN),
    ("GET", "/v1/account/notifications"): Line(SIGNED_IN),
    ("POST", "/v1/notices/{notice_id}/redeliver"): Line(STAFF, {}, answer=(404,)),
    # Mail and files
    ("POST", "/v1/mail"): Line(STAFF, "From: nobody\r\n\r\nHello.", raw="message/rfc822"),
    ("GET", "/v1/mail"): Line(STAFF),
    ("GET", "/v1/mail/{message_id}"): Line(STAFF),
    ("GET", "/v1/mail/{message_id}/raw"): Line(STAFF),
    ("POST", "/v1/mail/{message_id}/release"): Line(STAFF, {}, answer=(202, 409)),
    ("POST", "/v1/attachments"): Line(SIGNED_IN, "Some bytes.", raw="application/octet-stream"),
    ("GET", "/v1/attachments/{attachment_id}"): Line(CUSTOMER),
    # Anyone
    ("GET", "/v1/status"): Line(ANYONE),
    ("GET", "/api/v3/current-status"): Line(ANYONE),
    ("GET", "/api/v3/issues"): Line(ANYONE),
    ("GET", "/api/v3/issues/{issue_id}"): Line(NOBODY),  # of a draft: it is on no page
    ("GET", "/v1/articles"): Line(ANYONE),
    ("GET", "/v1/articles/{slug}"): Line(ANYONE),
    # One's own account
    ("GET", "/v1/tokens"): Line(SIGNED_IN),
    ("POST", "/v1/tokens"): Line(
        SIGNED_IN, {"name": "matrix", "scopes": ["read"], "expires_in_days": 1}
    ),
    ("DELETE", "/v1/tokens/{token_id}"): Line(frozenset({"customer", "admin"}), anew=True),
    ("POST", "/v1/account/password"): Line(
        NOBODY, {"current_password": "demo", "new_password": "not with a token"}
    ),
    # Reference data and policy
    ("POST", "/v1/directory"): Line(
        ADMIN, {"documents": [{"kind": "apps", "id": "matrix-none", "document": None}]}
    ),
    ("POST", "/v1/import/tickets"): Line(
        ADMIN,
        {
            "source": "matrix",
            "id": "1",
            "requester": "nobody@matrix.example",
            "subject": "x",
            "body": "x",
            "at": "2024-01-01T00:00:00Z",
        },
        answer=(422,),
    ),
    ("GET", "/v1/directory/{kind}"): Line(ADMIN),
    ("GET", "/v1/directory/{kind}/{doc_id}"): Line(ADMIN),
    ("PUT", "/v1/directory/{kind}/{doc_id}"): Line(ADMIN, "{document}"),
    ("DELETE", "/v1/directory/{kind}/{doc_id}"): Line(ADMIN, anew=True),
    ("GET", "/v1/policies/{name}"): Line(STAFF),
    ("GET", "/v1/policies/{name}/versions"): Line(STAFF),
    ("PUT", "/v1/policies/{name}"): Line(ADMIN, {"not": "a policy"}, answer=(422,)),
    ("POST", "/v1/policies/{name}/simulate"): Line(ADMIN, {"not": "a policy"}, answer=(422,)),
}
