"""The shell of what people do with their own account: API tokens and the password; and what admins
load and import for others.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal, Protocol

import structlog

from services.intake.accounts.tokens import (
    MOST_TOKENS,
    PasswordForm,
    PreferencesForm,
    TokenForm,
    TokenIndex,
    find_token_owner,
    new_token,
    token_text,
)
from services.intake.directory.administrators import Administrators
from services.intake.directory.load import DirectoryForm, PlannedDocument, plan
from services.intake.directory.shell import end_all_of
from services.intake.domain import RequestContext, World
from services.intake.http.door import Allowance
from services.intake.http.masking import masking_notes
from services.intake.shell import SOURCE, Answer, Intake, admins_only, secret_of
from services.intake.tickets.imports import ImportForm, ImportLookups, requests_for
from services.intake.world.directory import Credentials, DirectoryDocument
from shared import events as e
from shared import ids
from shared.errors import Refused
from shared.people.identity import Caller, is_of, parents_of, token_id
from shared.people.passwords import Passwords, weakness
from shared.topics import DIRECTORY, REQUESTS
from shared.wire import record_for

log = structlog.get_logger()


class TokenLastUses(Protocol):
    """`shared.people.token_use.TokenUse`; without MongoDB nothing is known."""

    async def last(self, tokens: list[str]) -> Mapping[str, datetime]: ...


# Enough for typing mistakes, far too few for guessing.
WRONG_PASSWORDS = "10/minute"


@dataclass(frozen=True)
class Accounts:
    """What the shell works with besides intake's own. `tries` are wrong passwords: per account, by
    somebody already signed in.
    """

    tokens: TokenIndex = field(default_factory=TokenIndex)
    uses: TokenLastUses | None = None
    passwords: Passwords = field(default_factory=Passwords)
    tries: Allowance = field(default_factory=lambda: Allowance(WRONG_PASSWORDS))
    administrators: Administrators = field(default_factory=Administrators)


async def create_token(
    intake: Intake,
    accounts: Accounts,
    form: TokenForm,
    caller: Caller,
    asked: RequestContext,
    trace: str,
) -> Answer:
    """POST /v1/tokens: the token, shown this once."""
    owner = find_token_owner(form.email, caller)
    account = intake.reference.directory.account(owner)
    if account is None:
        raise Refused(
            "no-such-account",
            f"There is no account {owner}.",
            extra={"errors": [{"pointer": "#/email", "detail": "not registered"}]},
        )
    text = token_text(secret_of(intake, "no token can be made here"), owner, asked.idempotency_key)
    # A token is known by its hash alone.
    made = token_id(text)
    document = new_token(form, account, caller, _depth(caller, intake), text, asked.at)
    standing = accounts.tokens.of(owner, intake.reference)
    # The same request again: the same token, which can be shown because it is derived.
    if made in standing:
        if (standing[made]["name"], tuple(standing[made].get("scopes", ()))) != (
            document.name,
            document.scopes,
        ):
            raise Refused(
                "idempotency-key-reused",
                "This Idempotency-Key made another token before. Use a new key for a new token.",
            )
        return _describe_token(made, standing[made], None) | {"token": text}
    # It was revoked, so somebody else may have seen it: never made again.
    if accounts.tokens.is_gone(made):
        raise Refused(
            "idempotency-key-reused",
            "The token of this Idempotency-Key was revoked. Use a new key for a new token.",
        )
    if len(standing) >= MOST_TOKENS:
        raise Refused(
            "too-many-tokens",
            f"An account has at most {MOST_TOKENS} tokens; revoke one first.",
            status=409,
        )
    kept = await _record(intake, "tokens", made, document, asked, trace)
    return _describe_token(made, kept, None) | {"token": text}


async def list_tokens(
    intake: Intake, accounts: Accounts, email: str | None, caller: Caller
) -> Answer:
    """GET /v1/tokens: never the tokens themselves. `last_used_at` is right to about a minute, null
    where it is not known.
    """
    owner = find_token_owner(email, caller)
    found = accounts.tokens.of(owner, intake.reference)
    uses = await accounts.uses.last(list(found)) if accounts.uses else {}
    return {
        "email": owner,
        "items": [
            _describe_token(token, document, uses.get(token)) for token, document in found.items()
        ],
    }


async def revoke_token(
    intake: Intake, token: str, caller: Caller, asked: RequestContext, trace: str
) -> Answer:
    """DELETE /v1/tokens/{id}. Somebody else's does not exist, but for admins."""
    document = intake.reference.get("tokens", token)
    if document is None:
        raise Refused("not-found", "There is no such token, or none of yours.", status=404)
    # Raises for a token of somebody else, as if it were not there.
    find_token_owner(str(document["email"]), caller)
    await _record(intake, "tokens", token, None, asked, trace)
    return {"id": token, "revoked": True}


async def change_password(
    intake: Intake,
    accounts: Accounts,
    form: PasswordForm,
    caller: Caller,
    asked: RequestContext,
    trace: str,
) -> Answer:
    """POST /v1/account/password: by somebody signed in with a browser, who knows the current one.

    Raises Refused: `session-needed` (403), `no-password` (409), `too-many-tries` (429),
    `wrong-password` (403), `invalid` (422).
    """
    if caller.token is not None:
        raise Refused(
            "session-needed",
            "A password is changed by whoever is signed in at /account, not with a token.",
            status=403,
        )
    email = caller.actor.email
    known = intake.reference.get("credentials", email)
    account = intake.reference.get("accounts", email)
    if known is None or not is_of(known, account):
        raise Refused(
            "no-password",
            "This account signs in without a password of ours; an administrator can set one.",
            status=409,
        )
    # Who has only the session must not take over the account.
    await check_current(accounts, str(known["password_hash"]), email, form.current_password)
    if weak := weakness(form.new_password, email):
        raise _wrong("invalid", "#/new_password", weak, 422)
    if form.new_password == form.current_password:
        raise _wrong("invalid", "#/new_password", "This is the password you have already.", 422)
    hashed = await accounts.passwords.hash_password(form.new_password)
    await record_password(intake, email, hashed, "owner", asked, trace)
    return {"changed": True}


async def check_current(accounts: Accounts, known: str, email: str, given: str) -> None:
    """Raises Refused: `too-many-tries` (429), `wrong-password` (403)."""
    # Counted before it is checked: the check itself is what costs.
    if after := accounts.tries.take(email, time.monotonic()):
        raise Refused(
            "too-many-tries",
            "Too many tries; wait a minute.",
            status=429,
            extra={"retry_after": int(after) + 1},
        )
    if not await accounts.passwords.fits(known, given):
        raise _wrong(
            "wrong-password", "#/current_password", "This is not your current password.", 403
        )


async def record_password(
    intake: Intake,
    email: str,
    hashed: str,
    changed_by: Literal["owner", "mail"],
    asked: RequestContext,
    trace: str,
) -> None:
    """The account's password is another from now on; its owner is told by mail."""
    mine = intake.reference.directory.account(email)
    changed = Credentials(
        password_hash=hashed,
        account_since=mine.since if mine else None,
        changed_by=changed_by,
    )
    await _record(intake, "credentials", email, changed, asked, trace)


async def end_calendar_links(intake: Intake, asked: RequestContext, trace: str) -> Answer:
    """DELETE /v1/account/calendar-links: every calendar address made so far ends; new ones are at
    /on-call. Raises Refused `not-found` (404) for an account that the directory does not have.
    """
    email = asked.actor.email
    async with intake.reference.publishing:
        account = intake.reference.directory.account(email)
        if account is None:
            raise Refused("not-found", "There is no such account.", status=404)
        # Later than any link made so far, even within one instant.
        since = max(asked.at, (account.links_since or asked.at) + timedelta(microseconds=1))
        changed = account.model_copy(update={"links_since": since})
        kept = await _record(intake, "accounts", email, changed, asked, trace)
    return {"email": email, "links_since": kept["links_since"]}


async def set_preferences(
    intake: Intake, form: PreferencesForm, asked: RequestContext, trace: str
) -> Answer:
    """PUT /v1/account/preferences: how one's own pages show times. Raises Refused `not-found`
    (404).
    """
    async with intake.reference.publishing:
        account = intake.reference.directory.account(asked.actor.email)
        if account is None:
            raise Refused("not-found", "There is no such account.", status=404)
        wanted = {"time_zone": form.time_zone, "date_style": form.date_style}
        changed = account.model_copy(update=wanted)
        if changed != account:
            await _record(intake, "accounts", account.email, changed, asked, trace)
    return {"email": account.email, **wanted}


async def load_documents(
    intake: Intake, form: DirectoryForm, asked: RequestContext, trace: str, *, is_dry: bool
) -> Answer:
    """POST /v1/directory: all of them or, where one is wrong, none. With `?dry_run=true` only what
    would change is told. Raises Refused `last-administrator` (409).
    """
    admins_only(asked.actor)
    planned = plan(form.documents, intake.reference.get, asked.at)
    # Checked for the whole load: two changes together may remove the last administrator.
    intake.administrators.check(
        [(each.id, each.kept) for each in planned if each.kind == "accounts"]
    )
    published, applied = (
        (0, True) if is_dry else await record_planned(intake, planned, asked, trace)
    )
    return {
        "dry_run": is_dry,
        "published": published,
        "applied": applied,
        "items": [each.shown() for each in planned],
    }


async def record_planned(
    intake: Intake, planned: Sequence[PlannedDocument], asked: RequestContext, trace: str
) -> tuple[int, bool]:
    """Publish what would change: how many documents, and whether all of them have been read
    back.
    """
    changing = [each for each in planned if each.change != "unchanged"]
    # First what ends with an account, so that no token outlives it.
    for each in changing:
        if each.kind == "accounts" and each.kept is None:
            await end_all_of(intake, each.id, asked, trace)
    await asyncio.gather(
        *[_publish(intake, each.kind, each.id, each.kept, asked, trace) for each in changing]
    )
    # Answered when this process has read all of it, or says that it has not yet.
    read_back = [
        intake.reference.read_back_document(each.kind, each.id, each.kept) for each in changing
    ]
    return len(changing), all(await asyncio.gather(*read_back))


async def import_ticket(
    intake: Intake, form: ImportForm, asked: RequestContext, trace: str
) -> Answer:
    """POST /v1/import/tickets: history of another help desk, whose requester must be registered
    here.
    """
    admins_only(asked.actor)
    directory = intake.reference.directory
    account = directory.account(form.requester)
    if account is None:
        detail = f"{form.requester} is not registered; make the account first."
        raise Refused(
            "no-such-account",
            detail,
            extra={"errors": [{"pointer": "#/requester", "detail": "not registered"}]},
        )
    app = directory.app(form.app) if form.app else None
    addons = tuple(
        found
        for slug in (app.addons if app else ())
        if (found := directory.provider(slug)) is not None
    )
    world = World(account, app, None, addons, intake.reference.rules())

    def title_of(incident: str) -> str:
        found = intake.incidents.public(incident)
        return found.title if found is not None else ""

    known = ImportLookups(lambda slug: directory.provider(slug) is not None, title_of)
    # In a thread: a long history takes a while to turn into requests.
    made, warnings = await intake.slow.run(lambda: requests_for(form, world, asked.at, known))
    where = await intake.publish(
        [record_for(REQUESTS.name, request, SOURCE, trace) for request in made]
    )
    log.info(
        "imported", source=form.source, ticket=made[0].key, requests=len(made), by=asked.actor.email
    )
    said_so = [*warnings, *masking_notes(form.masked)]
    return {
        "ticket_id": made[0].key,
        "requests": [request.id for request in made],
        "accepted": where,
        "warnings": said_so,
    }


async def _record(
    intake: Intake,
    kind: str,
    doc_id: str,
    document: DirectoryDocument | None,
    asked: RequestContext,
    trace: str,
) -> dict[str, Any]:
    """Into the directory, and read back here."""
    kept = None if document is None else document.model_dump(mode="json", exclude_none=True)
    await record_document(intake, kind, doc_id, kept, asked, trace)
    return kept or {}


async def record_document(
    intake: Intake,
    kind: str,
    doc_id: str,
    kept: dict[str, Any] | None,
    asked: RequestContext,
    trace: str,
) -> None:
    """The same for a document as it is kept; None removes it. Raises Unavailable."""
    await _publish(intake, kind, doc_id, kept, asked, trace)
    await intake.reference.read_back_document(kind, doc_id, kept)


async def _publish(
    intake: Intake,
    kind: str,
    doc_id: str,
    kept: dict[str, Any] | None,
    asked: RequestContext,
    trace: str,
) -> None:
    """The id comes from no body: a hash of one that holds a password could be guessed at."""
    key = f"{kind}:{doc_id}"
    made = ids.derive("dir", key, asked.idempotency_key, asked.at.isoformat())
    event = e.DirectoryRecorded.model_validate(
        {
            "id": made,
            "key": key,
            "at": asked.at,
            "kind": kind,
            "doc_id": doc_id,
            "document": kept,
            "actor": asked.actor,
        }
    )
    await intake.write(record_for(DIRECTORY.name, event, SOURCE, trace))


def _describe_token(token: str, document: Mapping[str, Any], used: datetime | None) -> Answer:
    return {
        "id": token,
        "name": document.get("name", ""),
        "scopes": document.get("scopes"),
        "hint": document.get("hint", ""),
        "created_at": document.get("created_at"),
        "expires_at": document.get("expires_at"),
        "last_used_at": used.isoformat() if used else None,
    }


def _depth(caller: Caller, intake: Intake) -> int:
    """How many tokens the caller's token comes from."""
    mine = intake.reference.get("tokens", caller.token) if caller.token else None
    return sum(1 for _ in parents_of(mine, intake.reference)) if mine else 0


def _wrong(code: str, pointer: str, detail: str, status: int) -> Refused:
    return Refused(
        code, detail, status=status, extra={"errors": [{"pointer": pointer, "detail": detail}]}
    )
