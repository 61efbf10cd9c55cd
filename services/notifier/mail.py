"""Mail out: what a notice says (`letter`, from the templates), and the relay it goes through
(`Relay`, connections kept open).
"""

from __future__ import annotations

import asyncio
import binascii
import contextlib
import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.header import Header
from email.utils import format_datetime, quote
from pathlib import Path
from typing import Any

import aiosmtplib
from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

from shared.channels.outcome import Accepted, Outcome, Rejected, TryLater, Unknown, shorten
from shared.events import Via
from shared.markup import RenderTarget, message_html
from shared.people.addresses import deliverable
from shared.signed.reply_address import reply_address
from shared.signed.return_path import return_path
from shared.text.ansi import readable

# A new template belongs in each of the three sets below, or deliberately in none.
ANSWERED = frozenset(
    {
        "ticket-received",
        "reply-added",
        "ticket-solved",
        "ticket-merged",
        "priority-reviewed",
        "appeal-decided",
        "scope-decided",
        "participant-joined",
        "ticket-assigned",
        "ticket-replied",
        "ticket-reopened",
    }
)
"""Mails of which the answer becomes a reply on the ticket, and which say so."""

AUTOMATIC_REPLIES = frozenset(
    {
        "ticket-received",
        "scope-decided",
        "confirm-sender",
        "mail-quarantined",
        "subscription-confirm",
        "password-reset",
        "password-elsewhere",
    }
)
"""Templates that answer what somebody sent (RFC 3834 `auto-replied`); all others are
`auto-generated`.
"""

CAPPED = AUTOMATIC_REPLIES | {"asked-to-join"}
"""Templates of which one address gets so many an hour (`courier/ceiling.py`)."""

_MARKDOWN = frozenset({"reply-added", "ticket-replied", "ticket-solved", "mentioned"})
"""Templates that quote what was written in our own forms, unless it says that it came by mail."""

# Neither is the full grammar: `_ADDRESS` refuses what could end a header, `_BLANK` takes out what
# could begin one.
_ADDRESS = re.compile(r"[^@\s\x00-\x1f\x7f<>,;:\"]+@[^@\s\x00-\x1f\x7f<>,;:\"]+")
_BLANK = re.compile(r"[\x00-\x20\x7f\x85\u2028\u2029]+")
_UTF8_OPTIONS = ("SMTPUTF8", "BODY=8BITMIME")
"""RFC 6531, section 3.1: the message may have UTF-8 in its header."""
_NO_SMTPUTF8 = "the mail relay does not take letters outside ASCII before the @ (SMTPUTF8)"
_TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True, slots=True)
class BotSender:
    """The bot's address and name, the domain of our Message-IDs; where answers go: the support
    address, tagged for ticket and person.
    """

    address: str
    name: str
    domain: str
    support: str = ""
    secret: bytes = b""

    def envelope(self, notice: str) -> str:
        """The sender that the relay is told; reports about this notice go there."""
        return return_path(self.secret, self.address, notice)

    def reply_to(self, ticket: str, person: str) -> str:
        """Empty where no address for answers is known."""
        return (
            reply_address(self.secret, self.support, ticket, person)
            if self.support and self.secret and ticket
            else self.support
        )


@functools.cache
def _environment(escaping: bool) -> Environment:
    return Environment(
        loader=FileSystemLoader(_TEMPLATES),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=escaping,  # noqa: S701 (plain text is not escaped; what becomes HTML is)
    )


@functools.cache
def _template(name: str, escaping: bool = False) -> Template:
    return _environment(escaping).get_template(name)


def one_line(text: str) -> str:
    """Without control characters and line breaks, so that a header stays one header."""
    return _BLANK.sub(" ", text).strip()


def letter(
    notice: str, to: str, template: str, body: Mapping[str, Any], sender: BotSender
) -> bytes:
    """The message, text and HTML; the same bytes at every retry. Raises ValueError for a bad
    address. ASCII, unless the address has other letters before the @ (RFC 6532).

    Threads hang on the ticket: `References` and `In-Reply-To` name an id derived from it, the
    Message-ID is the notice's.
    """
    # Refused before anything is rendered: a bad address must never reach a header.
    if not _ADDRESS.fullmatch(to):
        raise ValueError(f"{to!r} is not a mail address")
    mailbox = deliverable(to)
    # A template is a module of named texts, so one file gives title, heading and body.
    says = _template(f"{template}.j2").make_module(dict(body))
    # Control codes of terminals are taken out: somebody may have pasted them into a ticket.
    parts = {
        name: readable(str(getattr(says, name))).strip()
        for name in ("title", "heading", "lead", "quoted", "after")
    }
    ticket = str(body["ticket_id"])
    link = {
        "url": body.get("url") or body["ticket_url"],
        "link": body.get("link") or "Open the ticket",
    }
    # Empty texts where there is no way out: the layout then leaves the line out.
    leaving = {name: str(body.get(name) or "") for name in ("leave_url", "leave_post_url", "leave")}
    filled: dict[str, Any] = {
        **parts,
        **link,
        **leaving,
        "ticket_id": ticket,
        "to_name": body["to_name"],
    }
    # A text without `reply` was written in our forms; a reply that does not say how it came counts
    # as mail.
    via = (body.get("reply") or {"via": Via.WEB}).get("via", Via.EMAIL)
    is_plain = template not in _MARKDOWN or via == Via.EMAIL
    quoted_html = message_html(parts["quoted"], is_plain=is_plain, shape=RenderTarget.MAIL)
    # Where answers go is signed for this ticket and this person.
    reply_to = sender.reply_to(ticket, to)
    filled["may_answer"] = bool(reply_to and ticket) and template in ANSWERED
    # No mail has this id; mail programs group by it all the same.
    thread = f"<{ticket}@{sender.domain}>"
    headers = [
        f"From: {_mailbox(sender.name, sender.address)}",
        f"To: {_mailbox(str(body['to_name']), mailbox)}",
        # A subject of any length must not make a header of any length.
        f"Subject: {_words(parts['title'][:250])}",
        f"Date: {format_datetime(datetime.fromisoformat(body['at']))}",
        f"Message-ID: <{notice}@{sender.domain}>",
        *([f"Reply-To: {reply_to}"] if reply_to else []),
        *([f"In-Reply-To: {thread}", f"References: {thread}"] if ticket else []),
        # These three headers keep automatic programs from answering, and let loops be found.
        f"Auto-Submitted: {'auto-replied' if template in AUTOMATIC_REPLIES else 'auto-generated'}",
        "X-Auto-Response-Suppress: All",
        f"X-Loop: {sender.address}",
        *([f"X-Signalbox-Ticket: {ticket}"] if ticket else []),
        *_make_unsubscribe_headers(leaving["leave_post_url"]),
        "MIME-Version: 1.0",
        f'Content-Type: multipart/alternative; boundary="=_{notice}"',
    ]
    # The plain text first: by RFC 2046 the last part is the best one.
    lines = [*headers, ""]
    for kind, text in (
        ("plain", _template("layout.txt").render(filled)),
        (
            "html",
            _template("layout.html", escaping=True).render(
                filled,
                quoted_html=Markup(quoted_html),  # noqa: S704
            ),
        ),
    ):
        lines += [
            f"--=_{notice}",
            f"Content-Type: text/{kind}; charset=utf-8",
            "Content-Transfer-Encoding: quoted-printable",
        ]
        lines += ["", _printable(text)]
    # The last boundary ends with a line break, too.
    return "\r\n".join([*lines, f"--=_{notice}--", ""]).encode("utf-8")


def _make_unsubscribe_headers(url: str) -> list[str]:
    """RFC 8058: mail clients show a button that posts there."""
    return (
        [f"List-Unsubscribe: <{url}>", "List-Unsubscribe-Post: List-Unsubscribe=One-Click"]
        if url
        else []
    )


def _words(text: str) -> str:
    """A header's free text: one line, RFC 2047 where it is not ASCII."""
    line = one_line(text)
    return line if line.isascii() else Header(line, "utf-8").encode(linesep="\r\n")


def _mailbox(name: str, address: str) -> str:
    line = one_line(name)
    if not line:
        return address
    return f'"{quote(line)}" <{address}>' if line.isascii() else f"{_words(line)} <{address}>"


def _printable(text: str) -> str:
    """Quoted-printable with CRLF. Built here and not by `EmailMessage`, which takes ten times as
    long.
    """
    lines = text.replace("\r\n", "\n").replace("\r", "\n").encode("utf-8", "replace")
    return binascii.b2a_qp(lines).decode("ascii").replace("\n", "\r\n")


class Relay:
    """The SMTP relay. Each send takes a connection that is open and idle, or opens one; the caller
    bounds how many at once.
    """

    def __init__(self, host: str, port: int, *, timeout: float = 10.0, idle: float = 60.0) -> None:
        self._host, self._port, self._timeout, self._idle_for = host, port, timeout, idle
        self._idle: list[tuple[float, aiosmtplib.SMTP]] = []

    async def send(self, sender: str, to: str, message: bytes) -> Outcome:
        """One message to one recipient. The caller bounds the time; a cancelled send drops its
        connection. An address with letters outside ASCII before the @ needs a relay that offers
        SMTPUTF8.
        """
        # An address that no relay can take is the caller's fault and no reason to try again.
        try:
            to = deliverable(to)
        except ValueError as error:
            return Rejected(str(error))
        # Without a connection nothing was handed over, so trying again is safe.
        try:
            connection = await self._connection()
        except (aiosmtplib.SMTPException, OSError) as error:
            return TryLater(f"no connection to the mail relay: {shorten(str(error))}")
        # `handed_over` decides between two outcomes: after it nobody knows whether the mail will
        # arrive.
        handed_over = healthy = False
        is_ascii = to.isascii()
        try:
            # The connection itself is in order, so the next mail may use it.
            if not is_ascii and not connection.supports_extension("smtputf8"):
                healthy = True
                return Rejected(_NO_SMTPUTF8)
            await connection.mail(sender, options=[] if is_ascii else _UTF8_OPTIONS)
            await connection.rcpt(to, encoding="ascii" if is_ascii else "utf-8")
            handed_over = True
            said = await connection.data(message)
            healthy = True
            return Accepted(shorten(f"{said.code} {said.message}"))
        # The relay answered, so the outcome is known: 5xx for good, anything else for now.
        except aiosmtplib.SMTPResponseException as error:
            healthy = await self._reset(connection)
            reason = shorten(f"{error.code} {error.message}")
            return Rejected(reason) if 500 <= error.code < 600 else TryLater(reason)
        # No answer. Before DATA the mail cannot have arrived.
        except (aiosmtplib.SMTPException, OSError) as error:
            reason = f"the connection to the relay broke: {shorten(str(error))}"
            return Unknown(reason) if handed_over else TryLater(reason)
        # Only a connection in a known state is used again.
        finally:
            if healthy:
                self._idle.append((asyncio.get_running_loop().time(), connection))
            else:
                connection.close()

    async def close(self) -> None:
        while self._idle:
            _, connection = self._idle.pop()
            # Leaving politely is a courtesy: nothing depends on it.
            with contextlib.suppress(aiosmtplib.SMTPException, OSError, TimeoutError):
                await asyncio.wait_for(connection.quit(), 1.0)

    async def _connection(self) -> aiosmtplib.SMTP:
        now = asyncio.get_running_loop().time()
        # The newest first: it is the least likely to have been closed by the relay.
        while self._idle:
            since, connection = self._idle.pop()
            if connection.is_connected and now - since < self._idle_for:
                return connection
            connection.close()
        connection = aiosmtplib.SMTP(hostname=self._host, port=self._port, timeout=self._timeout)
        await connection.connect()
        await connection.ehlo()
        return connection

    async def _reset(self, connection: aiosmtplib.SMTP) -> bool:
        # RSET takes back a half-made mail, so that the next one does not begin inside it.
        try:
            await connection.rset()
        except (aiosmtplib.SMTPException, OSError):
            return False
        return True
