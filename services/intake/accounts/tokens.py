"""API tokens: which there are of an account, and what a new one may be. A token itself is shown
once and kept nowhere.
"""

from __future__ import annotations

import base64
import hmac
from datetime import datetime, timedelta
from typing import Annotated, Any, ClassVar, Protocol

import orjson
from pydantic import AfterValidator, Field, StringConstraints

from services.intake.forms import ONE_LINE, Form
from services.intake.world.directory import Account, Email, Token
from shared.access import is_admin
from shared.errors import Refused
from shared.events import Via
from shared.people.folding import fold_address
from shared.people.identity import MOST_PARENTS, Caller, Need, actor_of
from shared.people.time_zones import time_zones
from shared.wire import Message

# A bound for what is read at each list; scripts that make tokens without end meet it.
MOST_TOKENS = 50
MARK = "sbt_"
"""What a token begins with, so that scanners of repositories and mails know one when they see
it.
"""

_KIND = "tokens:"


class TokenForm(Form):
    """`expires_in_days` None: it is good until it is revoked. `email`: whose, where an admin makes
    it for somebody else.
    """

    name: Annotated[
        str,
        StringConstraints(min_length=1, max_length=100, strip_whitespace=True, pattern=ONE_LINE),
    ]
    scopes: Annotated[tuple[Need, ...], Field(strict=False, min_length=1, max_length=4)] = (
        "read",
        "write",
    )
    expires_in_days: Annotated[int, Field(ge=1, le=3650)] | None = None
    email: Email | None = None


class PasswordForm(Form):
    holds_secrets: ClassVar[bool] = True
    current_password: Annotated[str, StringConstraints(min_length=1, max_length=1024)]
    new_password: Annotated[str, StringConstraints(min_length=1, max_length=1024)]


def _is_zone(name: str) -> str:
    if name not in time_zones():
        raise ValueError("there is no such time zone")
    return name


Zone = Annotated[str, StringConstraints(max_length=64), AfterValidator(_is_zone)]
DateStyle = Annotated[str, StringConstraints(pattern=r"^[a-z]{2}-[A-Z]{2}$")]


class PreferencesForm(Form):
    """PUT /v1/account/preferences. Null: as the browser has it."""

    time_zone: Zone | None = None
    date_style: DateStyle | None = None


class TokenDocuments(Protocol):
    """The directory's replica, as far as tokens concern it."""

    def get(self, kind: str, doc_id: str) -> Any: ...


class TokenIndex:
    """Account → ids of its tokens, fed by the directory's replica. What it names is looked up
    again: the replica may know less.
    """

    def __init__(self) -> None:
        self._of: dict[str, set[str]] = {}
        self._owner: dict[str, str] = {}
        self._gone: set[str] = set()

    def on_change(self, message: Message) -> None:
        # The topic has documents of all kinds.
        if not message.key.startswith(_KIND):
            return
        token = message.key.removeprefix(_KIND)
        document = orjson.loads(message.value).get("document") if message.value else None
        # A token may change hands in the log: the earlier owner loses it first.
        if before := self._owner.pop(token, None):
            self._of[before].discard(token)
        if document is None:
            # Remembered for ever: a revoked token must not be made again from its key.
            self._gone.add(token)
        else:
            owner = self._owner[token] = fold_address(str(document.get("email", "")))
            self._of.setdefault(owner, set()).add(token)

    def is_gone(self, token: str) -> bool:
        """Whether it was revoked, now or ever: its key makes the same token again, and that may be
        in somebody else's hands.
        """
        return token in self._gone

    def of(self, email: str, documents: TokenDocuments) -> dict[str, dict[str, Any]]:
        """Id → document, oldest first."""
        found = {
            token: documents.get("tokens", token) for token in self._of.get(fold_address(email), ())
        }
        known = {token: doc for token, doc in found.items() if doc is not None}
        return dict(
            sorted(
                known.items(), key=lambda entry: (str(entry[1].get("created_at") or ""), entry[0])
            )
        )


def token_text(secret: str, email: str, idempotency_key: str) -> str:
    """The token a creation makes: derived, so that a repeat under the same key answers the same and
    makes no second one.
    """
    # Keyed with the installation's secret, so nobody else can derive it.
    seal = hmac.digest(
        secret.encode(),
        b"signalbox.token\0" + email.encode() + b"\0" + idempotency_key.encode(),
        "sha256",
    )
    return MARK + base64.urlsafe_b64encode(seal).rstrip(b"=").decode()


def new_token(
    form: TokenForm, account: Account, caller: Caller, depth: int, text: str, now: datetime
) -> Token:
    """The document to keep, of `account`. A token makes none that may more, or lives longer, than
    itself; `depth` is how many tokens the caller's own comes from. Raises Refused (403, 422).
    """
    scopes: tuple[Need, ...] = tuple(dict.fromkeys(form.scopes))
    # The account must have the right, and the caller's token must have it too.
    if "admin" in scopes and not is_admin(actor_of(account.model_dump(mode="json"), Via.API)):
        detail = "The scope admin is for administrators' accounts."
        raise Refused(
            "invalid", detail, extra={"errors": [{"pointer": "#/scopes", "detail": detail}]}
        )
    beyond = [scope for scope in scopes if not caller.is_good_for(scope)]
    # A token never makes a stronger one.
    if beyond:
        raise Refused(
            "insufficient-scope",
            f"This token is not good for {', '.join(beyond)}, so it cannot make one that is.",
            status=403,
        )
    # Chains of tokens end, since every check walks up to the first.
    if caller.token is not None and depth >= MOST_PARENTS:
        raise Refused(
            "too-many-parents",
            f"This token was made by a token, and so on {depth} times. Make the new one at /account"
            " or with an earlier token.",
            status=403,
        )
    ends = now + timedelta(days=form.expires_in_days) if form.expires_in_days else None
    # Nor one that lives longer than itself.
    if caller.until is not None:
        ends = min(ends or caller.until, caller.until)
    return Token(
        email=account.email,
        name=form.name,
        scopes=scopes,
        created_at=now,
        expires_at=ends,
        hint=text[-4:],
        parent=caller.token,
        account_since=account.since,
    )


def find_token_owner(asked_for: str | None, caller: Caller) -> str:
    """The account whose tokens are meant: the caller's, or, for an admin, anybody's. Raises Refused
    404: others' do not exist.
    """
    if asked_for is None or fold_address(asked_for) == caller.actor.email:
        return caller.actor.email
    # An admin's token without the admin scope speaks for itself only.
    if not is_admin(caller.actor) or not caller.is_good_for("admin"):
        raise Refused("not-found", "There is nothing here, or nothing you may see.", status=404)
    return fold_address(asked_for)
