"""A forgotten password: a link by mail sets a new one.

Whoever asks is told the same whether or not the address is registered, and the same is done: that
somebody asked is written down, and the courier sees whether there is a password to replace. So
neither the answer nor its time says who has an account. The link is bound to the password as it is
(`shared/people/sign_in.py`): using it once, or changing the password in any way, ends it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, ClassVar, NoReturn

import structlog
from pydantic import StringConstraints

from services.intake.accounts.shell import Accounts, record_password
from services.intake.domain import RequestContext
from services.intake.forms import Form
from services.intake.shell import SOURCE, Answer, Intake, secret_of
from services.intake.world.directory import Email
from shared import ids
from shared.errors import Refused
from shared.events import DirectoryRecorded
from shared.people.folding import fold_address
from shared.people.identity import is_of
from shared.people.passwords import weakness
from shared.people.sign_in import PASSWORD_RESETS, ResetAsked, password_link_binding, reset_id
from shared.signed.links import RESET_PASSWORD, read_claimed_person, verify
from shared.topics import DIRECTORY
from shared.wire import record_for

log = structlog.get_logger()

Secret = Annotated[str, StringConstraints(min_length=1, max_length=1024)]


class ForgottenForm(Form):
    """POST /v1/password-resets."""

    email: Email


class NewPasswordForm(Form):
    """POST /v1/passwords. `token`: that of the link in the mail; it says whose password it is."""

    holds_secrets: ClassVar[bool] = True
    token: Secret
    password: Secret


async def ask_for_reset(
    intake: Intake, form: ForgottenForm, asked: RequestContext, trace: str
) -> Answer:
    """POST /v1/password-resets. Raises Refused `no-secret` (503), Unavailable."""
    # Without the secret the courier could sign no link, so asking would be for nothing.
    secret_of(intake, "no link can be sent")
    slot = reset_id(form.email)
    key = f"{PASSWORD_RESETS}:{slot}"
    wish = ResetAsked(email=fold_address(form.email), at=asked.at)
    event = DirectoryRecorded.model_validate(
        {
            # The time is in the id: asking again under the same key later is asking again.
            "id": ids.derive("dir", key, form.email, asked.idempotency_key, asked.at.isoformat()),
            "key": key,
            "at": asked.at,
            "kind": PASSWORD_RESETS,
            "doc_id": slot,
            "document": wish.model_dump(mode="json"),
            "actor": asked.actor,
        }
    )
    await intake.write(record_for(DIRECTORY.name, event, SOURCE, trace))
    return {
        # The same words for everybody, registered or not.
        "detail": "If this address has an account here, a mail is on its way to it. Its link is "
        "good for 30 minutes."
    }


def person_of(intake: Intake, token: str, now: datetime) -> str:
    """The address that the link sets a password for. Raises Refused `link-not-good` (403)."""
    secret = secret_of(intake, "no link of it is valid").encode()
    # The token's own word, not believed yet: it only says which password to check against.
    email = fold_address(read_claimed_person(token))
    known = intake.reference.get("credentials", email)
    account = intake.reference.get("accounts", email)
    # A password of an earlier owner of the address is none.
    if known is None or not is_of(known, account):
        _refuse_link()
    # The link is bound to the password as it is: after a change it fits no more.
    found = verify(secret, token, RESET_PASSWORD, password_link_binding(known, account), now)
    if found is None or found.person != email:
        _refuse_link()
    return email


async def set_password(
    intake: Intake,
    accounts: Accounts,
    form: NewPasswordForm,
    email: str,
    asked: RequestContext,
    trace: str,
) -> Answer:
    """POST /v1/passwords, after `person_of`. Every session that was begun with the old password
    ends with it (`services/portal/sign_in/session.py`). Raises Refused: `invalid` (422), `busy`
    (503).
    """
    check_password(form.password, email)
    hashed = await accounts.passwords.hash_password(form.password)
    await record_password(intake, email, hashed, "mail", asked, trace)
    log.info("a password was set by a link", account=email)
    return {"email": email, "changed": True}


def check_password(password: str, email: str) -> None:
    """Raises Refused `invalid` (422)."""
    if weak := weakness(password, email):
        raise Refused(
            "invalid", weak, extra={"errors": [{"pointer": "#/password", "detail": weak}]}
        )


def _refuse_link() -> NoReturn:
    raise Refused(
        "link-not-good",
        "This link was used, is over, or the password was changed since. Ask for a new one on the "
        "login page.",
        status=403,
    )
