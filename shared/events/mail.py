"""What became of mail: written by intake only (topic `mail`), keyed by the message's SHA-256. Never
the raw text.

Several processes take mail in, so these facts are not numbered (`seq` stays 0): they are told apart
by their ids, which are derived from the message and its delivery. A delivery is one handing-over of
a message; the same bytes handed over twice are two deliveries of one message. Every delivery has
one outcome: ticketed, threaded, quarantined or duplicate. Where two say otherwise, the message's
first outcome in the log counts and the other delivery is a duplicate.
"""

from __future__ import annotations

import operator
from enum import StrEnum
from typing import Literal

from pydantic import Field

from shared.events.envelope import Fact, Instant, Value


class Cause(StrEnum):
    """Why a message became no ticket and no reply. The words are published and never change."""

    # Who sent it, or who it is for.
    UNKNOWN_SENDER = "unknown-sender"
    NOT_A_COLLABORATOR = "not-a-collaborator"
    UNVERIFIED_REPLY = "unverified-reply"
    WRONG_REPLY_TOKEN = "wrong-reply-token"  # noqa: S105 (a word, no secret)
    NOT_A_PARTICIPANT = "not-a-participant"
    UNVERIFIED_ACKNOWLEDGEMENT = "unverified-acknowledgement"
    UNKNOWN_PAGE = "unknown-page"
    REFUSED = "refused"
    """The router decided for good that this reply or ticket cannot be."""
    # What it is: no person's message to us.
    LOOP = "loop"
    BOUNCE = "bounce"
    AUTOMATIC = "automatic"
    VERIFICATION_CODE = "verification-code"
    NO_SENDER = "no-sender"
    # Too much of it, or nobody can read it.
    TOO_MANY = "too-many"
    TOO_LARGE = "too-large"
    UNREADABLE = "unreadable"


class MailFact(Fact):
    """A fact about message `key`. `delivery` is the handing-over it comes from; empty: the one the
    message was settled by.
    """

    delivery: str = ""


# A message comes in.
class MailAuthentication(Value):
    """Who vouches for the sender, as our own server found: only `aligned` (DMARC) says that the
    From address is genuine.
    """

    dkim: str = "none"
    spf: str = "none"
    dmarc: str = "none"
    aligned: bool = False
    reason: str = ""


class MailReceived(MailFact):
    """Durable here, and read. `blob` is where the raw message is kept; `size` is bytes.

    `sender` is the From address, `subject` has no secrets any more; both are empty where the
    message could not be read.
    """

    type: Literal["MailReceived"] = "MailReceived"
    # Where the raw message is; the log never has it.
    blob: str
    size: int
    # How it came: the envelope, before anything of the message was read.
    via: Literal["smtp", "api"] = "smtp"
    mail_from: str = ""
    rcpt_to: tuple[str, ...] = ()
    peer: str = ""
    helo: str = ""
    gateway: str | None = None
    # What its header says.
    sender: str = ""
    sender_name: str = ""
    subject: str = ""
    message_id: str | None = None
    to: tuple[str, ...] = ()
    cc: tuple[str, ...] = ()
    in_reply_to: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    date: Instant | None = None
    automatic: str = ""
    """What says that a machine wrote it."""
    authentication: MailAuthentication = MailAuthentication()
    troubles: tuple[str, ...] = ()
    attachments: tuple[str, ...] = ()
    """Their file names."""


# What became of it: one of these for each delivery.
class MailTicketed(MailFact):
    """It opened a ticket. `verified` false: nobody vouches for the sender, who is asked to confirm.
    `no_receipt`: why its arrival is not confirmed by itself.
    """

    type: Literal["MailTicketed"] = "MailTicketed"
    ticket_id: str
    request_id: str
    sender: str
    verified: bool = True
    no_receipt: str = ""


class MailThreaded(MailFact):
    """It is a reply on a ticket. `automatic`: it looks like a machine's and moves nothing,
    `because` of what. Or it answers `page`, and then it names no ticket.
    """

    type: Literal["MailThreaded"] = "MailThreaded"
    ticket_id: str
    request_id: str
    sender: str
    automatic: bool = False
    because: str = ""
    page: str = ""


class MailDuplicate(MailFact):
    """This message was handed over before; nothing follows from it."""

    type: Literal["MailDuplicate"] = "MailDuplicate"


class MailQuarantined(MailFact):
    """Kept, and shown to staff, who may release it. `explanation` is ours, word for word, and holds
    nothing of the message.

    `answerable`: the sender may be told; else `unanswerable` says why not. `ticket_id`: the one it
    named, if any.

    `vouched`: the sender's identity is proven, so they may be told each time which mail it was:
    `subject` (secrets masked; empty where not vouched) and `received_at`.
    """

    type: Literal["MailQuarantined"] = "MailQuarantined"
    why: Cause
    explanation: str
    answerable: bool = False
    unanswerable: str = ""
    sender: str = ""
    ticket_id: str | None = None
    vouched: bool = False
    subject: str = ""
    received_at: Instant | None = None


# What staff do about it.
class MailReleased(MailFact):
    """Staff let it out of quarantine: it is admitted anew, with its original `received_at`. `by`
    vouches for the sender; `account`: in whose name it comes in, where that is another address than
    the sender's.
    """

    type: Literal["MailReleased"] = "MailReleased"
    by: str
    cause_was: Cause
    received_at: Instant
    account: str = Field("", exclude_if=operator.not_)


# Mail of ours that came back.
class BouncedRecipient(Value):
    """`status` is RFC 3463 (`5.1.1`), empty where the report does not say."""

    address: str
    permanent: bool
    status: str = ""
    diagnostic: str = ""


class MailBounced(MailFact):
    """A mail of ours could not be delivered, or its recipient complained. `notice_id` is the notice
    it was, where its Message-ID is ours.

    `standard`: an RFC 3464 report; false: guessed from the words of a mailer-daemon. `delayed`: it
    is still being tried. `proven`: who reported had that very mail (`shared.signed.return_path`);
    what is not proven stops nobody's mail. `complaint`: the kind of an RFC 5965 report, such as
    `abuse`; empty: it is a delivery report.
    """

    type: Literal["MailBounced"] = "MailBounced"
    recipients: tuple[BouncedRecipient, ...] = ()
    original_id: str | None = None
    notice_id: str | None = None
    standard: bool = True
    delayed: bool = False
    proven: bool = False
    complaint: str = ""
