"""Invitations: an administrator names an address and roles, and whoever has the address makes the
account by the link in the mail.

One open invitation an address. Its link is bound to the mail it came with
(`shared/people/sign_in.py`), so renewing ends the link before, and withdrawing or accepting ends
the last one.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any, ClassVar, NoReturn, Self

import structlog
from pydantic import Field, StringConstraints, model_validator

from services.intake.accounts.forgotten import Secret, check_password
from services.intake.accounts.shell import Accounts, record_document, record_planned
from services.intake.directory.load import EntryForm, plan
from services.intake.domain import RequestContext
from services.intake.forms import Form
from services.intake.shell import Answer, Intake, admins_only, secret_of
from services.intake.world.directory import Line, Slug, Target
from shared.errors import Refused
from shared.events import Actor, Plan, Role
from shared.people.folding import fold_address
from shared.people.identity import is_of
from shared.people.sign_in import INVITATIONS, Invitation, invitation_id, invitation_in
from shared.signed.links import INVITATION, read_claimed_person, verify

log = structlog.get_logger()

# Each open invitation is read when they are listed; more is a mistake or a misuse.
MOST_OPEN = 1000


class InviteForm(Form):
    """POST /v1/invitations. `roles` none: a customer. `provider` is the slug of the add-on provider
    that somebody acts for; it goes with the role provider and no other.
    """

    email: Target
    name: Line = ""
    roles: Annotated[
        tuple[Annotated[Role, Field(strict=False)], ...], Field(strict=False, max_length=9)
    ] = ()
    plan: Annotated[Plan, Field(strict=False)] = Plan.FREE
    provider: Slug | None = None

    @model_validator(mode="after")
    def _check_provider_role(self) -> Self:
        if (self.provider is not None) != (Role.PROVIDER in self.roles):
            raise ValueError("the role provider and the field provider go together")
        return self


class AcceptInvitationForm(Form):
    """POST /v1/invitations/accept. `name` empty: as in the invitation."""

    holds_secrets: ClassVar[bool] = True
    token: Secret
    name: Annotated[Line, StringConstraints(strip_whitespace=True)] = ""
    password: Secret


async def invite(intake: Intake, form: InviteForm, asked: RequestContext, trace: str) -> Answer:
    """POST /v1/invitations. An open invitation of the address is replaced. Raises Refused:
    `forbidden` (403), `already-registered` (409), `no-such-provider` (422), `too-many` (409).
    """
    admins_only(asked.actor)
    secret_of(intake, "no invitation can be sent")
    email = fold_address(form.email)
    _check_unregistered(intake, email)
    if form.provider is not None and intake.reference.directory.provider(form.provider) is None:
        said = f"There is no provider {form.provider}."
        raise Refused(
            "no-such-provider", said, extra={"errors": [{"pointer": "#/provider", "detail": said}]}
        )
    if len(_open(intake)) >= MOST_OPEN:
        raise Refused("too-many", f"{MOST_OPEN} invitations are open; withdraw some.", status=409)
    # Every account is a requester, so the role is left out.
    made = Invitation(
        email=email,
        name=form.name,
        roles=tuple(role for role in dict.fromkeys(form.roles) if role is not Role.REQUESTER),
        plan=form.plan,
        provider=form.provider,
        invited_by=asked.actor.email,
        invited_by_name=asked.actor.name,
        sent_at=_after(intake, email, asked.at),
    )
    await record_document(intake, INVITATIONS, invitation_id(email), made.kept(), asked, trace)
    return _describe_invitation(made, asked.at)


async def renew(intake: Intake, key: str, asked: RequestContext, trace: str) -> Answer:
    """POST /v1/invitations/{id}/renew: a mail with a new link; the link before ends. Raises
    Refused 403, 404, 409.
    """
    admins_only(asked.actor)
    found = _get_invitation(intake, key)
    _check_unregistered(intake, found.email)
    again = found.model_copy(
        update={
            "sent_at": _after(intake, found.email, asked.at),
            "invited_by": asked.actor.email,
            "invited_by_name": asked.actor.name,
        }
    )
    await record_document(intake, INVITATIONS, key, again.kept(), asked, trace)
    return _describe_invitation(again, asked.at)


async def withdraw(intake: Intake, key: str, asked: RequestContext, trace: str) -> Answer:
    """DELETE /v1/invitations/{id}: its link ends. Raises Refused 403, 404."""
    admins_only(asked.actor)
    found = _get_invitation(intake, key)
    await record_document(intake, INVITATIONS, key, None, asked, trace)
    return {"id": key, "email": found.email, "withdrawn": True}


def list_invitations(intake: Intake, actor: Actor, now: datetime) -> Answer:
    """GET /v1/invitations: the open ones, newest first. Raises Refused 403."""
    admins_only(actor)
    found = sorted(_open(intake), key=lambda one: (one.sent_at, one.email), reverse=True)
    return {"items": [_describe_invitation(one, now) for one in found]}


def find_invitation(intake: Intake, token: str, now: datetime) -> Invitation:
    """The invitation whose link this is. Raises Refused `link-not-good` (403)."""
    secret = secret_of(intake, "no link of it is valid").encode()
    # What the token says of itself only chooses the invitation; the seal is checked below.
    email = fold_address(read_claimed_person(token))
    found = invitation_in(intake.reference.get(INVITATIONS, invitation_id(email)))
    if found is None or found.email != email:
        _refuse_link()
    link = verify(secret, token, INVITATION, found.standing(), now)
    if link is None or link.person != email or has_password(intake, email):
        _refuse_link()
    return found


async def accept(
    intake: Intake,
    accounts: Accounts,
    form: AcceptInvitationForm,
    found: Invitation,
    asked: RequestContext,
    trace: str,
) -> Answer:
    """POST /v1/invitations/accept, after `find_invitation`. The invitation goes last: what was
    interrupted is done again with the same link. Raises Refused: `invalid` (422), `busy` (503).
    """
    check_password(form.password, found.email)
    # Hashing takes long, so it is done before the lock.
    hashed = await accounts.passwords.hash_password(form.password)
    key = invitation_id(found.email)
    async with intake.reference.publishing:
        # Withdrawn or renewed meanwhile: the link is no longer good.
        if intake.reference.get(INVITATIONS, key) != found.kept():
            _refuse_link()
        planned = plan(
            [
                EntryForm(
                    kind="accounts", id=found.email, document=_account(intake, found, form.name)
                ),
                EntryForm(kind="credentials", id=found.email, document={"password_hash": hashed}),
            ],
            intake.reference.get,
            asked.at,
        )
        # First the account, then the end of the invitation: a crash in between leaves the link
        # usable.
        await record_planned(intake, planned, asked, trace)
        await record_document(intake, INVITATIONS, key, None, asked, trace)
    log.info("an invitation was accepted", account=found.email, invited_by=found.invited_by)
    return {"email": found.email, "accepted": True}


def has_password(intake: Intake, email: str) -> bool:
    known = intake.reference.get("credentials", email)
    return known is not None and is_of(known, intake.reference.get("accounts", email))


def _account(intake: Intake, found: Invitation, name: str) -> dict[str, Any]:
    """A new account, or the one that came by an import and has no password yet, with the roles of
    the invitation besides its own.
    """
    plain = {"email": found.email, "plan": found.plan}
    known = dict(intake.reference.get("accounts", found.email) or plain)
    roles = sorted({*known.get("roles", ()), *(role.value for role in found.roles)})
    # Roles are added, never taken: an import may have given some.
    made = known | {"name": name or found.name or known.get("name", ""), "roles": roles}
    return made if found.provider is None else made | {"provider": found.provider}


def _check_unregistered(intake: Intake, email: str) -> None:
    """Raises Refused `already-registered` (409)."""
    account = intake.reference.get("accounts", email) or {}
    # A deactivated account exists: it is switched on again, not invited.
    if has_password(intake, email) or account.get("deactivated_at") is not None:
        said = f"{email} has an account. Change that instead of inviting it."
        raise Refused(
            "already-registered",
            said,
            status=409,
            extra={"errors": [{"pointer": "#/email", "detail": said}]},
        )


def _after(intake: Intake, email: str, now: datetime) -> datetime:
    """Later than the last mail, so that the link of that one ends even within one instant."""
    last = invitation_in(intake.reference.get(INVITATIONS, invitation_id(email)))
    # A microsecond is enough to make the standing of the link another one.
    return now if last is None else max(now, last.sent_at + timedelta(microseconds=1))


def _open(intake: Intake) -> list[Invitation]:
    known = (intake.reference.get(INVITATIONS, key) for key in intake.reference.ids(INVITATIONS))
    return [found for document in known if (found := invitation_in(document)) is not None]


def _get_invitation(intake: Intake, key: str) -> Invitation:
    found = invitation_in(intake.reference.get(INVITATIONS, key))
    if found is None:
        raise Refused("not-found", "There is no such invitation, or no more.", status=404)
    return found


def _describe_invitation(found: Invitation, now: datetime) -> Answer:
    return {
        "id": invitation_id(found.email),
        **found.model_dump(mode="json"),
        "expires_at": found.expires_at.isoformat(),
        "is_over": found.expires_at <= now,
    }


def _refuse_link() -> NoReturn:
    raise Refused(
        "link-not-good",
        "This link was used, is over, or the invitation was withdrawn. Whoever invited you can "
        "send a new one.",
        status=403,
    )
