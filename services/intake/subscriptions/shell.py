"""Subscriptions to the status: asking, confirming, leaving; and mail that is not sent any more.
Documents in `shared/people/subscriptions.py`.

Whoever asks is told the same whether or not the address subscribes already, and the same is done: a
wish is written down, and its address is asked. So nobody learns who subscribes, and nobody is
subscribed by others.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from services.intake.forms import Form
from services.intake.incidents.forms import Names
from services.intake.incidents.shell import find_components
from services.intake.shell import SOURCE, Answer, Intake, admins_only
from services.intake.subscriptions.endpoints import enable_known
from services.intake.world.directory import Target, Webhook
from shared.errors import Refused
from shared.events import Actor
from shared.people.subscriptions import (
    KIND,
    OptOut,
    Subscription,
    Wish,
    asker,
    endpoint_id,
    endpoint_in,
    opt_out_id,
    record_of,
    subscription_id,
    subscription_in,
)
from shared.signed import links
from shared.topics import DIRECTORY
from shared.wire import record_for


class SubscribeForm(Form):
    """Exactly one of `email` and `webhook_url`. `components` by id or name; none: every status
    update.
    """

    email: Target | None = None
    webhook_url: Webhook | None = None
    components: Names = ()

    @model_validator(mode="after")
    def _check_one_target(self) -> Self:
        if (self.email is None) == (self.webhook_url is None):
            raise ValueError("give an email or a webhook_url")
        return self

    @property
    def target(self) -> str:
        return self.email or self.webhook_url or ""


class SubscriptionTokenForm(Form):
    """`token`: that of the link in the mail, or of the challenge; it may stand in the address
    instead.
    """

    token: Annotated[str, StringConstraints(max_length=4000)] | None = Field(default=None)


async def subscribe(intake: Intake, form: SubscribeForm, now: datetime, trace: str) -> Answer:
    """POST /v1/subscriptions. Raises Refused `no-such-component`, Unavailable."""
    components = tuple(component.id for component in find_components(intake, form.components, None))
    target = form.target
    key = subscription_id(target)
    kind: Literal["email", "webhook"] = "email" if form.email is not None else "webhook"
    # The same is done whether or not somebody subscribes already.
    before = _find_subscription(intake, key) or Subscription(kind=kind, target=target)
    await _write(
        intake, key, before.asked(Wish(components=components, at=now)).kept(), target, now, trace
    )
    how = (
        "We write to this address"
        if kind == "email"
        else "We send a signed challenge to this webhook"
    )
    return {
        "subscription_id": key,
        "components": list(components),
        "state": "to-be-confirmed",
        "detail": f"{how}, once a day at most. Nothing else is sent before it is confirmed.",
        "links": {"self": f"/v1/subscriptions/{key}"},
    }


async def confirm(intake: Intake, key: str, token: str, now: datetime, trace: str) -> Answer:
    """POST /v1/subscriptions/{id}/confirm, with the token that only the address or webhook has.
    Raises Refused 403.
    """
    link = _verify_link(intake, token, links.SUBSCRIBE, key, now)
    found = _find_subscription(intake, key)
    # The link is good, but for a subscription that is gone or another's.
    if found is None or found.target != link.person:
        raise Refused(
            "link-not-valid", "This link is not valid, or no longer: subscribe again.", status=403
        )
    # A webhook that was disabled and is confirmed again wants to be told again.
    await _enable_webhook(intake, key, found.target, now, trace)
    confirmed = found.confirmed(now)
    # Confirming twice changes nothing.
    if confirmed != found:
        await _write(intake, key, confirmed.kept(), link.person, now, trace)
    return {"subscription_id": key, "state": "confirmed", "components": list(confirmed.components)}


async def leave(intake: Intake, name: str, token: str, now: datetime, trace: str) -> Answer:
    """DELETE /v1/subscriptions/{id}, and what a mail client posts (RFC 8058). `name`: a
    subscription, or `from-<provider>`: its announcements. Leaving twice is leaving. Raises Refused
    403."""
    # One address for two things: a subscription, or the announcements of one provider.
    provider = name.removeprefix("from-") if name.startswith("from-") else None
    link = _verify_link(
        intake,
        token,
        links.UNSUBSCRIBE if provider is None else links.OPT_OUT,
        provider or name,
        now,
    )
    # Leaving what was left already is no error (RFC 8058: mail clients repeat themselves).
    if provider is None:
        if _find_subscription(intake, name) is not None:
            await _write(intake, name, None, link.person, now, trace)
        return {"subscription_id": name, "state": "ended"}
    key = opt_out_id(provider, link.person)
    if intake.reference.get(KIND, key) is None:
        await _write(
            intake,
            key,
            OptOut(provider=provider, email=link.person, at=now).kept(),
            link.person,
            now,
            trace,
        )
    return {"provider": provider, "state": "opted-out"}


async def resume(intake: Intake, key: str, token: str, now: datetime, trace: str) -> Answer:
    """POST /v1/subscriptions/{id}/resume, with the token of any notice to it: a webhook that
    answered 410 Gone is told again. Raises Refused 403, 404.
    """
    link = _verify_link(intake, token, links.UNSUBSCRIBE, key, now)
    found = _find_subscription(intake, key)
    # Only webhooks are disabled by their answers.
    if found is None or found.kind != "webhook":
        raise Refused("not-found", "There is no such webhook, or no more.", status=404)
    await _enable_webhook(intake, key, link.person, now, trace)
    return {"subscription_id": key, "state": "enabled"}


async def _enable_webhook(intake: Intake, key: str, url: str, now: datetime, trace: str) -> None:
    """A webhook that was disabled is enabled."""
    receiver = f"subscriber:{key}"
    found = endpoint_in(intake.reference.get(KIND, endpoint_id(receiver, url)))
    if found is not None:
        id_ = endpoint_id(receiver, url)
        await enable_known(intake, id_, found, asker(url), now, trace)


async def lift(intake: Intake, key: str, actor: Actor, now: datetime, trace: str) -> Answer:
    """POST /v1/subscriptions/stp_…/lift: mail to this address is sent again. Raises Refused 403,
    404.
    """
    admins_only(actor)
    if intake.reference.get(KIND, key) is None:
        raise Refused("not-found", "Mail to this address is not stopped, or no more.", status=404)
    await _write(intake, key, None, actor.email, now, trace, actor)
    return {"id": key, "state": "lifted"}


def _find_subscription(intake: Intake, key: str) -> Subscription | None:
    return subscription_in(intake.reference.get(KIND, key))


def _verify_link(intake: Intake, token: str, purpose: str, page: str, now: datetime) -> links.Link:
    if intake.secret is None:
        raise Refused(
            "no-secret",
            "This installation has no SIGNALBOX_SECRET, so no link of it is valid.",
            status=503,
        )
    link = links.verify(intake.secret.encode(), token, purpose, page, now)
    if link is None:
        raise Refused("link-not-valid", "This link is not valid, or no longer.", status=403)
    return link


async def _write(
    intake: Intake,
    key: str,
    document: dict[str, Any] | None,
    who: str,
    now: datetime,
    trace: str,
    actor: Actor | None = None,
) -> None:
    await intake.write(
        record_for(
            DIRECTORY.name, record_of(key, document, actor or asker(who), now), SOURCE, trace
        )
    )
    await intake.reference.read_back_document(KIND, key, document)
