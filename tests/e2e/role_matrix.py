"""Who gets what from every call of the HTTP API. A call that is not here fails the test: decide who may, and add its line.

A line's `may` names the roles for which the call succeeds; for everybody else it is 401, 403 or 404. `answer` is what the call
says to those who may, where the test must not let it succeed (it would publish a policy for everybody else's tests): then 422 or
409 proves that they came through. `body` and the ids in the address are taken from `World` (test_role_matrix.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

ROLES = (
    "visitor", "stranger", "customer", "provider", "other-provider", "agent", "reviewer", "csa", "ops", "on-call", "admin",
)  # fmt: skip
"""`customer` has opened the ticket; `provider` is a user of the add-on it is assigned to; `stranger` is registered, no more."""

STAFF = frozenset({"agent", "reviewer", "csa", "ops", "on-call", "admin"})
ANYONE = frozenset(ROLES)
SIGNED_IN = ANYONE - {"visitor"}
CUSTOMER = frozenset({"customer"})
PARTIES = STAFF | {"customer", "provider"}
PAGERS = frozenset({"on-call", "ops", "admin"})
ADMIN = frozenset({"admin"})
NOBODY: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Line:
    """`anew`: the object is made again for each role, because the call uses it up."""

    may: frozenset[str]
    body: Any = None
    answer: tuple[int, ...] = ()
    anew: bool = False


_PAST = {"since": "2025-11-22T03:00:00Z", "until": "2025-11-22T04:00:00Z"}

MATRIX: dict[tuple[str, str], Line] = {
    # Tickets
    ("POST", "/v1/tickets"): Line(SIGNED_IN, {"subject": "May I?", "body": "Everybody who is registered may."}),
    ("GET", "/v1/tickets"): Line(SIGNED_IN),
    ("GET", "/v1/tickets/{ticket_id}"): Line(PARTIES),
    ("GET", "/v1/tickets/{ticket_id}/events"): Line(PARTIES),
    ("GET", "/v1/tickets/{ticket_id}/explain"): Line(PARTIES),
    ("GET", "/v1/tickets/{ticket_id}/clocks"): Line(PARTIES),
    ("POST", "/v1/tickets/{ticket_id}/replies"): Line(PARTIES, {"body": "Hello."}),
    ("POST", "/v1/tickets/{ticket_id}/assign"): Line(STAFF, {"provider": "redisco"}),
    ("POST", "/v1/tickets/{ticket_id}/hand-back"): Line(frozenset({"provider"}), {"reason": "Not ours."}),
    ("POST", "/v1/tickets/{ticket_id}/take-back"): Line(STAFF, {"reason": "Ours after all."}),
    ("POST", "/v1/tickets/{ticket_id}/insist"): Line(CUSTOMER, {"information": "It is covered."}),
    ("POST", "/v1/tickets/{ticket_id}/dismiss"): Line(STAFF, {"reason": "No."}),
    ("POST", "/v1/tickets/{ticket_id}/review"): Line(STAFF, {"priority": "low", "reason": "Not so urgent."}),
    ("POST", "/v1/tickets/{ticket_id}/appeal"): Line(CUSTOMER, {"information": "It is urgent."}),
    ("POST", "/v1/tickets/{ticket_id}/decide-appeal"): Line(frozenset({"reviewer", "admin"}), {"priority": "low", "reason": "It stays."}),
    ("POST", "/v1/tickets/{ticket_id}/solve"): Line(PARTIES, {"resolution": "Done."}),
    ("POST", "/v1/tickets/{ticket_id}/reopen"): Line(PARTIES, {"reason": "Not done."}),
    ("POST", "/v1/tickets/{ticket_id}/rate"): Line(CUSTOMER, {"score": 5}),
    ("POST", "/v1/tickets/{ticket_id}/share"): Line(CUSTOMER, {}),
    ("POST", "/v1/tickets/{ticket_id}/unshare"): Line(STAFF | CUSTOMER, {}),
    ("POST", "/v1/tickets/{ticket_id}/join"): Line(SIGNED_IN, {"share_token": "{share_token}"}),
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
    ("GET", "/v1/on-call"): Line(STAFF),
    ("GET", "/v1/on-call/shifts"): Line(STAFF),
    ("GET", "/v1/on-call/coverage"): Line(STAFF),
    ("POST", "/v1/on-call/{schedule}/overrides"): Line(PAGERS, {**_PAST, "person": "primary"}, answer=(422,)),
    ("POST", "/v1/on-call/{schedule}/swaps"): Line(PAGERS, {**_PAST, "one": "primary", "other": "lead"}, answer=(422,)),
    ("GET", "/v1/dashboard"): Line(STAFF),
    # Anyone
    ("GET", "/v1/status"): Line(ANYONE),
    ("GET", "/v1/articles"): Line(ANYONE),
    ("GET", "/v1/articles/{slug}"): Line(ANYONE),
    # One's own account
    ("GET", "/v1/tokens"): Line(SIGNED_IN),
    ("POST", "/v1/tokens"): Line(SIGNED_IN, {"name": "matrix", "scopes": ["read"], "expires_in_days": 1}),
    ("DELETE", "/v1/tokens/{token_id}"): Line(frozenset({"customer", "admin"}), anew=True),
    ("POST", "/v1/account/password"): Line(NOBODY, {"current_password": "demo", "new_password": "not with a token"}),
    # Reference data and policy
    ("POST", "/v1/directory"): Line(ADMIN, {"documents": [{"kind": "apps", "id": "matrix-none", "document": None}]}),
    ("GET", "/v1/directory/{kind}"): Line(ADMIN),
    ("GET", "/v1/directory/{kind}/{doc_id}"): Line(ADMIN),
    ("PUT", "/v1/directory/{kind}/{doc_id}"): Line(ADMIN, "{document}"),
    ("DELETE", "/v1/directory/{kind}/{doc_id}"): Line(ADMIN, anew=True),
    ("GET", "/v1/policies/{name}"): Line(STAFF),
    ("GET", "/v1/policies/{name}/versions"): Line(STAFF),
    ("PUT", "/v1/policies/{name}"): Line(ADMIN, {"not": "a policy"}, answer=(422,)),
    ("POST", "/v1/policies/{name}/simulate"): Line(ADMIN, {"not": "a policy"}, answer=(422,)),
}
