"""What an account wants to be told beside its tickets: status updates, announcements that can be
left, and mail that had stopped.

Whoever is signed in speaks for the account's own address, so nothing needs to be confirmed by mail.
Each call says how it shall be, not what changes: asking twice is asking once.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from services.intake.forms import Form
from services.intake.incidents.forms import Names
from services.intake.incidents.shell import find_components
from services.intake.shell import SOURCE, Answer, Intake
from shared.errors import Refused
from shared.events import Actor
from shared.people.folding import fold_address
from shared.people.subscriptions import (
    KIND,
    OptOut,
    Subscription,
    Wish,
    opt_out_id,
    record_of,
    stop_id,
    subscription_id,
    subscription_in,
)
from shared.topics import DIRECTORY
from shared.wire import record_for


class UpdatesForm(Form):
    """`components` by id or name; none: every status update."""

    components: Names = ()


async def want_updates(
    intake: Intake, form: UpdatesForm, actor: Actor, now: datetime, trace: str
) -> Answer:
    """PUT /v1/account/status-updates: to the account's own address, from now on. Raises Refused
    `no-such-component`, Unavailable.
    """
    components = tuple(component.id for component in find_components(intake, form.components, None))
    email = fold_address(actor.email)
    key = subscription_id(email)
    # The first wish makes the subscription; later ones change what is wanted.
    before = subscription_in(intake.reference.get(KIND, key)) or Subscription(
        kind="email", target=email
    )
    # Signed in, so the address is proved already and no mail has to ask.
    after = before.asked(Wish(components=components, at=now)).confirmed(now)
    await _write(intake, key, after.kept(), actor, now, trace)
    return {"subscription_id": key, "components": list(components), "state": "confirmed"}


async def end_updates(intake: Intake, actor: Actor, now: datetime, trace: str) -> Answer:
    """DELETE /v1/account/status-updates."""
    key = subscription_id(fold_address(actor.email))
    await _write(intake, key, None, actor, now, trace)
    return {"subscription_id": key, "state": "ended"}


async def opt_out(intake: Intake, provider: str, actor: Actor, now: datetime, trace: str) -> Answer:
    """PUT /v1/account/opt-outs/{provider}: none of its announcements that can be left (seed 003).
    Raises Refused 404.
    """
    if intake.reference.directory.provider(provider) is None:
        raise Refused("no-such-provider", f"There is no provider {provider!r}.", status=404)
    document = OptOut(provider=provider, email=fold_address(actor.email), at=now).kept()
    key = opt_out_id(provider, actor.email)
    # Asked for twice is asked for once.
    if intake.reference.get(KIND, key) is None:
        await _write(intake, key, document, actor, now, trace)
    return {"provider": provider, "state": "opted-out"}


async def opt_in(intake: Intake, provider: str, actor: Actor, now: datetime, trace: str) -> Answer:
    """DELETE /v1/account/opt-outs/{provider}: they are sent again."""
    await _write(intake, opt_out_id(provider, actor.email), None, actor, now, trace)
    return {"provider": provider, "state": "opted-in"}


async def resume_mail(intake: Intake, actor: Actor, now: datetime, trace: str) -> Answer:
    """DELETE /v1/account/mail-stop: whose mailbox it is says that it works again. If it does not,
    the next bounce stops it again.
    """
    await _write(intake, stop_id(actor.email), None, actor, now, trace)
    return {"email": actor.email, "state": "sent-again"}


async def _write(
    intake: Intake,
    key: str,
    document: dict[str, Any] | None,
    actor: Actor,
    now: datetime,
    trace: str,
) -> None:
    # Removing what is not there changes nothing.
    if document is None and intake.reference.get(KIND, key) is None:
        return
    await intake.write(
        record_for(DIRECTORY.name, record_of(key, document, actor, now), SOURCE, trace)
    )
    await intake.reference.read_back_document(KIND, key, document)
