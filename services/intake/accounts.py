"""The shell of what people do with their own account: API tokens and the password; and what admins load and import for others."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

import structlog

from services.intake.api import SOURCE, Answer, Intake, admins_only
from services.intake.directory import Account, Credentials, Document
from services.intake.domain import Asked, World
from services.intake.door import Allowance
from services.intake.imports import ImportForm, requests_for
from services.intake.loading import DirectoryForm, plan
from services.intake.masking import said
from services.intake.tokens import MOST_TOKENS, PasswordForm, TokenForm, TokenIndex, new_token, token_text, whose
from shared import events as e
from shared import ids
from shared.access import is_admin
from shared.errors import Refused
from shared.identity import Caller, actor_of, token_id
from shared.passwords import Passwords, weakness
from shared.topics import DIRECTORY, REQUESTS
from shared.wire import record_for

log = structlog.get_logger()


class LastUses(Protocol):
    """`shared.token_use.TokenUse`; without MongoDB nothing is known."""

    async def last(self, tokens: list[str]) -> Mapping[str, datetime]: ...


@dataclass(frozen=True)
class Accounts:
    """What the shell works with besides intake's own. `tries` are wrong passwords: per account, by somebody already signed in."""

    tokens: TokenIndex = field(default_factory=TokenIndex)
    uses: LastUses | None = None
    passwords: Passwords = field(default_factory=Passwords)
    tries: Allowance = field(default_factory=lambda: Allowance("10/minute"))


async def create_token(intake: Intake, accounts: Accounts, form: TokenForm, caller: Caller, asked: Asked, trace: str) -> Answer:
    """POST /v1/tokens: the token, shown this once."""
    owner = whose(form.email, caller)
    account = intake.reference.directory.account(owner)
    if account is None:
        raise Refused(
            "no-such-account", f"There is no account {owner}.", extra={"errors": [{"pointer": "#/email", "detail": "not registered"}]}
        )
    if intake.secret is None:
        raise Refused("no-secret", "This installation has no SIGNALBOX_SECRET, so no token can be made here.", status=503)
    text = token_text(intake.secret, owner, asked.idempotency_key)
    made = token_id(text)
    document = new_token(form, owner, _is_admin(account), caller, text, asked.at)
    standing = accounts.tokens.of(owner, intake.reference)
    if made in standing:
        if (standing[made]["name"], tuple(standing[made].get("scopes", ()))) != (document.name, document.scopes):
            raise Refused("idempotency-key-reused", "This Idempotency-Key made another token before. Use a new key for a new token.")
        return _shown(made, standing[made], None) | {"token": text}
    if accounts.tokens.is_gone(made):
        raise Refused("idempotency-key-reused", "The token of this Idempotency-Key was revoked. Use a new key for a new token.")
    if len(standing) >= MOST_TOKENS:
        raise Refused("too-many-tokens", f"An account has at most {MOST_TOKENS} tokens; revoke one first.", status=409)
    kept = await _record(intake, "tokens", made, document, asked, trace)
    return _shown(made, kept, None) | {"token": text}


async def list_tokens(intake: Intake, accounts: Accounts, email: str | None, caller: Caller) -> Answer:
    """GET /v1/tokens: never the tokens themselves. `last_used_at` is right to about a minute, null where it is not known."""
    owner = whose(email, caller)
    found = accounts.tokens.of(owner, intake.reference)
    uses = await accounts.uses.last(list(found)) if accounts.uses else {}
    return {"email": owner, "items": [_shown(token, document, uses.get(token)) for token, document in found.items()]}


async def revoke_token(intake: Intake, token: str, caller: Caller, asked: Asked, trace: str) -> Answer:
    """DELETE /v1/tokens/{id}. Somebody else's does not exist, but for admins."""
    document = intake.reference.get("tokens", token)
    if document is None:
        raise Refused("not-found", "There is no such token, or none of yours.", status=404)
    whose(str(document["email"]), caller)
    await _record(intake, "tokens", token, None, asked, trace)
    return {"id": token, "revoked": True}


async def change_password(intake: Intake, accounts: Accounts, form: PasswordForm, caller: Caller, asked: Asked, trace: str) -> Answer:
    """POST /v1/account/password: by somebody signed in with a browser, who knows the current one.

    Raises Refused: `session-needed` (403), `no-password` (409), `too-many-tries` (429), `wrong-password` (403), `invalid` (422).
    """
    if caller.token is not None:
        raise Refused("session-needed", "A password is changed by whoever is signed in at /account, not with a token.", status=403)
    email = caller.actor.email
    known = intake.reference.get("credentials", email)
    if known is None:
        raise Refused("no-password", "This account signs in without a password of ours; an administrator can set one.", status=409)
    if after := accounts.tries.take(email, asked.at.timestamp()):
        raise Refused("too-many-tries", "Too many tries; wait a minute.", status=429, extra={"retry_after": int(after) + 1})
    if not await accounts.passwords.fits(str(known["password_hash"]), form.current_password):
        raise _wrong("wrong-password", "#/current_password", "This is not your current password.", 403)
    if weak := weakness(form.new_password, email):
        raise _wrong("invalid", "#/new_password", weak, 422)
    if form.new_password == form.current_password:
        raise _wrong("invalid", "#/new_password", "This is the password you have already.", 422)
    hashed = await accounts.passwords.hashed(form.new_password)
    await _record(intake, "credentials", email, Credentials(password_hash=hashed), asked, trace)
    return {"changed": True}


async def load_documents(intake: Intake, form: DirectoryForm, asked: Asked, trace: str, *, is_dry: bool) -> Answer:
    """POST /v1/directory: all of them or, where one is wrong, none. With `?dry_run=true` only what would change is told."""
    admins_only(asked.actor)
    planned = plan(form.documents, intake.reference.get)
    changing = [] if is_dry else [each for each in planned if each.change != "unchanged"]
    await asyncio.gather(*[_publish(intake, each.kind, each.id, each.kept, asked, trace) for each in changing])
    read_back = [intake.reference.read_back_document(each.kind, each.id, each.kept) for each in changing]
    applied = all(await asyncio.gather(*read_back))
    return {"dry_run": is_dry, "published": len(changing), "applied": applied, "items": [each.shown() for each in planned]}


async def import_ticket(intake: Intake, form: ImportForm, asked: Asked, trace: str) -> Answer:
    """POST /v1/import/tickets: history of another help desk, whose requester must be registered here."""
    admins_only(asked.actor)
    directory = intake.reference.directory
    account = directory.account(form.requester)
    if account is None:
        detail = f"{form.requester} is not registered; make the account first."
        raise Refused("no-such-account", detail, extra={"errors": [{"pointer": "#/requester", "detail": "not registered"}]})
    app = directory.app(form.app) if form.app else None
    addons = tuple(found for slug in (app.addons if app else ()) if (found := directory.provider(slug)) is not None)
    made, warnings = requests_for(form, World(account, app, None, addons, intake.reference.rules()), asked.at)
    where = await intake.publish([record_for(REQUESTS.name, request, SOURCE, trace) for request in made])
    log.info("imported", source=form.source, ticket=made[0].key, requests=len(made), by=asked.actor.email)
    said_so = [*warnings, *said(form.masked)]
    return {"ticket_id": made[0].key, "requests": [request.id for request in made], "accepted": where, "warnings": said_so}


async def _record(intake: Intake, kind: str, doc_id: str, document: Document | None, asked: Asked, trace: str) -> dict[str, Any]:
    """Into the directory, and read back here."""
    kept = None if document is None else document.model_dump(mode="json", exclude_none=True)
    await _publish(intake, kind, doc_id, kept, asked, trace)
    await intake.reference.read_back_document(kind, doc_id, kept)
    return kept or {}


async def _publish(intake: Intake, kind: str, doc_id: str, kept: dict[str, Any] | None, asked: Asked, trace: str) -> None:
    """The id comes from no body: a hash of one that holds a password could be guessed at."""
    key = f"{kind}:{doc_id}"
    made = ids.derive("dir", key, asked.idempotency_key, asked.at.isoformat())
    event = e.DirectoryRecorded.model_validate(
        {
            "id": made, "key": key, "at": asked.at, "kind": kind, "doc_id": doc_id, "document": kept, "actor": asked.actor,
        }
    )  # fmt: skip
    await intake.write(record_for(DIRECTORY.name, event, SOURCE, trace))


def _shown(token: str, document: Mapping[str, Any], used: datetime | None) -> Answer:
    return {
        "id": token,
        "name": document.get("name", ""),
        "scopes": document.get("scopes"),
        "hint": document.get("hint", ""),
        "created_at": document.get("created_at"),
        "expires_at": document.get("expires_at"),
        "last_used_at": used.isoformat() if used else None,
    }


def _is_admin(account: Account) -> bool:
    return is_admin(actor_of(account.model_dump(mode="json"), e.Via.API))


def _wrong(code: str, pointer: str, detail: str, status: int) -> Refused:
    return Refused(code, detail, status=status, extra={"errors": [{"pointer": pointer, "detail": detail}]})
