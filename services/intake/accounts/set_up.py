"""The first administrator, and the documents a new installation begins with.

Nobody can sign in to an empty installation, so whoever runs it proves that by its secret: they
have a link made, by `signalbox up` or `signalbox admin create`, and it makes one account an
administrator with a password. A link counts once: it is bound to how things stood when it was made
(`compute_link_binding`), and using it changes that.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Annotated, Any, ClassVar
from urllib.parse import urlencode

import structlog
from pydantic import StringConstraints

from deploy.shipped import shipped_policies
from services.intake.accounts.shell import Accounts, record_planned
from services.intake.directory.administrators import Administrators
from services.intake.directory.load import EntryForm, plan
from services.intake.domain import RequestContext
from services.intake.forms import Form, Name
from services.intake.policies.shell import publish_policy
from services.intake.shell import Answer, Intake, secret_of
from services.intake.world.directory import Email
from shared.errors import Refused
from shared.events import Actor, Plan, Role, Via
from shared.people.folding import fold_address
from shared.people.passwords import weakness
from shared.policy import COMPONENTS, DESK, MACROS, ON_CALL
from shared.policy.beginning import on_call_of
from shared.signed.links import OPERATOR, SET_UP, sign, verify

log = structlog.get_logger()

# Long enough for a mail or a colleague; a new link is quickly made.
GOOD_FOR = timedelta(hours=24)
# What a link for the first administrator is bound to: it ends when there is one.
_FIRST = "no administrator yet"

Secret = Annotated[str, StringConstraints(min_length=1, max_length=1024)]


class SetUpLinkForm(Form):
    """POST /v1/setup/links. `email` None: for the first administrator, whoever that will be.
    `proof`: a token signed with the installation's secret (`shared.signed.links.OPERATOR`).
    """

    holds_secrets: ClassVar[bool] = True
    email: Email | None = None
    proof: Secret


class SetUpForm(Form):
    """POST /v1/setup. `shipped`: begin with the shipped opening hours, targets and components.
    `page_me`: wake the new administrator, by mail, for urgent tickets. Neither replaces a document.
    """

    holds_secrets: ClassVar[bool] = True
    token: Secret
    email: Email
    name: Name = ""
    password: Secret
    shipped: bool = True
    page_me: bool = True


def make_link(
    intake: Intake, administrators: Administrators, form: SetUpLinkForm, asked: RequestContext
) -> Answer:
    """POST /v1/setup/links. Raises Refused: `no-secret` (503), `not-the-operator` (403),
    `already-set-up` (409).
    """
    secret, email = _secret(intake), fold_address(form.email or "")
    if verify(secret, form.proof, OPERATOR, email, asked.at) is None:
        raise Refused(
            "not-the-operator",
            "This link is made for whoever has the installation's secret.",
            status=403,
        )
    # What holds now goes into the seal, so the link ends when that changes.
    standing = compute_link_binding(intake, administrators, email)
    expires_at = asked.at + GOOD_FOR
    token = sign(secret, SET_UP, standing, email, expires_at)
    log.info("a set-up link was made", account=email, expires_at=expires_at.isoformat())
    return {"path": f"/setup?{urlencode({'token': token})}", "expires_at": expires_at.isoformat()}


def compute_link_binding(intake: Intake, administrators: Administrators, email: str) -> str:
    """What a link is bound to: the account's password as it is now; without an account, that there
    is no administrator. Raises Refused `already-set-up` (409).
    """
    if not email:
        if administrators:
            raise Refused(
                "already-set-up",
                "There is an administrator. `signalbox admin create EMAIL` makes a link for "
                "another.",
                status=409,
            )
        return _FIRST
    # Only a hash of the hash goes into the link's standing.
    known = intake.reference.get("credentials", email) or {}
    return sha256(str(known.get("password_hash", "")).encode()).hexdigest()


async def set_up(
    intake: Intake,
    accounts: Accounts,
    form: SetUpForm,
    asked: RequestContext,
    trace: str,
) -> Answer:
    """POST /v1/setup, after `check_link`. Raises Refused: `invalid` (422), `busy` (503). The
    documents are published before the account: what was interrupted is done again with the same
    link.
    """
    email = fold_address(form.email)
    # Before anything is written: a refused password must leave nothing behind.
    if weak := weakness(form.password, email):
        raise Refused(
            "invalid", weak, extra={"errors": [{"pointer": "#/password", "detail": weak}]}
        )
    who = Actor(email=email, name=form.name, roles=(Role.ADMIN,), via=Via.WEB)
    by = replace(asked, actor=who)
    wanted: dict[str, Any] = shipped_policies((DESK, COMPONENTS, MACROS)) if form.shipped else {}
    if form.page_me:
        wanted[ON_CALL] = on_call_of(email)
    # A document that is there already stays: the set-up never overwrites.
    published = [name for name in wanted if intake.reference.policy(name) is None]
    for name in published:
        # Documents first: without the account the link is still good, and all is done again.
        await publish_policy(intake, name, wanted[name], "from the set-up", by, trace)
    planned = plan(
        [
            EntryForm(kind="accounts", id=email, document=_account(intake, email, form.name)),
            EntryForm(
                kind="credentials",
                id=email,
                document=await _credentials(intake, accounts, email, form.password),
            ),
        ],
        intake.reference.get,
        asked.at,
    )
    await record_planned(intake, planned, by, trace)
    log.info("an administrator was set up", account=email, documents=published)
    return {"email": email, "documents": published}


def check_link(
    intake: Intake, administrators: Administrators, form: SetUpForm, now: datetime
) -> None:
    """Raises Refused `link-not-good` (403)."""
    secret, email = _secret(intake), fold_address(form.email)
    # A link is for one address, or for the first administrator, whoever that is.
    for person in (email, ""):
        try:
            standing = compute_link_binding(intake, administrators, person)
        except Refused:
            # There is an administrator already, so no link for a first one can be good.
            continue
        found = verify(secret, form.token, SET_UP, standing, now)
        if found is not None and found.person == person:
            return
    raise Refused(
        "link-not-good",
        "This link was used, is over, or is for another address. Whoever runs this installation "
        "makes a new one with `signalbox admin create EMAIL`.",
        status=403,
    )


async def _credentials(
    intake: Intake, accounts: Accounts, email: str, password: str
) -> dict[str, Any]:
    """A password that takes another's place is told to its owner."""
    made = {"password_hash": await accounts.passwords.hash_password(password)}
    # The owner of a password that is replaced is told by mail; a first one replaces none.
    is_first = intake.reference.get("credentials", email) is None
    return made if is_first else made | {"changed_by": "operator"}


def _account(intake: Intake, email: str, name: str) -> dict[str, Any]:
    """The account as it stands, an administrator from now on."""
    known = dict(intake.reference.get("accounts", email) or {"email": email, "plan": Plan.PREMIER})
    # Made an administrator, so it has to be usable.
    known.pop("deactivated_at", None)
    if name:
        known["name"] = name
    return known | {"roles": sorted({*known.get("roles", ()), Role.ADMIN.value})}


def _secret(intake: Intake) -> bytes:
    return secret_of(intake, "nobody can be set up here").encode()
