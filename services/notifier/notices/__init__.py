"""Who is told what: topic → fact → the rule that says it. One module a topic with its table; `told.py` is what they answer with."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from services.notifier.notices.mail import MAIL
from services.notifier.notices.status import STATUS
from services.notifier.notices.stopped import heeding
from services.notifier.notices.subscriptions import SUBSCRIPTIONS
from services.notifier.notices.tickets import CLOCKS, TICKETS
from services.notifier.notices.told import (
    IMPORTED,
    NO_PROVIDER,
    UNREGISTERED,
    House,
    Lookup,
    Notice,
    NoticeKind,
    Rule,
    Suppressed,
    Told,
    left_out,
    told_before,
)
from shared.events import DirectoryRecorded, Event, Fact, RedeliverNotice, TicketFact

Rules = Mapping[type[Fact], Rule] | Mapping[type[DirectoryRecorded], Rule] | Mapping[type[RedeliverNotice], Rule]


def _once_more(fact: RedeliverNotice, directory: Lookup, house: House) -> Iterator[Told]:
    """Nothing new is owed: the courier opens the notice again (`Outbox.reopen`)."""
    return iter(())


HANDLERS: Mapping[str, Rules] = {
    "tickets": TICKETS,
    "clocks": CLOCKS,
    "pages": {},
    "status": STATUS,
    "mail": MAIL,
    "directory": SUBSCRIPTIONS,
    "requests": {RedeliverNotice: _once_more},
}
"""Other events of these topics tell nobody and are not even parsed."""

_RULES: dict[type[Event], Rule] = {kind: rule for kinds in HANDLERS.values() for kind, rule in kinds.items()}

WANTED = {(topic, kind.__name__) for topic, kinds in HANDLERS.items() for kind in kinds}


def notices_for(fact: Event, directory: Lookup, house: House) -> list[Told]:
    """What `fact` makes owed; empty for a fact that tells nobody. The ids depend on the fact and the recipient only."""
    rule = _RULES.get(type(fact))
    found = list(rule(fact, directory, house)) if rule else []
    if isinstance(fact, TicketFact) and fact.imported:
        return [left_out(one, IMPORTED) if isinstance(one, Notice) else one for one in found]
    return found


def is_somebody_unknown(told: Iterable[Told]) -> bool:
    """Whether something was suppressed because the directory does not know its recipient: worth asking a fresher one."""
    return any(isinstance(one, Suppressed) and one.reason in {UNREGISTERED, NO_PROVIDER} for one in told)


__all__ = [
    "HANDLERS", "WANTED", "House", "Lookup", "Notice", "NoticeKind", "Suppressed", "Told", "heeding",
    "is_somebody_unknown", "notices_for", "told_before",
]  # fmt: skip
