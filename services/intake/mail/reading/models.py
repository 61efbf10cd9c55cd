"""What was handed over (`Envelope`), what it says (`MailContent`) and who vouches for it
(`Authentication`).

Every text in here is valid UTF-8 without NUL and without lone surrogates, however hostile the
message was; headers are one line. Message-IDs stand as on the wire, with their angle brackets.
Sizes are bytes, instants are aware UTC.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from shared.events.envelope import Instant

MESSAGE_MOST = 25 * 1024 * 1024
"""The largest message, in bytes: what our SMTP greeting says too (RFC 1870 SIZE)."""
PARTS_MOST = 100
DEPTH_MOST = 20
TEXT_MOST = 512 * 1024
"""Characters of text that are kept of a mail; the rest is in the raw message."""


class _Shape(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Envelope(_Shape):
    """What SMTP, or the gateway's HTTP call, said around the message. `mail_from` empty: the null
    sender of bounces.
    """

    mail_from: str = ""
    rcpt_to: tuple[str, ...] = ()
    peer: str = Field(
        "",
        description="the client's IP address; empty where there was none, and then SPF says none",
    )
    helo: str = ""
    received_at: Instant
    authenticated_as: str | None = Field(
        None, description="a gateway's login (SMTP AUTH or API token), never the sender's identity"
    )


class Address(_Shape):
    """A mailbox. `address` is `local@domain` with the domain in lower case; the local part is as it
    was written.
    """

    address: str
    name: str = ""

    @property
    def domain(self) -> str:
        return self.address.rpartition("@")[2]


class Trouble(StrEnum):
    """What was wrong and did not keep the message from being read. What to make of it is the
    caller's decision.
    """

    NO_FROM = "no-from"
    MANY_FROM = "many-from"
    BAD_FROM = "bad-from"
    NO_MESSAGE_ID = "no-message-id"
    BAD_MESSAGE_ID = "bad-message-id"
    NO_DATE = "no-date"
    BAD_DATE = "bad-date"
    BAD_HEADER = "bad-header"
    HEADERS_TOO_LARGE = "headers-too-large"
    TOO_MANY_PARTS = "too-many-parts"
    TOO_DEEP = "too-deep"
    UNFINISHED_PART = "unfinished-part"
    BAD_ENCODING = "bad-transfer-encoding"
    UNKNOWN_CHARSET = "unknown-charset"
    BAD_CHARSET = "bad-charset"
    TEXT_CUT = "text-cut"
    NO_TEXT = "no-text"
    MARKUP_TOO_DEEP = "markup-too-deep"
    REPLY_UNTRIMMED = "reply-untrimmed"
    ENCRYPTED = "encrypted"


class Unreadable(StrEnum):
    """Why nothing is known of a message but its bytes. It is quarantined under this name, never
    lost.
    """

    TOO_LARGE = "too-large"
    TOO_SLOW = "too-slow"
    TOO_MUCH_MEMORY = "too-much-memory"
    CRASHED = "crashed"
    STOPPED = "stopped"
    """The reader was being shut down: hand the message in again."""


class Attachment(_Shape):
    """A part that is not the mail's own text. `content` is decoded; it never goes into JSON."""

    filename: str = Field(
        description=(
            "safe to show and to save: no path, no control characters, at most 120 characters; "
            "never empty"
        )
    )
    content_type: str = Field(
        description="sniffed from the bytes; `application/octet-stream` where they say nothing"
    )
    declared_type: str
    inline: bool = False
    content_id: str = ""
    size: int
    sha256: str
    content: bytes = Field(b"", exclude=True, repr=False)


class Automatic(_Shape):
    """What says that a machine wrote it. `certain` false: a weak mark, which stands in people's
    mail too and only says that no machine should answer.
    """

    kind: Literal["auto-replied", "auto-generated", "list", "bulk", "bounce", "loop"]
    reason: str = Field(
        description=(
            "the header and value, or the rule, that says so; fit for the suppression's record"
        )
    )
    certain: bool = True


class FailedRecipient(_Shape):
    """RFC 3464: one recipient of a delivery report."""

    address: str
    action: str = ""
    status: str = Field(
        "", description="RFC 3463, such as `5.1.1`; empty where the report does not say"
    )
    diagnostic: str = ""

    @property
    def permanent(self) -> bool:
        return self.status.startswith("5") or (not self.status and self.action in ("", "failed"))


class Bounce(_Shape):
    """A report that a mail could not be delivered, or was not welcome. `original_id` is its
    Message-ID, where the report says.
    """

    recipients: tuple[FailedRecipient, ...] = ()
    original_id: str | None = None
    standard: bool = Field(description="RFC 3464; false: guessed from the words of a mailer-daemon")
    delayed: bool = Field(
        False,
        description="a warning only, or a receipt: delivery is still being tried, or succeeded",
    )
    complaint: str = Field(
        "",
        description=(
            "RFC 5965: it did arrive, and this is how its owner complained, such as `abuse`"
        ),
    )
    return_paths: tuple[str, ...] = Field(
        (), description="envelope senders of ours that the report quotes"
    )


class Signature(_Shape):
    """A DKIM-Signature to be verified: where its key is. Lower case."""

    domain: str
    selector: str


class MailContent(_Shape):
    """What a message says. `unreadable` set: nothing else is but `digest` and `size`."""

    unreadable: Unreadable | None = None
    detail: str = Field("", description="of `unreadable`, for the operator")
    digest: str = Field("", description="SHA-256 of the raw message, hex")
    size: int = 0

    message_id: str | None = None
    in_reply_to: tuple[str, ...] = ()
    references: tuple[str, ...] = Field((), description="oldest first; at most 100")
    sender: Address | None = Field(
        None, description="the one From mailbox; None with a trouble no-from, many-from or bad-from"
    )
    to: tuple[Address, ...] = ()
    cc: tuple[Address, ...] = ()
    reply_to: tuple[Address, ...] = ()
    subject: str = ""
    date: Instant | None = None

    text: str = Field("", description="the best plain text, with what it quotes")
    reply: str = Field(
        "", description="the new text only, signatures kept; never empty where `text` is not"
    )
    quoted: str = Field("", description="what was cut from `text`, to be folded")
    html: str | None = Field(
        None,
        description=(
            "sanitised: no scripts, styles, forms or remote pictures; None where there was no HTML"
        ),
    )
    attachments: tuple[Attachment, ...] = ()
    files_beyond: int = Field(
        0, ge=0, description="parts that are in the message beyond the most that are looked at"
    )

    troubles: tuple[Trouble, ...] = ()
    automatic: Automatic | None = None
    x_loop: tuple[str, ...] = Field((), description="X-Loop values, lower case")
    from_list: bool = Field(False, description="the From address is a mailing list's own")
    behind_list: Address | None = Field(
        None, description="who wrote what a list sent under its own From address; nobody vouches"
    )
    bounce: Bounce | None = None
    verification_code: bool = Field(
        False,
        description="looks like a site's sign-up or reset mail to our address: show to staff only",
    )
    signatures: tuple[Signature, ...] = Field((), description="DKIM, at most 5")

    @property
    def from_address(self) -> str:
        return self.sender.address if self.sender else ""

    @property
    def from_name(self) -> str:
        return self.sender.name if self.sender else ""


Verdict = Literal["pass", "fail", "softfail", "neutral", "none", "temperror", "permerror"]


class Authentication(_Shape):
    """What we found ourselves; foreign Authentication-Results are never read.

    Only `aligned` means that the From domain vouches for this mail (DMARC pass, RFC 7489).
    `temperror` in `dmarc`: DNS did not answer in time, asking again later may help.
    """

    dkim: Verdict = "none"
    spf: Verdict = "none"
    dmarc: Verdict = "none"
    aligned: bool = False
    reason: str = ""
    unsigned: tuple[str, ...] = Field(
        (),
        description="headers that nobody vouches for in an aligned mail: read it without them",
    )
