"""Mail out: what a notice says (`letter`, from the templates), and the relay it goes through (`Relay`, connections kept open)."""

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

from shared.channels.outcome import Accepted, Outcome, Refused, TryLater, Unknown, shortened
from shared.reply_address import reply_address
from shared.return_path import return_path

AUTOMATIC_REPLIES = frozenset({"ticket-received", "scope-decided", "confirm-sender", "mail-quarantined", "subscription-confirm"})
"""Templates that answer what somebody sent (RFC 3834 `auto-replied`); all others are `auto-generated`."""

_ADDRESS = re.compile(r"[^@\s\x00-\x1f\x7f<>,;:\"]+@[^@\s\x00-\x1f\x7f<>,;:\"]+")
_BLANK = re.compile(r"[\x00-\x20\x7f\x85\u2028\u2029]+")
_TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True, slots=True)
class Sender:
    """The bot's address and name, the domain of our Message-IDs; where answers go: the support address, tagged for ticket and person."""

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
        return reply_address(self.secret, self.support, ticket, person) if self.support and self.secret and ticket else self.support


@functools.cache
def _environment(escaping: bool) -> Environment:
    return Environment(
        loader=FileSystemLoader(_TEMPLATES), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
        autoescape=escaping,  # noqa: S701 (plain text is not escaped; what becomes HTML is)
    )  # fmt: skip


@functools.cache
def _template(name: str, escaping: bool = False) -> Template:
    return _environment(escaping).get_template(name)


def one_line(text: str) -> str:
    """Without control characters and line breaks, so that a header stays one header."""
    return _BLANK.sub(" ", text).strip()


def letter(notice: str, to: str, template: str, body: Mapping[str, Any], sender: Sender) -> bytes:
    """The message, text and HTML; the same bytes at every retry. Raises ValueError for a bad address.

    Threads hang on the ticket: `References` and `In-Reply-To` name an id derived from it, the Message-ID is the notice's.
    """
    if not _ADDRESS.fullmatch(to):
        raise ValueError(f"{to!r} is not a mail address")
    says = _template(f"{template}.j2").make_module(dict(body))
    parts = {name: str(getattr(says, name)).strip() for name in ("title", "heading", "lead", "quoted", "after")}
    ticket = str(body["ticket_id"])
    link = {"url": body.get("url") or body["ticket_url"], "link": body.get("link") or "Open the ticket"}
    leaving = {name: str(body.get(name) or "") for name in ("leave_url", "leave_post_url", "leave")}
    filled = {**parts, **link, **leaving, "ticket_id": ticket, "to_name": body["to_name"]}
    reply_to = sender.reply_to(ticket, to)
    thread = f"<{ticket}@{sender.domain}>"
    headers = [
        f"From: {_mailbox(sender.name, sender.address)}",
        f"To: {_mailbox(str(body['to_name']), to)}",
        f"Subject: {_words(parts['title'][:250])}",
        f"Date: {format_datetime(datetime.fromisoformat(body['at']))}",
        f"Message-ID: <{notice}@{sender.domain}>",
        *([f"Reply-To: {reply_to}"] if reply_to else []),
        *([f"In-Reply-To: {thread}", f"References: {thread}"] if ticket else []),
        f"Auto-Submitted: {'auto-replied' if template in AUTOMATIC_REPLIES else 'auto-generated'}",
        "X-Auto-Response-Suppress: All",
        f"X-Loop: {sender.address}",
        *([f"X-Signalbox-Ticket: {ticket}"] if ticket else []),
        *_leaving(leaving["leave_post_url"]),
        "MIME-Version: 1.0",
        f'Content-Type: multipart/alternative; boundary="=_{notice}"',
    ]
    lines = [*headers, ""]
    for kind, text in (
        ("plain", _template("layout.txt").render(filled)),
        ("html", _template("layout.html", escaping=True).render(filled)),
    ):
        lines += [f"--=_{notice}", f"Content-Type: text/{kind}; charset=utf-8", "Content-Transfer-Encoding: quoted-printable"]
        lines += ["", _printable(text)]
    return "\r\n".join([*lines, f"--=_{notice}--", ""]).encode("ascii")


def _leaving(url: str) -> list[str]:
    """RFC 8058: mail clients show a button that posts there."""
    return [f"List-Unsubscribe: <{url}>", "List-Unsubscribe-Post: List-Unsubscribe=One-Click"] if url else []


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
    """Quoted-printable with CRLF. Built here and not by `EmailMessage`, which takes ten times as long."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").encode("utf-8", "replace")
    return binascii.b2a_qp(lines).decode("ascii").replace("\n", "\r\n")


class Relay:
    """The SMTP relay. Each send takes a connection that is open and idle, or opens one; the caller bounds how many at once."""

    def __init__(self, host: str, port: int, *, timeout: float = 10.0, idle: float = 60.0) -> None:
        self._host, self._port, self._timeout, self._idle_for = host, port, timeout, idle
        self._idle: list[tuple[float, aiosmtplib.SMTP]] = []

    async def send(self, sender: str, to: str, message: bytes) -> Outcome:
        """One message to one recipient. The caller bounds the time; a cancelled send drops its connection."""
        try:
            connection = await self._connection()
        except (aiosmtplib.SMTPException, OSError) as error:
            return TryLater(f"no connection to the mail relay: {shortened(str(error))}")
        handed_over = healthy = False
        try:
            await connection.mail(sender)
            await connection.rcpt(to)
            handed_over = True
            said = await connection.data(message)
            healthy = True
            return Accepted(shortened(f"{said.code} {said.message}"))
        except aiosmtplib.SMTPResponseException as error:
            healthy = await self._reset(connection)
            reason = shortened(f"{error.code} {error.message}")
            return Refused(reason) if 500 <= error.code < 600 else TryLater(reason)
        except (aiosmtplib.SMTPException, OSError) as error:
            reason = f"the connection to the relay broke: {shortened(str(error))}"
            return Unknown(reason) if handed_over else TryLater(reason)
        finally:
            if healthy:
                self._idle.append((asyncio.get_running_loop().time(), connection))
            else:
                connection.close()

    async def close(self) -> None:
        while self._idle:
            _, connection = self._idle.pop()
            with contextlib.suppress(aiosmtplib.SMTPException, OSError, TimeoutError):
                await asyncio.wait_for(connection.quit(), 1.0)

    async def _connection(self) -> aiosmtplib.SMTP:
        now = asyncio.get_running_loop().time()
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
        try:
            await connection.rset()
        except (aiosmtplib.SMTPException, OSError):
            return False
        return True
