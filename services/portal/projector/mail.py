"""Mail as the portal shows it, purely: the message, its deliveries, and the sums of a partition of
the log.

| collection | id | holds |
|---|---|---|
| `mail` | message hash | what is known of the message and what became of it |
| `mail_deliveries` | delivery | its message, and whether it is known what became of it |
| `mail_counts` | partition of topic `mail` | how many were received, and had each outcome |

Every delivery is counted once under `received` and, when it is known what became of it, once under
an outcome; so received = ticketed + threaded + quarantined + duplicate + those still in hand. The
message's first outcome in the log counts: where two processes settled the same bytes, the second
one's delivery is a duplicate. A fact that is repeated is told by its id.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from services.portal.projector.ticket_flow import iso
from shared import events as e

Doc = dict[str, Any]
Place = tuple[str, str]

OUTCOMES: Mapping[type[e.MailFact], str] = {
    e.MailTicketed: "ticketed",
    e.MailThreaded: "threaded",
    e.MailQuarantined: "quarantined",
    e.MailDuplicate: "duplicate",
}
STATES = ("received", "ticketed", "threaded", "quarantined", "duplicate")
# Lines a message keeps: one that comes again and again must not grow for ever.
_HISTORY = 30


def make_unread_mail(digest: str) -> Doc:
    """A message of which no delivery has been read yet."""
    return {
        "_id": digest,
        "state": "received",
        "why": None,
        "explanation": "",
        "answer": "",
        "ticket_id": None,
        "page_id": None,
        "request_id": None,
        "verified": None,
        "automatic_reply": False,
        "delivery": "",
        "deliveries": 0,
        "outcomes": [],
        # A refusal by the router that was read before the delivery it is about.
        "early": None,
        "blob": "",
        "size": 0,
        "sender": "",
        "sender_name": "",
        "subject": "",
        "received_at": "",
        "order_key": "",
        "released_by": None,
        "released_at": None,
        "bounced": None,
        "history": [],
    }


def places(fact: e.MailFact, partition: int) -> set[Place]:
    """The documents a fact touches."""
    found = {("mail", fact.key), ("mail_counts", str(partition))}
    return found | {("mail_deliveries", fact.delivery)} if fact.delivery else found


def project_mail(
    docs: Mapping[Place, Doc | None], fact: e.MailFact, partition: int
) -> dict[Place, Doc]:
    """The documents as they are with the fact in them; only those that changed. `docs` holds what
    `places` names.
    """
    work = _Work(docs, fact, partition)
    MAIL_VIEW[type(fact)](work, fact)
    return work.changed


class _Work:
    """Fresh copies of what the fact touches."""

    def __init__(self, docs: Mapping[Place, Doc | None], fact: e.MailFact, partition: int) -> None:
        self._docs, self._fact, self._partition = docs, fact, partition
        self.changed: dict[Place, Doc] = {}

    @property
    def mail(self) -> Doc:
        return self._copy("mail", self._fact.key, lambda: make_unread_mail(self._fact.key))

    def delivery(self, name: str) -> Doc:
        blank = {"_id": name, "mail": self._fact.key, "received": False, "settled": False}
        return self._copy("mail_deliveries", name, lambda: blank)

    def count(self, name: str, step: int = 1, why: str | None = None) -> None:
        blank: Doc = {
            "_id": str(self._partition),
            **dict.fromkeys((*STATES, "in_hand"), 0),
            "causes": {},
        }
        sums = self._copy("mail_counts", str(self._partition), lambda: blank)
        sums[name] = sums.get(name, 0) + step
        if why is not None:
            sums["causes"] = {**sums["causes"], why: sums["causes"].get(why, 0) + step}

    def tell(self, what: str, **more: Any) -> None:
        line = {"type": what, "at": iso(self._fact.at), **more}
        self.mail["history"] = [*self.mail["history"], line][-_HISTORY:]

    def _copy(self, collection: str, name: str, blank: Callable[[], Doc]) -> Doc:
        if (collection, name) not in self.changed:
            known = self._docs.get((collection, name))
            self.changed[collection, name] = dict(known) if known is not None else blank()
        return self.changed[collection, name]


def on_received(work: _Work, fact: e.MailReceived) -> None:
    delivery, mail = work.delivery(fact.delivery), work.mail
    # The same fact again: counted once.
    if delivery["received"]:
        return
    delivery["received"] = True
    work.count("received")
    # Settled before it was announced (the facts come in any order): it never was in hand.
    if not delivery["settled"]:
        work.count("in_hand")
    mail["deliveries"] += 1
    work.tell(
        "MailReceived",
        via=fact.via,
        mail_from=fact.mail_from,
        peer=fact.peer,
        delivery=fact.delivery,
    )
    # The first delivery describes the message; a later one only where that had no sender.
    if not mail["blob"] or (not mail["sender"] and fact.sender):
        at = iso(fact.at)
        mail.update(
            fact.model_dump(mode="json", include=_SHOWN),
            received_at=at,
            order_key=f"{at} {fact.key}",
        )
        mail["via"] = fact.via


_SHOWN = {
    "blob",
    "size",
    "mail_from",
    "rcpt_to",
    "peer",
    "helo",
    "gateway",
    "sender",
    "sender_name",
    "subject",
    "message_id",
    "to",
    "cc",
    "in_reply_to",
    "references",
    "date",
    "automatic",
    "authentication",
    "troubles",
    "attachments",
}


def on_ticketed(work: _Work, fact: e.MailTicketed) -> None:
    if _settle(work, fact):
        work.mail.update(
            ticket_id=fact.ticket_id,
            request_id=fact.request_id,
            verified=fact.verified,
            why=None,
            explanation="",
            answer="",
        )


def on_threaded(work: _Work, fact: e.MailThreaded) -> None:
    if _settle(work, fact):
        work.mail.update(
            ticket_id=fact.ticket_id or None,
            page_id=fact.page or None,
            request_id=fact.request_id,
            automatic_reply=fact.automatic,
            why=None,
            explanation="",
            answer="",
        )
        early = work.mail["early"]
        if early is not None:  # the router's refusal was heard before this was
            work.mail["early"] = None
            on_quarantined(
                work,
                e.MailQuarantined.model_validate(
                    {**early, "delivery": fact.delivery}, extra="ignore"
                ),
            )


def on_quarantined(work: _Work, fact: e.MailQuarantined) -> None:
    # Nothing to settle yet: kept until the message is threaded.
    if not fact.delivery and not work.mail["delivery"]:
        work.mail["early"] = fact.model_dump(mode="json")
    elif _settle(work, fact):
        answer = "answered" if fact.answerable else f"not answered: {fact.unanswerable}"
        work.mail.update(why=fact.why.value, explanation=fact.explanation, answer=answer)
        if fact.ticket_id:
            work.mail["ticket_id"] = fact.ticket_id


def on_duplicate(work: _Work, fact: e.MailDuplicate) -> None:
    _settle(work, fact)


def on_released(work: _Work, fact: e.MailReleased) -> None:
    if fact.id not in work.mail["outcomes"]:
        work.mail["outcomes"] = [*work.mail["outcomes"], fact.id]
        work.mail.update(released_by=fact.by, released_at=iso(fact.at))
        work.tell("MailReleased", by=fact.by, why=fact.cause_was.value, account=fact.account)


_OF_A_REPORT = {
    "recipients",
    "original_id",
    "notice_id",
    "standard",
    "delayed",
    "proven",
    "complaint",
}


def on_bounced(work: _Work, fact: e.MailBounced) -> None:
    work.mail["bounced"] = fact.model_dump(mode="json", include=_OF_A_REPORT)


MAIL_VIEW: Mapping[type[e.MailFact], Callable[[_Work, Any], None]] = {
    e.MailReceived: on_received,
    e.MailTicketed: on_ticketed,
    e.MailThreaded: on_threaded,
    e.MailQuarantined: on_quarantined,
    e.MailDuplicate: on_duplicate,
    e.MailReleased: on_released,
    e.MailBounced: on_bounced,
}
"""Fact → what it changes."""


def _settle(
    work: _Work, fact: e.MailTicketed | e.MailThreaded | e.MailQuarantined | e.MailDuplicate
) -> bool:
    """Count the outcome; whether it is the message's. The delivery that settled it may be settled
    anew: released, refused.
    """
    mail, word = work.mail, OUTCOMES[type(fact)]
    name = fact.delivery or mail["delivery"]
    # Another delivery of the same message: the first outcome in the log stays.
    if word == "duplicate" or mail["delivery"] not in ("", name):
        delivery = work.delivery(name)
        if not delivery["settled"]:
            _mark_settled(work, delivery)
            work.count("duplicate")
            work.tell("MailDuplicate", delivery=name)
        return False
    if fact.id in mail["outcomes"]:
        return False
    # Settled anew, after a release or a refusal: it moves from one sum to the other.
    if mail["delivery"]:
        work.count(mail["state"], -1, mail["why"])
    else:
        _mark_settled(work, work.delivery(name))
    why = fact.why.value if isinstance(fact, e.MailQuarantined) else None
    work.count(word, 1, why)
    mail.update(state=word, delivery=name, outcomes=[*mail["outcomes"], fact.id])
    work.tell(fact.type, why=why)
    return True


def _mark_settled(work: _Work, delivery: Doc) -> None:
    """It is known what became of a delivery; mostly it was announced before."""
    if not delivery["settled"] and delivery["received"]:
        work.count("in_hand", -1)
    delivery["settled"] = True
