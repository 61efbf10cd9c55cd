"""Who is written to about the status, and who no more: the documents of directory kind
`subscriptions`. Pure.

| document | id | says |
|---|---|---|
| `Subscription` | `sub_…`, of the address | an e-mail address or webhook that wants status updates, once it has confirmed |
| `OptOut` | `out_…`, of provider and address | no non-critical announcements of this provider any more (seed 003) |
| `Stop` | `stp_…`, of the address | mail to it bounced for good, or was complained about: none is sent until it is lifted |
| `Endpoint` | `end_…`, of the receiver and its URL | a webhook that answered 410 Gone; nothing is sent there until it is enabled again |

Intake writes them, the courier reads them. Ids are derived, so asking twice is one subscription,
and nobody is told twice.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from shared import ids
from shared.events import Actor, DirectoryRecorded, Instant, Via
from shared.people.folding import fold_address
from shared.people.identity import Lookup

KIND = "subscriptions"
CONFIRM_WITHIN = timedelta(days=7)
"""How long the link that confirms a wish is good."""


class _Document(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    def kept(self) -> dict[str, Any]:
        """As the directory holds it."""
        return self.model_dump(mode="json", exclude_none=True)


class Wish(_Document):
    """What was asked for at `at` and is not confirmed yet: these components, by id; none: all."""

    components: tuple[str, ...] = ()
    at: Instant


class Subscription(_Document):
    """`target` is the address or the webhook's URL. Nothing is sent before `confirmed_at` but the
    asking, nor of what was before it.
    """

    what: Literal["subscription"] = "subscription"
    kind: Literal["email", "webhook"]
    target: str
    components: tuple[str, ...] = ()
    confirmed_at: Instant | None = None
    wish: Wish | None = None

    def wants(self, components: Collection[str], at: Instant) -> bool:
        """Whether what happened at `at` to `components` is for this subscriber. What names no
        component is for everybody.
        """
        # What happened before the confirmation was not asked for.
        if not self.is_confirmed_at(at):
            return False
        return (
            not self.components or not components or not set(self.components).isdisjoint(components)
        )

    def is_confirmed_at(self, at: datetime) -> bool:
        """Whether it was confirmed before `at`: nothing older is sent."""
        return self.confirmed_at is not None and at >= self.confirmed_at

    def asked(self, wish: Wish) -> Subscription:
        return self.model_copy(update={"wish": wish})

    def confirmed(self, at: Instant) -> Subscription:
        """What was asked for holds. Confirming twice changes nothing."""
        # The time of the first confirmation stays, so nothing in between is lost.
        components = self.wish.components if self.wish else self.components
        return self.model_copy(
            update={"components": components, "confirmed_at": self.confirmed_at or at, "wish": None}
        )


class OptOut(_Document):
    what: Literal["opt-out"] = "opt-out"
    provider: str
    email: str
    at: Instant


class Stop(_Document):
    """`why` with `said`, the far end's own words. `notice` is the mail that came back."""

    what: Literal["stop"] = "stop"
    email: str
    why: Literal["bounced", "complained"]
    said: str = ""
    notice: str = ""
    at: Instant


class Endpoint(_Document):
    """A webhook that answered 410 Gone at `disabled_at`, in the words `said`, to `notice`.
    `receiver`: `subscriber:<subscription>` or `provider:<slug>`. The document stays when it is
    enabled again, so that an old answer that is read twice does not disable it anew.
    """

    what: Literal["endpoint"] = "endpoint"
    receiver: str
    url: str
    said: str = ""
    notice: str = ""
    disabled_at: Instant
    enabled_at: Instant | None = None

    @property
    def disabled(self) -> bool:
        """Whether it is left alone now."""
        # Compared, not only set: it may be disabled again after it was enabled.
        return self.enabled_at is None or self.enabled_at < self.disabled_at


def subscription_id(target: str) -> str:
    return ids.derive("sub", target)


def opt_out_id(provider: str, email: str) -> str:
    return ids.derive("out", provider, fold_address(email))


def stop_id(email: str) -> str:
    return ids.derive("stp", fold_address(email))


def endpoint_id(receiver: str, url: str) -> str:
    return ids.derive("end", receiver, url)


def endpoint_in(document: Mapping[str, Any] | None) -> Endpoint | None:
    """The webhook a document is about; None for none, and for another document of this kind."""
    return (
        Endpoint.model_validate(document, extra="ignore")
        if document and document.get("what") == "endpoint"
        else None
    )


def stops_among(addresses: Iterable[str], directory: Lookup) -> list[Stop]:
    """The stops of these addresses, each once, in their order."""
    # Two spellings of one address have one stop.
    found = (
        directory.get(KIND, stop_id(email)) for email in dict.fromkeys(map(fold_address, addresses))
    )
    return [Stop.model_validate(document, extra="ignore") for document in found if document]


def subscription_in(document: Mapping[str, Any] | None) -> Subscription | None:
    """The subscription a document is; None for none, and for another document of this kind."""
    return (
        Subscription.model_validate(document, extra="ignore")
        if document and document.get("what") == "subscription"
        else None
    )


def asker(target: str) -> Actor:
    """Who asks: nobody we know, in the name of an address or webhook."""
    return Actor(email=target, roles=(), via=Via.API)


def record_of(
    key: str, document: dict[str, Any] | None, actor: Actor, now: datetime
) -> DirectoryRecorded:
    """Document `key` of the kind, or that there is none any more."""
    return DirectoryRecorded(
        # Derived from what it says: recorded twice is one event.
        id=ids.derive("dir", KIND, key, now.isoformat(), "gone" if document is None else "kept"),
        key=f"{KIND}:{key}",
        at=now,
        kind=KIND,
        doc_id=key,
        document=document,
        actor=actor,
    )
