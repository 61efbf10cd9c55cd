"""Tokens, the directory, and what somebody sets for their own account: what is answered."""

from __future__ import annotations

from typing import Any, Literal

from shared.http.openapi.calls import AnswerShape, Call, Calls, QueryField


class TokenShown(AnswerShape):
    """A token without its text. `hint` is how it ends; `scopes` null: all that its account may."""

    id: str
    name: str
    scopes: list[Literal["read", "write", "mail", "admin"]] | None
    hint: str
    created_at: str | None
    expires_at: str | None
    last_used_at: str | None


class TokenMade(TokenShown):
    """`token` is shown this once, and kept nowhere."""

    token: str


class TokenList(AnswerShape):
    """The tokens of one account, oldest first."""

    email: str
    items: list[TokenShown]


class TokenRevoked(AnswerShape):
    """It opens nothing any more."""

    id: str
    revoked: Literal[True]


class CalendarLinksEnded(AnswerShape):
    """Calendar addresses made before `links_since` show nothing any more."""

    email: str
    links_since: str


class PreferencesSet(AnswerShape):
    """How one's own pages show times. Null: as the browser has it."""

    email: str
    time_zone: str | None
    date_style: str | None


class RolesSet(AnswerShape):
    """The roles from now on."""

    email: str
    roles: list[str]


class FieldChange(AnswerShape):
    """A field that differs; secrets are hidden."""

    field: str
    before: Any
    after: Any


class DocumentWritten(AnswerShape):
    """`changes` name what differs; `applied`: this process has read it back."""

    kind: str
    id: str
    removed: bool
    changes: list[FieldChange]
    unchanged: bool
    applied: bool


class DocumentWarning(AnswerShape):
    """`pointer` of the document names `refers`, which is not in the directory."""

    pointer: str
    refers: str
    detail: str


class DocumentPlanned(AnswerShape):
    """What loading one document does, or would do."""

    kind: str
    id: str
    change: Literal["created", "changed", "unchanged", "removed"]
    fields: list[FieldChange]
    warnings: list[DocumentWarning]


class DirectoryLoaded(AnswerShape):
    """`published`: documents that changed; 0 of a dry run."""

    dry_run: bool
    published: int
    applied: bool
    items: list[DocumentPlanned]


class DocumentListed(AnswerShape):
    """A document, its secrets hidden."""

    id: str
    document: dict[str, Any]


class DocumentList(AnswerShape):
    """`next`: the cursor of the next part, also in the header Link; null: this is the last one."""

    kind: str
    items: list[DocumentListed]
    next: str | None


class DocumentShown(AnswerShape):
    """A document, its secrets hidden. The header ETag names it for an If-Match."""

    kind: str
    id: str
    document: dict[str, Any]


class ViewKept(AnswerShape):
    """A saved view; `href` is its page."""

    id: str
    name: str
    of: Literal["me", "team"]
    place: Literal["queue", "search"]
    asked: dict[str, str]
    href: str


class ViewList(AnswerShape):
    """One's own and the team's, by name."""

    items: list[ViewKept]


class ViewRemoved(AnswerShape):
    """It is gone."""

    id: str
    removed: Literal[True]


_APP = {"name": "shop", "owner": "ada@example.com", "stage": "production"}
_VIEW = {"name": "Urgent, mine", "place": "queue", "asked": {"home": "mine"}, "of": "me"}
_OF_DIRECTORY = ("403 forbidden", "409 last-administrator", "422 invalid")

CALLS: Calls = {
    "GET /v1/tokens": Call(
        "List your API tokens",
        "Tokens",
        TokenList,
        ("404 not-found",),
        query=(QueryField("email", "somebody else's account, for administrators"),),
    ),
    "POST /v1/tokens": Call(
        "Make an API token",
        "Tokens",
        TokenMade,
        (
            *("403 too-many-parents", "404 not-found", "409 too-many-tokens"),
            *("422 no-such-account", "503 no-secret"),
        ),
        {"name": "ci", "scopes": ["read", "write"], "expires_in_days": 90},
    ),
    "DELETE /v1/tokens/{token_id}": Call(
        "End a token, and every token it has made", "Tokens", TokenRevoked
    ),
    "DELETE /v1/account/calendar-links": Call(
        "End all calendar addresses made so far", "Account", CalendarLinksEnded, ("404 not-found",)
    ),
    "PUT /v1/account/preferences": Call(
        "Choose how your pages show times",
        "Account",
        PreferencesSet,
        ("404 not-found",),
        {"time_zone": "Europe/Berlin", "date_style": "en-GB"},
    ),
    "PUT /v1/account/provider-roles": Call(
        "Take over roles from the sign-in provider; for the portal itself",
        "Sign-in",
        RolesSet,
        ("403 not-proved", "404 not-found", "503 no-secret"),
        {"granted": ["agent"], "governed": ["agent", "ops"], "proof": "made by the portal"},
    ),
    "POST /v1/directory": Call(
        "Load up to 200 documents, all or none",
        "Directory",
        DirectoryLoaded,
        _OF_DIRECTORY,
        {"documents": [{"kind": "apps", "id": "shop", "document": _APP}]},
        query=(QueryField("dry_run", "true: only say what would change"),),
    ),
    "GET /v1/directory/{kind}": Call(
        "List the documents of one kind",
        "Directory",
        DocumentList,
        ("403 forbidden", "404 no-such-kind", "422 invalid"),
        query=(
            QueryField("limit", "documents in an answer", most=200),
            QueryField("cursor", "the `next` of the answer before"),
        ),
    ),
    "GET /v1/directory/{kind}/{doc_id}": Call(
        "Read one document", "Directory", DocumentShown, ("403 forbidden", "404 no-such-kind")
    ),
    "PUT /v1/directory/{kind}/{doc_id}": Call(
        "Write one document",
        "Directory",
        DocumentWritten,
        (*_OF_DIRECTORY, "404 no-such-kind", "412 precondition-failed"),
        _APP,
    ),
    "DELETE /v1/directory/{kind}/{doc_id}": Call(
        "Remove one document",
        "Directory",
        DocumentWritten,
        (*_OF_DIRECTORY, "404 no-such-kind", "412 precondition-failed"),
    ),
    "GET /v1/views": Call(
        "List your saved views and the team's", "Search and views", ViewList, ("403 forbidden",)
    ),
    "POST /v1/views": Call(
        "Save a view",
        "Search and views",
        ViewKept,
        ("403 forbidden", "409 too-many"),
        _VIEW,
    ),
    "PUT /v1/views/{key}": Call(
        "Rename a saved view",
        "Search and views",
        ViewKept,
        ("403 forbidden",),
        {"name": "Urgent first"},
    ),
    "DELETE /v1/views/{key}": Call(
        "Remove a saved view", "Search and views", ViewRemoved, ("403 forbidden",)
    ),
}
