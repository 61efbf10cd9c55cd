"""The life of a ticket as a table (DESIGN section 7, `status`): what is absent is refused.

`new` until staff or a provider act on it, `pending` while it waits for the customer, `open` while
it waits for us or the provider. Only what people do to each other moves it; where it lies (queue,
priority) does not.
"""

from __future__ import annotations

from enum import StrEnum

from shared.events import Audience, Status


class Move(StrEnum):
    """What a request amounts to for the state: its type, and for a reply whose it is."""

    ANSWER = "answer"
    """A public reply of staff or provider: now the customer's turn."""
    CUSTOMER_REPLY = "customer-reply"
    INTERNAL = "internal"
    """A note, or a reply between staff and provider: somebody is at work."""
    AUTOMATIC = "automatic"
    """A machine's mail (RFC 3834): recorded, moves nothing."""
    ASSIGN = "AssignTicket"
    HAND_BACK = "HandBack"
    TAKE_BACK = "TakeBack"
    INSIST = "InsistScope"
    OWN = "own"
    """Take it, hand it over, release it: who of us has it."""
    TAG = "TagTicket"
    MERGE = "MergeTicket"
    """It goes on in another ticket, so this one ends."""
    DISMISS = "DismissSuggestion"
    REVIEW = "ReviewPriority"
    APPEAL = "AppealPriority"
    DECIDE_APPEAL = "DecideAppeal"
    SOLVE = "Solve"
    REOPEN = "Reopen"
    CLOSE = "CloseTicket"
    RATE = "RateTicket"
    SHARE = "ShareTicket"
    REVOKE_SHARE = "RevokeShare"
    JOIN = "JoinTicket"
    ASK = "AskParticipant"
    DECLINE = "decline"
    """Somebody who was asked to take part says no, or somebody leaves: that is possible for ever."""
    GRANT_ACCESS = "GrantAccess"
    CONFIRM = "ConfirmSender"
    LINK = "link"
    """To an incident, or off it: it changes neither status nor clocks."""


# The states before a ticket is solved.
LIVE = frozenset({Status.NEW, Status.OPEN, Status.PENDING})


# Moves that change nothing about whose turn it is. REOPEN, CLOSE and RATE are missing: they need a
# solved ticket.
_WHILE_LIVE = (
    Move.AUTOMATIC,
    Move.ASSIGN,
    Move.HAND_BACK,
    Move.TAKE_BACK,
    Move.INSIST,
    Move.DISMISS,
    Move.REVIEW,
    Move.APPEAL,
    Move.DECIDE_APPEAL,
    Move.SHARE,
    Move.REVOKE_SHARE,
    Move.JOIN,
    Move.ASK,
    Move.DECLINE,
    Move.GRANT_ACCESS,
    Move.CONFIRM,
    Move.OWN,
    Move.TAG,
    Move.LINK,
)


def _stays(status: Status) -> dict[Move, Status]:
    return dict.fromkeys(_WHILE_LIVE, status)


# Status → move → next status. A move that is absent is refused.
TRANSITIONS: dict[Status, dict[Move, Status]] = {
    Status.NEW: {
        **_stays(Status.NEW),
        Move.ANSWER: Status.PENDING,
        Move.CUSTOMER_REPLY: Status.NEW,
        Move.INTERNAL: Status.OPEN,
        Move.MERGE: Status.CLOSED,
        Move.SOLVE: Status.SOLVED,
    },
    Status.OPEN: {
        **_stays(Status.OPEN),
        Move.ANSWER: Status.PENDING,
        Move.CUSTOMER_REPLY: Status.OPEN,
        Move.INTERNAL: Status.OPEN,
        Move.MERGE: Status.CLOSED,
        Move.SOLVE: Status.SOLVED,
    },
    Status.PENDING: {
        **_stays(Status.PENDING),
        Move.ANSWER: Status.PENDING,
        Move.CUSTOMER_REPLY: Status.OPEN,
        Move.INTERNAL: Status.PENDING,
        Move.MERGE: Status.CLOSED,
        Move.SOLVE: Status.SOLVED,
    },
    # A customer's reply reopens; staff may add a word without reopening. Moving a solved ticket
    # about needs a Reopen first.
    Status.SOLVED: {
        Move.ANSWER: Status.SOLVED,
        Move.CUSTOMER_REPLY: Status.OPEN,
        Move.INTERNAL: Status.SOLVED,
        Move.AUTOMATIC: Status.SOLVED,
        Move.REOPEN: Status.OPEN,
        Move.CLOSE: Status.CLOSED,
        Move.MERGE: Status.CLOSED,
        Move.RATE: Status.SOLVED,
        Move.TAG: Status.SOLVED,
        Move.LINK: Status.SOLVED,
        Move.SHARE: Status.SOLVED,
        Move.REVOKE_SHARE: Status.SOLVED,
        Move.JOIN: Status.SOLVED,
        Move.ASK: Status.SOLVED,
        Move.DECLINE: Status.SOLVED,
    },
    # For good: only a note, late mail of a machine, ending a share, and leaving.
    Status.CLOSED: {
        Move.INTERNAL: Status.CLOSED,
        Move.AUTOMATIC: Status.CLOSED,
        Move.REVOKE_SHARE: Status.CLOSED,
        Move.DECLINE: Status.CLOSED,
    },
}


def move_of_reply(*, by_customer: bool, audience: Audience, automatic: bool) -> Move:
    """Which move a reply is."""
    # First of all: a machine's mail moves nothing, whoever it is from.
    if automatic:
        return Move.AUTOMATIC
    if audience is not Audience.EVERYONE:
        return Move.INTERNAL
    return Move.CUSTOMER_REPLY if by_customer else Move.ANSWER


def after(status: Status, move: Move) -> Status | None:
    """The status after `move`; None where the table refuses it."""
    return TRANSITIONS[status].get(move)
