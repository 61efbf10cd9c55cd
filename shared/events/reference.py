"""Reference data and the odd ones: directory, policies, figures, dead letters."""

from __future__ import annotations

from typing import Any, Literal

from shared.events.envelope import Actor, Event, Instant


class DirectoryRecorded(Event):
    """Document `doc_id` of `kind` is now `document`; null removes it. The key is `<kind>:<doc_id>`."""

    type: Literal["DirectoryRecorded"] = "DirectoryRecorded"
    # A new kind belongs into `shared/spine/records.py`, too: only those there are checked.
    kind: Literal[
        "accounts",
        "apps",
        "providers",
        "teams",
        "tokens",
        "credentials",
        "subscriptions",
        "password-resets",
        "invitations",
        "second-steps",
        "saved-views",
    ]
    doc_id: str
    document: dict[str, Any] | None
    actor: Actor | None = None


class PolicyPublished(Event):
    """Version `version` of policy document `key`. First in the log wins where two publish the same
    number. `asked`: who asked for it under which Idempotency-Key, as a hash: asked again, it is not
    made again.
    """

    type: Literal["PolicyPublished"] = "PolicyPublished"
    version: int
    document: dict[str, Any]
    actor: Actor | None = None
    note: str = ""
    asked: str = ""


class FigureComputed(Event):
    """One windowed number for the dashboards: `figure` over [`since`, `until`) for `group` (a
    queue, a provider, `all`).
    """

    type: Literal["FigureComputed"] = "FigureComputed"
    figure: str
    group: str
    since: Instant
    until: Instant
    value: float


class PersonErased(Event):
    """Somebody was erased from the log (docs/decisions/0014): `pseudonym` stands in their place.
    Who they were is not kept.

    `records`: topic → how many records were changed; `texts`: how many of them lost a text, and are
    marked by the header `ce_erased`; `by`: who ran the command. `key` is the pseudonym.
    """

    type: Literal["PersonErased"] = "PersonErased"
    pseudonym: str
    by: str
    records: dict[str, int]
    texts: int


class DeadLetter(Event):
    """Input nobody could handle: the raw record (base64), where it stood, and why. `worker` put it
    here.
    """

    type: Literal["DeadLetter"] = "DeadLetter"
    worker: str
    topic: str
    partition: int
    offset: int
    reason: str
    # Base64, because the record may be no JSON at all.
    raw: str
    headers: dict[str, str] = {}
    parked: bool = False
    """True: a bug stopped this key; its later messages wait here too until the first is
    re-driven.
    """
