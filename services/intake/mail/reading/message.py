"""A raw message → its `MailContent`. Runs in the limited child; pure, so that tests and fuzzers call it
as it is.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_tz

from services.intake.mail.reading.authentication.signatures import signatures_of
from services.intake.mail.reading.fields import even_line_ends
from services.intake.mail.reading.files import attachment
from services.intake.mail.reading.machines.automatic import (
    author_behind_list,
    classify,
    is_from_list,
    loops_in,
)
from services.intake.mail.reading.machines.bounce import report_of
from services.intake.mail.reading.machines.codes import gives_code
from services.intake.mail.reading.machines.complaint import complaint_of
from services.intake.mail.reading.mailboxes import addresses, sender
from services.intake.mail.reading.models import TEXT_MOST, Envelope, MailContent, Trouble
from services.intake.mail.reading.packed.unpacking import SIGNED, find_forwarded, unpack
from services.intake.mail.reading.quoting import reply
from services.intake.mail.reading.quoting.ours import NOBODY, OwnNames
from services.intake.mail.reading.structure import MimePart, split
from services.intake.mail.reading.text import markup
from services.intake.mail.reading.text.decoding import hints_of
from services.intake.mail.reading.text.texts import MessageTexts, says_something
from services.intake.mail.reading.text.words import header_text, one_line

# What is kept of each; the raw message has it all.
SUBJECT_MOST = 500
REFERENCES_MOST = 100
ID_MOST = 500
OFFSET_MOST = 15 * 3600
"""Seconds from UTC; what is further off is no zone of this earth."""

_ID = re.compile(rf"<[^<>\s]{{1,{ID_MOST}}}>")


def read_message(
    raw: bytes,
    envelope: Envelope,
    ours: OwnNames = NOBODY,
    ignored: frozenset[str] = frozenset(),
) -> MailContent:
    """Everything but the digest and the size, which the parent knows. `ours`: who we are; the
    addresses that the message came to are ours, too. The message's own headers that are named in
    `ignored` count as not there.
    """
    troubles: list[Trouble] = []
    # The order matters: unpacking changes the tree that all later steps look at.
    raw = even_line_ends(raw)
    message = split(raw, troubles)
    message.fields = [each for each in message.fields if each[0] not in ignored]
    unpack(raw, message, troubles)
    # Character sets first: names, subject and texts are read with them.
    hints = hints_of(raw, message)
    from_box, trouble = sender(message.all("from"), hints)
    if trouble:
        troubles.append(trouble)
    message_id = _message_id(message, troubles)
    subject = header_text(message.first("subject"), SUBJECT_MOST, hints)
    replies_to, references = _ids(message, "in-reply-to"), _ids(message, "references")
    date = _date(message, troubles)
    # Texts before files: a part that is the text is no attachment.
    chosen = MessageTexts(raw, hints, troubles).choose(message)
    files = tuple(
        attachment(raw, part, number, troubles, hints)
        for number, part in enumerate(chosen.files, start=1)
    )
    if message.kind == "multipart/encrypted" or message.kind in SIGNED:
        troubles.append(Trouble.ENCRYPTED)
    own = chosen.text
    # A mail that only forwards another one means what that one says.
    text = own if says_something(own) else _read_forwarded_text(raw, message, troubles)
    if not text:
        troubles.append(Trouble.NO_TEXT)
    # Against our own mail only; the HTML's marks help to find where a quotation begins.
    new = reply.split(text, ours.with_addresses(envelope.rcpt_to), markup.heads_of(chosen.html))
    if new.whole:
        troubles.append(Trouble.REPLY_UNTRIMMED)
    address = from_box.address if from_box else ""
    # A complaint is a report too, so it is asked for first.
    bounce = complaint_of(raw, message) or report_of(raw, message, envelope, address, subject, own)
    return MailContent(
        message_id=message_id,
        in_reply_to=replies_to,
        # The last references are the nearest messages of the thread.
        references=references[-REFERENCES_MOST:],
        sender=from_box,
        to=addresses(message.all("to"), hints),
        cc=addresses(message.all("cc"), hints),
        reply_to=addresses(message.all("reply-to"), hints),
        subject=subject,
        date=date,
        text=text,
        reply=new.reply,
        quoted=new.quoted,
        html=chosen.html,
        attachments=files,
        files_beyond=message.beyond,
        troubles=tuple(dict.fromkeys(troubles)),
        automatic=classify(message, envelope, address, bounced=bounce is not None),
        x_loop=loops_in(message),
        from_list=from_box is not None and is_from_list(message, from_box),
        behind_list=author_behind_list(message, from_box),
        bounce=bounce,
        verification_code=gives_code(subject, text, answers=bool(replies_to or references)),
        signatures=signatures_of(message.all("dkim-signature")),
    )


def _read_forwarded_text(raw: bytes, message: MimePart, troubles: list[Trouble]) -> str:
    """Who forwards a mail as a file and writes nothing means what that mail says."""
    texts: list[str] = []
    for inner in find_forwarded(raw, message):
        hints = hints_of(raw, inner)
        unpack(raw, inner, troubles)
        found = MessageTexts(raw, hints, troubles).choose(inner)
        if says_something(found.text):
            lines = [
                f"{name.capitalize()}: {header_text(inner.first(name), SUBJECT_MOST, hints)}"
                for name in ("from", "date", "subject")
                if inner.first(name)
            ]
            texts.append("\n".join([*lines, "", found.text]))
    return "\n\n".join(texts)[:TEXT_MOST]


def _message_id(message: MimePart, troubles: list[Trouble]) -> str | None:
    values = message.all("message-id")
    if not values or not values[0].strip():
        troubles.append(Trouble.NO_MESSAGE_ID)
        return None
    # Bounded before it is decoded, however long the header is.
    text = values[0][: 4 * ID_MOST].decode("utf-8", "replace")
    found = _ID.search(text)
    if found and found[0] == text.strip() and len(values) == 1:
        return one_line(found[0], ID_MOST + 2)
    # Broken, but still something that two copies of the mail share.
    troubles.append(Trouble.BAD_MESSAGE_ID)
    bare = one_line(found[0] if found else text, ID_MOST).strip("<> ")
    return f"<{bare.replace(' ', '').replace('<', '').replace('>', '')}>" if bare else None


def _ids(message: MimePart, name: str) -> tuple[str, ...]:
    found = _ID.findall(b" ".join(message.all(name))[: 64 * 1024].decode("utf-8", "replace"))
    return tuple(dict.fromkeys(one_line(one, ID_MOST + 2) for one in found))


def _date(message: MimePart, troubles: list[Trouble]) -> datetime | None:
    value = one_line(message.first("date")[:400].decode("latin-1"), 100)
    if not value:
        troubles.append(Trouble.NO_DATE)
        return None
    try:
        parsed = parsedate_tz(value)
        if parsed is not None and 1970 <= parsed[0] <= 2200 and abs(parsed[9] or 0) <= OFFSET_MOST:
            moment = datetime(*parsed[:6], tzinfo=UTC).timestamp() - (parsed[9] or 0)
            return datetime.fromtimestamp(moment, tz=UTC)
    except (ValueError, TypeError, IndexError, OverflowError, OSError):
        pass  # what it raises for dates that are none
    troubles.append(Trouble.BAD_DATE)
    return None
