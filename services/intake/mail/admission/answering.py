"""Why a message was kept, in our words, and whether its sender may be told. Pure.

An answer goes to whoever stands in From, and anybody can be named there. So only a sender who is
vouched for hears which mail it was (subject and date), each time; others hear once a day for each
cause, with nothing of the message. Machines are told nothing (RFC 3834, section 2), nor is an
address whose domain disowns the message. docs/evidence.md has the table.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from services.intake.mail.reading.models import Authentication, Envelope, MailContent
from shared.events import Cause

EXPLANATIONS: Mapping[Cause, str] = {
    Cause.UNKNOWN_SENDER: (
        "No account is registered under the address this mail came from. Write from your "
        "account's address, or register this one; "
        "then send the mail again, or ask us to let this one through: it keeps the time at which "
        "it came."
    ),
    Cause.NOT_A_COLLABORATOR: (
        "You are not a collaborator on an app of the name this mail gives. Ask its owner to add "
        "you as a collaborator, check the "
        "spelling, or send the mail without naming an app."
    ),
    Cause.UNVERIFIED_REPLY: (
        "We could not make sure that this reply comes from the address it names, so it was not "
        "added to the ticket. Answer to the "
        "Reply-To address of our mail, or on the ticket's page."
    ),
    Cause.WRONG_REPLY_TOKEN: (
        "The address this reply was sent to was made for somebody else. Answer the mail that you "
        "got from us yourself, or on the "
        "ticket's page."
    ),
    Cause.NOT_A_PARTICIPANT: (
        "You do not take part in the ticket this mail answers. Ask its requester to share it with "
        "you; then you can write on it. "
        "Being in copy of a mail gives no access."
    ),
    Cause.UNVERIFIED_ACKNOWLEDGEMENT: (
        "We could not make sure that this answer to a page comes from the person who was paged, "
        "so nothing was acknowledged and the next "
        "person is paged in turn. Answer from the mailbox the page went to, or use the link in it."
    ),
    Cause.UNKNOWN_PAGE: (
        "No page is open that this could be the answer to. Nothing was acknowledged."
    ),
    Cause.REFUSED: "The ticket could not take this mail.",
    Cause.LOOP: "This is a mail of our own that came back.",
    Cause.BOUNCE: "This reports that a mail of ours was not delivered.",
    Cause.AUTOMATIC: "A machine sent this, so it opens no ticket.",
    Cause.VERIFICATION_CODE: (
        "No account is registered under the address this mail came from, and it looks like a "
        "site's sign-up or reset mail, so only "
        "staff see it. If you are a customer, write from your account's address, or open a ticket "
        "on the help site."
    ),
    Cause.NO_SENDER: "No sender can be read in this mail.",
    Cause.TOO_MANY: (
        "More mail came from this address within an hour than we take at once. Nothing is lost: "
        "what is over that waits until "
        "somebody here has looked at it. For anything urgent use the help site."
    ),
    Cause.TOO_LARGE: "This mail is larger than we take.",
    Cause.UNREADABLE: "This mail could not be read; it was kept as it came.",
}

# Causes for which nobody could be answered, or where an answer could start a loop.
_NEVER: Mapping[Cause, str] = {
    Cause.LOOP: "it is our own mail",
    Cause.BOUNCE: "a bounce is never answered",
    Cause.AUTOMATIC: "answering a machine could start a loop",
    Cause.NO_SENDER: "there is nobody to answer",
    Cause.UNREADABLE: "what cannot be read names nobody to answer",
    Cause.TOO_LARGE: "what was not read names nobody to answer",
}

# Mailboxes of machines, by the names that everybody gives them.
_NOBODY_READS = re.compile(
    r"(?i)(mailer-daemon|postmaster|bounces?|no[-_.]?reply|do[-_.]?not[-_.]?reply|root|daemon"
    r"|www-data)([-_.+].*)?"
)


def explanation_of(cause: Cause) -> str:
    """The sentence for staff and, where it may be told, for the sender."""
    return EXPLANATIONS[cause]


def is_never_told(cause: Cause) -> bool:
    """Whether this cause is answered to nobody."""
    return cause in _NEVER


def why_not_answered(
    cause: Cause,
    reading: MailContent,
    envelope: Envelope,
    authentication: Authentication,
    *,
    sender: str,
    vouched: bool,
    behind_list: bool = False,
) -> str:
    """Empty: the sender may be told. Else why not.

    A person who writes through a list is told, at their own address; the list never is.
    """
    if cause in _NEVER:
        return _NEVER[cause]
    # A list is no machine: the person behind it may be told.
    marks = reading.automatic
    if marks is not None and marks.kind != "list":
        return f"answering a machine could start a loop ({marks.reason})"
    if reading.from_list and not behind_list:
        return "the sender is a mailing list, and everybody on it would be told"
    if not envelope.mail_from:
        return "it came from the null sender"
    if not sender or _NOBODY_READS.fullmatch(sender.partition("@")[0]):
        return "nobody reads that address"
    # A list breaks the signature, so DMARC says nothing about the person behind it.
    if authentication.dmarc == "fail" and not behind_list:
        return "the From domain disowns this mail (DMARC)"
    # The ceiling is met by victims of forgers too: they should not get our answers as well.
    if cause is Cause.TOO_MANY and not vouched:
        return "nobody vouches for the sender, who may be somebody else's victim"
    return ""
