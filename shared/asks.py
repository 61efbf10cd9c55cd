"""What may be asked of a ticket, one row each: the word of its address, the request it makes, who
may make it, and what it amounts to for the state.

Everything else follows from this table: who may ask (`MAY`, used by intake, router and portal), the
addresses (`services/intake/forms.py` adds the forms), and what the ticket's page offers. What is
absent nobody may ask. Pages, incidents and alerts are no tickets: `shared/access.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from shared.access import Standing
from shared.lifecycle import Move

ANYBODY = frozenset(Standing)
STAFF = frozenset({Standing.STAFF})
PROVIDER = frozenset({Standing.PROVIDER})
CUSTOMER = frozenset({Standing.CUSTOMER})


@dataclass(frozen=True)
class Ask:
    """`word`: the last of `POST /v1/tickets/{id}/…`; None: it has no address of its own.

    `request`: the type of the event it makes. `may`: what one has to be to the ticket. `move`: for
    the state (`shared/lifecycle.py`); None: that depends on what is said, so the request decides.
    `by_token`: a token counts, and not what somebody is to the ticket so far. `is_button`: the
    ticket's page offers it by itself, where who looks and the state allow it; the others have a
    place of their own there.
    """

    word: str | None
    request: str
    may: frozenset[Standing]
    move: Move | None
    by_token: bool = False
    is_button: bool = True


# In the order in which a ticket's page offers them.
ASKS: tuple[Ask, ...] = (
    Ask("replies", "AddReply", ANYBODY, None, is_button=False),
    Ask("assign", "AssignTicket", STAFF, Move.ASSIGN),
    Ask("review", "ReviewPriority", STAFF, Move.REVIEW),
    Ask("take", "TakeTicket", STAFF, Move.OWN),
    Ask("hand-over", "HandOverTicket", STAFF, Move.OWN),
    Ask("release", "ReleaseTicket", STAFF, Move.OWN),
    Ask("tag", "TagTicket", STAFF, Move.TAG),
    Ask("merge", "MergeTicket", STAFF, Move.MERGE),
    Ask(None, "NoteMerge", STAFF, None),
    Ask("insist", "InsistScope", CUSTOMER, Move.INSIST),
    Ask("dismiss", "DismissSuggestion", STAFF, Move.DISMISS, is_button=False),
    Ask("accept", "AcceptSuggestion", CUSTOMER, Move.ASSIGN),
    Ask("hand-back", "HandBack", PROVIDER, Move.HAND_BACK),
    Ask("take-back", "TakeBack", STAFF, Move.TAKE_BACK),
    Ask("appeal", "AppealPriority", CUSTOMER, Move.APPEAL),
    Ask("decide-appeal", "DecideAppeal", STAFF, Move.DECIDE_APPEAL),
    Ask("solve", "Solve", ANYBODY, Move.SOLVE),
    Ask("reopen", "Reopen", ANYBODY, Move.REOPEN),
    Ask(None, "CloseTicket", STAFF, Move.CLOSE),
    Ask("rate", "RateTicket", CUSTOMER, Move.RATE),
    Ask("share", "ShareTicket", CUSTOMER, Move.SHARE),
    Ask("unshare", "RevokeShare", CUSTOMER | STAFF, Move.REVOKE_SHARE),
    Ask("join", "JoinTicket", ANYBODY, Move.JOIN, by_token=True, is_button=False),
    Ask("ask", "AskParticipant", CUSTOMER | STAFF, Move.ASK),
    # Having been asked counts, too: `services/router/ticket/sharing.py`.
    Ask(None, "AnswerAsk", ANYBODY, None, by_token=True),
    Ask("remove", "RemoveParticipant", CUSTOMER | STAFF, Move.DECLINE),
    Ask("access", "GrantAccess", CUSTOMER, Move.GRANT_ACCESS),
    Ask("link", "LinkIncident", STAFF | PROVIDER, Move.LINK, is_button=False),
    Ask("unlink", "UnlinkIncident", STAFF | PROVIDER, Move.LINK, is_button=False),
    Ask(None, "ConfirmSender", CUSTOMER, Move.CONFIRM),
)

MAY: Mapping[str, frozenset[Standing]] = {ask.request: ask.may for ask in ASKS}
"""Request type → who may make it of a ticket they can see."""

BY_TOKEN = frozenset(ask.request for ask in ASKS if ask.by_token)
"""Requests for which a token counts."""

BUTTONS: Mapping[str, Ask] = {ask.word: ask for ask in ASKS if ask.word and ask.is_button}
"""Word → what a ticket's page offers by itself."""
