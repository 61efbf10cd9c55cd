"""What staff read where a message cannot be let out of quarantine as things are: what to do about
it. The sender's own explanation speaks to the sender. Pure.
"""

from __future__ import annotations

from shared.events import Cause

# Only causes that staff can do something about, or must not; the rest gets the plain sentence
# below.
_WORDS = {
    Cause.UNKNOWN_SENDER: (
        "The sender has no account. Release it in the name of somebody who has one, or register "
        "the sender first."
    ),
    Cause.NOT_A_COLLABORATOR: (
        "The account has no access to the app that the mail names. Release it in the name of "
        "somebody who has."
    ),
    Cause.NOT_A_PARTICIPANT: (
        "The account takes no part in the ticket that the mail answers. Release it in the name of "
        "somebody who does."
    ),
    Cause.NO_SENDER: "The mail names no sender. Release it in the name of an account.",
    Cause.TOO_LARGE: "It is larger than we read. Save the raw message, and open a ticket by hand.",
    Cause.UNREADABLE: "It cannot be read. Save the raw message, and open a ticket by hand.",
    Cause.LOOP: (
        "It is mail of our own, or of a machine that answers us. Letting it in would begin a loop."
    ),
    Cause.BOUNCE: (
        "It is a report that mail of ours was not delivered. It is no message of a person."
    ),
    Cause.UNKNOWN_PAGE: "The page that it answers is over.",
    Cause.UNVERIFIED_ACKNOWLEDGEMENT: (
        "Only whoever was paged acknowledges by mail. Acknowledge the page itself."
    ),
}


def explain_hold(cause: Cause) -> str:
    """A sentence for whoever wanted to let it in."""
    return _WORDS.get(cause, f"It is still held: {cause.value.replace('-', ' ')}.")
