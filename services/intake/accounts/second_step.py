"""Switching the second step of one's login on and off, and its recovery codes.

A new secret is shown to its owner and kept nowhere before a code of it has come back. Every change
is a record of the directory with who made it, and its owner is told by mail.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, ClassVar, NamedTuple

import structlog
from pydantic import StringConstraints

from services.intake.accounts.shell import Accounts, check_current, record_document
from services.intake.domain import RequestContext
from services.intake.forms import Form
from services.intake.shell import Answer, Intake, admins_only, secret_of
from services.intake.world.directory import Email
from shared.errors import Refused
from shared.people.folding import fold_address
from shared.people.identity import Caller, is_of
from shared.people.second_step import (
    SecondStep,
    make_enrolment,
    new_secret,
    open_secret,
    read_enrolment,
    recovery_codes,
    recovery_hash,
    seal,
    second_step_in,
    step_of,
    uri_of,
)
from shared.people.sign_in import SECOND_STEPS, password_link_binding
from shared.signed.links import OPERATOR, SECOND_STEP, verify

log = structlog.get_logger()

Secret = Annotated[str, StringConstraints(max_length=1024)]
Code = Annotated[str, StringConstraints(min_length=1, max_length=50)]


class SwitchOnForm(Form):
    """PUT /v1/account/second-step. `enrolment` is what POST answered; `code` one of the codes its
    secret makes now. `signing_in`: a token of the portal's for who has just given their password;
    else `current_password` is asked for, where the account has one.
    """

    holds_secrets: ClassVar[bool] = True
    enrolment: Annotated[str, StringConstraints(min_length=1, max_length=2000)]
    code: Code
    current_password: Secret = ""
    signing_in: Secret = ""


class OwnerForm(Form):
    """DELETE /v1/account/second-step, POST /v1/account/second-step/codes."""

    holds_secrets: ClassVar[bool] = True
    current_password: Secret = ""


class RecoveryForm(Form):
    """POST /v1/account/second-step/recovery: one recovery code, used up."""

    holds_secrets: ClassVar[bool] = True
    code: Code


class ResetForm(Form):
    """POST /v1/setup/second-step-resets. `proof` as for a set-up link."""

    holds_secrets: ClassVar[bool] = True
    email: Email
    proof: Annotated[str, StringConstraints(min_length=1, max_length=1024)]


class Owner(NamedTuple):
    """The account that asks, with its documents. `key` is the installation's secret."""

    email: str
    account: dict[str, Any]
    password: dict[str, Any] | None
    step: SecondStep | None
    key: bytes


def begin(intake: Intake, caller: Caller, now: datetime) -> Answer:
    """POST /v1/account/second-step: a new secret, shown this once. Nothing is recorded."""
    owner = _owner(intake, caller)
    made = new_secret()
    return {
        "secret": made,
        "uri": uri_of(made, owner.email),
        # Sealed: it comes back with the code, so nothing has to be kept meanwhile.
        "enrolment": make_enrolment(owner.key, owner.email, made, now),
    }


async def switch_on(
    intake: Intake,
    accounts: Accounts,
    form: SwitchOnForm,
    caller: Caller,
    asked: RequestContext,
    trace: str,
) -> Answer:
    """PUT /v1/account/second-step: from now on a code is asked for. Answers the recovery codes.
    Raises Refused: `enrolment-over` (409), `wrong-code` (422), and as `_prove`.
    """
    owner = _owner(intake, caller)
    made = read_enrolment(owner.key, owner.email, form.enrolment, asked.at)
    if made is None:
        raise Refused(
            "enrolment-over", "This took too long. Begin again with a new secret.", status=409
        )
    # From the secret, so a repeat shows the same codes.
    codes = recovery_codes(owner.key, owner.email, made)
    # The same request once more: it is on already, with this very secret.
    if owner.step is not None and open_secret(owner.key, owner.email, owner.step.secret) == made:
        return {"on": True, "recovery_codes": codes}  # sent again
    # Bound to the password and the account as they are: an old login cannot switch anything on.
    page = password_link_binding(owner.password, owner.account)
    link = verify(owner.key, form.signing_in, SECOND_STEP, page, asked.at)
    # A login that waits for the code of a second step must not put another in its place.
    is_logging_in = link is not None and link.person == owner.email and owner.step is None
    if not is_logging_in:
        await _prove(accounts, owner, form.current_password)
    # A code proves that the secret has arrived in the owner's app.
    used = step_of(made, form.code, asked.at)
    if used is None:
        raise wrong_code()
    kept = SecondStep(
        secret=seal(owner.key, owner.email, made),
        # Only hashes are kept: whoever reads the log cannot use a code.
        recovery=tuple(recovery_hash(owner.key, owner.email, code) for code in codes),
        used=used,
        on_since=asked.at,
        account_since=owner.account.get("since"),
    )
    await record_document(intake, SECOND_STEPS, owner.email, kept.kept(), asked, trace)
    return {"on": True, "recovery_codes": codes}


async def switch_off(
    intake: Intake,
    accounts: Accounts,
    form: OwnerForm,
    caller: Caller,
    asked: RequestContext,
    trace: str,
) -> Answer:
    """DELETE /v1/account/second-step. Raises Refused as `_prove`."""
    owner = _owner(intake, caller)
    await _prove(accounts, owner, form.current_password)
    if owner.step is not None:
        await record_document(intake, SECOND_STEPS, owner.email, None, asked, trace)
    return {"on": False}


async def new_codes(
    intake: Intake,
    accounts: Accounts,
    form: OwnerForm,
    caller: Caller,
    asked: RequestContext,
    trace: str,
) -> Answer:
    """POST /v1/account/second-step/codes: ten new recovery codes; the old ones are worth nothing.
    Raises Refused: `second-step-off` (409), and as `_prove`.
    """
    owner = _owner(intake, caller)
    step = _require_switched_on(owner)
    await _prove(accounts, owner, form.current_password)
    # From the key: the same request shows the same codes again, another key makes others.
    codes = recovery_codes(owner.key, owner.email, f"again\0{asked.idempotency_key}")
    hashes = tuple(recovery_hash(owner.key, owner.email, code) for code in codes)
    if hashes != step.recovery:
        changed = step.model_copy(update={"recovery": hashes, "change": "codes"})
        await record_document(intake, SECOND_STEPS, owner.email, changed.kept(), asked, trace)
    return {"on": True, "recovery_codes": codes}


async def use_recovery_code(
    intake: Intake, form: RecoveryForm, caller: Caller, asked: RequestContext, trace: str
) -> Answer:
    """POST /v1/account/second-step/recovery: takes the code away, so it counts once. Raises
    Refused: `second-step-off` (409), `wrong-code` (422).
    """
    # One at a time, or a code could be used twice in the same moment.
    async with intake.reference.publishing:
        owner = _owner(intake, caller)
        step = _require_switched_on(owner)
        hashed = recovery_hash(owner.key, owner.email, form.code)
        if hashed not in step.recovery:
            raise wrong_code()
        left = tuple(each for each in step.recovery if each != hashed)
        changed = step.model_copy(update={"recovery": left, "change": "recovery-used"})
        await record_document(intake, SECOND_STEPS, owner.email, changed.kept(), asked, trace)
    return {"left": len(left)}


async def reset(intake: Intake, email: str, asked: RequestContext, trace: str) -> Answer:
    """DELETE /v1/second-steps/{email}: an administrator switches it off for who lost everything.
    Raises Refused 403, 404.
    """
    admins_only(asked.actor)
    return await _reset(intake, email, asked, trace)


async def reset_by_operator(
    intake: Intake, form: ResetForm, asked: RequestContext, trace: str
) -> Answer:
    """POST /v1/setup/second-step-resets, after `check_operator`."""
    return await _reset(intake, form.email, asked, trace)


def check_operator(intake: Intake, form: ResetForm, now: datetime) -> None:
    """Raises Refused `not-the-operator` (403)."""
    key = secret_of(intake, "nothing can be proved here").encode()
    if verify(key, form.proof, OPERATOR, fold_address(form.email), now) is None:
        raise Refused(
            "not-the-operator", "This is for whoever has the installation's secret.", status=403
        )


def wrong_code() -> Refused:
    said = "This code is not right, or no longer. Wait for the next one and try again."
    return Refused(
        "wrong-code", said, status=422, extra={"errors": [{"pointer": "#/code", "detail": said}]}
    )


async def _reset(intake: Intake, email: str, asked: RequestContext, trace: str) -> Answer:
    email = fold_address(email)
    if intake.reference.get("accounts", email) is None:
        raise Refused("not-found", f"There is no account {email}.", status=404)
    # Told in the answer, since resetting what is off changes nothing.
    was_on = intake.reference.get(SECOND_STEPS, email) is not None
    if was_on:
        await record_document(intake, SECOND_STEPS, email, None, asked, trace)
        log.info("a second step was reset", account=email, by=asked.actor.email)
    return {"email": email, "on": False, "was_on": was_on}


async def _prove(accounts: Accounts, owner: Owner, given: str) -> None:
    """Whoever has only the session cannot change how its owner gets in. An account without a
    password has nothing more to show. Raises Refused as `check_current`.
    """
    if owner.password is not None:
        known = str(owner.password["password_hash"])
        await check_current(accounts, known, owner.email, given)


def _owner(intake: Intake, caller: Caller) -> Owner:
    """Raises Refused: `session-needed` (403), `no-secret` (503), `not-found` (404)."""
    # A token opens the API; how somebody signs in is for browsers only.
    if caller.token is not None:
        raise Refused(
            "session-needed", "This is for whoever is signed in with a browser.", status=403
        )
    key = secret_of(intake, "no second step can be kept").encode()
    email = caller.actor.email
    account = intake.reference.get("accounts", email)
    if account is None:
        raise Refused("not-found", "There is no such account.", status=404)
    # Documents of an earlier account with the same address do not count.
    password, step = (
        found if (found := intake.reference.get(kind, email)) and is_of(found, account) else None
        for kind in ("credentials", SECOND_STEPS)
    )
    return Owner(
        email,
        dict(account),
        dict(password) if password is not None else None,
        second_step_in(step),
        key,
    )


def _require_switched_on(owner: Owner) -> SecondStep:
    if owner.step is None:
        raise Refused("second-step-off", "The second step is not switched on.", status=409)
    return owner.step
