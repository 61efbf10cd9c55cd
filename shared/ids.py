"""Identifiers that are derived, not drawn: repeating a step makes the same ids (DESIGN section 1,
sentence 5).

An id is a readable prefix and 26 characters of the base32 alphabet in lower case (130 bits of
SHA-256), so it can stand in a URL, a mail header, a PagerDuty `dedup_key` (255 characters) and a
Message-ID without escaping.
"""

from __future__ import annotations

import functools
import hashlib
import re
from binascii import b2a_base64
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

from shared.people.folding import fold_address

if TYPE_CHECKING:
    from shared.events import Fact

F = TypeVar("F", bound="Fact")

_LENGTH = 26
_TICKET = re.compile(r"tkt_[a-z2-7]{26}")
# The alphabet of base64, and for each of its letters one of base32: the upper bit falls away.
_SIX_BITS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_FIVE_BITS = bytes.maketrans(_SIX_BITS, b"abcdefghijklmnopqrstuvwxyz234567" * 2)


def _letters(raw: bytes) -> str:
    """26 characters of five bits each: base64, of whose six bits the first is dropped. The standard
    library's base32 is written in Python and took a fifth of a worker's time."""
    # 20 bytes give 26 letters and one more.
    return b2a_base64(raw[:20], newline=False).translate(_FIVE_BITS)[:_LENGTH].decode()


def digest(*parts: str) -> str:
    """26 characters from `parts`; their lengths go in, so ("ab", "c") and ("a", "bc") differ."""
    return _letters(hashlib.sha256(_join_parts(parts)).digest())


def _join_parts(parts: Sequence[str]) -> bytes:
    raws = [part.encode() for part in parts]
    return b"".join([b"%d:%b" % (len(raw), raw) for raw in raws])


def derive(prefix: str, *parts: str) -> str:
    """`prefix_<26 characters>`; the same parts always give the same id."""
    return f"{prefix}_{digest(*parts)}"


def ticket_id(account: str, method: str, path: str, idempotency_key: str) -> str:
    """The ticket a submission opens (DESIGN section 7). The account counts by its lower-case
    address.
    """
    # Upper case for the method alone: paths differ by case.
    return derive("tkt", fold_address(account), method.upper(), path, idempotency_key)


def is_ticket(text: str) -> bool:
    """Whether it can be the id of a ticket."""
    return _TICKET.fullmatch(text) is not None


def request_id(key: str, kind: str, idempotency_key: str, account: str) -> str:
    """The id of a request on aggregate `key`; a retry under the same key is the same request."""
    return derive("req", key, kind, idempotency_key, fold_address(account))


def obligation_id(ticket: str, request: str) -> str:
    """The promise to wake somebody: the ticket and the request that made it urgent (DESIGN section
    3, Pages).
    """
    return derive("obl", ticket, request)


def page_id(lane: str, obligation: str) -> str:
    """`<lane>.<hash of the obligation that opened it>`; the lane is what stands before the last
    dot.
    """
    return f"{lane}.{digest(obligation)}"


def lane_of(page: str) -> str:
    """The lane a page belongs to."""
    return page.rpartition(".")[0]


def ops_lane(incident: str) -> str:
    """The lane of an incident's alerts. Customers' urgent tickets about it are in the lane
    `incident` itself: they wake others.
    """
    return f"{incident}-ops"


def dedup_key(page: str, step: int, round_: int = 0) -> str:
    """What the far side deduplicates a page by: page id and step; a repeat of the whole policy is a
    new round.
    """
    return f"{page}.s{step}" if round_ == 0 else f"{page}.r{round_}s{step}"


def attempt_id(dedup: str, person: str, method: str, purpose: str) -> str:
    """One contact method tried for one step (`dedup`), to page or to stand down."""
    return derive("att", dedup, person, method, purpose)


def notice_id(fact: str, recipient: str, kind: str) -> str:
    """One notice per fact, recipient and kind (mail, webhook)."""
    return derive("ntc", fact, fold_address(recipient), kind)


def stamp(facts: Sequence[F], *, key: str, first_seq: int, cause: str) -> list[F]:
    """Give facts that a decision returned their place in the log: `key`, `seq` counting from
    `first_seq`, `id`.

    A fact that names its own `cause` (a timer's firing, a parked request) keeps it. The id is
    derived from cause, key and the fact's rank among the facts of the decision, so deciding the
    same again makes the same ids.
    """
    # The hash of key and cause is kept: most facts of a decision share both.
    stamped, begun = [], dict[str, Any]()
    for rank, fact in enumerate(facts):
        reason = fact.cause or cause
        if reason not in begun:
            begun[reason] = hashlib.sha256(_join_parts((key, reason)))
        hasher = begun[reason].copy()
        hasher.update(_tail(fact.type, rank))
        stamped.append(
            fact.copy_with(
                {
                    "key": key,
                    "seq": first_seq + rank,
                    "cause": reason,
                    "id": f"fct_{_letters(hasher.digest())}",
                }
            )
        )
    return stamped


@functools.lru_cache(maxsize=4096)
def _tail(kind: str, rank: int) -> bytes:
    return _join_parts((kind, str(rank)))


def firing_id(key: str, timer: str, due_at: datetime) -> str:
    """The cause of what a timer did: the row, the timer's name and the instant it was due."""
    return derive("tmr", key, timer, due_at.isoformat())
