"""Who is told what: topic → fact → the rule that says it. One module a topic with its table;
`told.py` is what they answer with.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from services.notifier.notices.cover import POLICIES
from services.notifier.notices.directory import DIRECTORY
from services.notifier.notices.mail import MAIL
from services.notifier.notices.status import STATUS
from services.notifier.notices.stopped import without_stopped
from services.notifier.notices.tickets import CLOCKS, TICKETS
from services.notifier.notices.told import (
    IMPORTED,
    NO_PROVIDER,
    UNREGISTERED,
    DirectoryIndex,
    Notice,
    NoticeKind,
    Rule,
    SenderIdentity,
    SuppressedNotice,
    Told,
    left_out,
    suppress_told_before,
)
from services.notifier.notices.try_outs import tell_test
from shared.events import (
    DirectoryRecorded,
    Event,
    Fact,
    PolicyPublished,
    RedeliverNotice,
    TestNotice,
    TicketFact,
)

# Three kinds of keys: facts, records of the directory, requests.
Rules = (
    Mapping[type[Fact], Rule]
    | Mapping[type[DirectoryRecorded], Rule]
    | Mapping[type[PolicyPublished], Rule]
    | Mapping[type[RedeliverNotice] | type[TestNotice], Rule]
)


def _once_more(
    fact: RedeliverNotice, directory: DirectoryIndex, house: SenderIdentity
) -> Iterator[Told]:
    """Nothing new is owed: the courier opens the notice again (`Outbox.reopen`)."""
    return iter(())


# A person asks for these, so they come as requests and not as facts.
_REQUESTS: Mapping[type[RedeliverNotice] | type[TestNotice], Rule] = {
    RedeliverNotice: _once_more,
    TestNotice: tell_test,
}
HANDLERS: Mapping[str, Rules] = {
    "tickets": TICKETS,
    "clocks": CLOCKS,
    # What pages tell is sent by the pager itself.
    "pages": {},
    "status": STATUS,
    "mail": MAIL,
    "directory": DIRECTORY,
    "policies": POLICIES,
    "requests": _REQUESTS,
}
"""Other events of these topics tell nobody and are not even parsed."""

_RULES: dict[type[Event], Rule] = {
    kind: rule for kinds in HANDLERS.values() for kind, rule in kinds.items()
}

WANTED = {(topic, kind.__name__) for topic, kinds in HANDLERS.items() for kind in kinds}


def notices_for(fact: Event, directory: DirectoryIndex, house: SenderIdentity) -> list[Told]:
    """What `fact` makes owed; empty for a fact that tells nobody. The ids depend on the fact and
    the recipient only.
    """
    rule = _RULES.get(type(fact))
    found = list(rule(fact, directory, house)) if rule else []
    # Imported: every notice becomes the record of one that was left out.
    if isinstance(fact, TicketFact) and fact.imported:
        return [left_out(one, IMPORTED) if isinstance(one, Notice) else one for one in found]
    return found


def is_somebody_unknown(told: Iterable[Told]) -> bool:
    """Whether something was suppressed because the directory does not know its recipient: worth
    asking a fresher one.
    """
    return any(
        isinstance(one, SuppressedNotice) and one.reason in {UNREGISTERED, NO_PROVIDER}
        for one in told
    )


def is_mail_among(told: Iterable[Told]) -> bool:
    """Whether mail is owed: worth asking a fresher directory whether its address is stopped."""
    return any(isinstance(one, Notice) and one.kind == "mail" for one in told)


__all__ = [
    "HANDLERS",
    "WANTED",
    "DirectoryIndex",
    "Notice",
    "NoticeKind",
    "SenderIdentity",
    "SuppressedNotice",
    "Told",
    "is_mail_among",
    "is_somebody_unknown",
    "notices_for",
    "suppress_told_before",
    "without_stopped",
]
