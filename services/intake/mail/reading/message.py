"""A raw message → its `Reading`. Runs in the limited child; pure, so that tests and fuzzers call it as it is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_tz
from itertools import zip_longest
from typing import NamedTuple

from services.intake.mail.reading import markup, reply
from services.intake.mail.reading.automatic import classify
from services.intake.mail.reading.bounce import report_of
from services.intake.mail.reading.codes import gives_code
from services.intake.mail.reading.complaint import complaint_of
from services.intake.mail.reading.decoding import text_of
from services.intake.mail.reading.files import attachment
from services.intake.mail.reading.mailboxes import addresses, sender
from services.intake.mail.reading.shape import TEXT_MOST, Envelope, Reading, Trouble
from services.intake.mail.reading.signatures import signatures_of
from services.intake.mail.reading.structure import Part, parse_parameters, split
from services.intake.mail.reading.words import header_text, one_line

SUBJECT_MOST = 500
REFERENCES_MOST = 100
ID_MOST = 500
OFFSET_MOST = 15 * 3600
"""Seconds from UTC; what is further off is no zone of this earth."""

_ID = re.compile(rf"<[^<>\s]{{1,{ID_MOST}}}>")
_ENCRYPTED = {"application/pkcs7-mime", "application/x-pkcs7-mime"}
_RULE_BETWEEN = "\n\n"


def read_message(raw: bytes, envelope: Envelope) -> Reading:
    """Everything but the digest and the size, which the parent knows."""
    troubles: list[Trouble] = []
    message = split(raw, troubles)
    from_box, trouble = sender(message.all("from"))
    if trouble:
        troubles.append(trouble)
    message_id = _message_id(message, troubles)
    subject = header_text(message.first("subject"), SUBJECT_MOST)
    replies_to, references = _ids(message, "in-reply-to"), _ids(message, "references")
    date = _date(message, troubles)
    blocks, others = _sorted(message)
    text, clean = _texts(raw, blocks, troubles)
    files = tuple(attachment(raw, part, number, troubles) for number, part in enumerate(others, start=1))
    if message.kind == "multipart/encrypted" or message.kind in _ENCRYPTED:
        troubles.append(Trouble.ENCRYPTED)
    if not text.strip():
        troubles.append(Trouble.NO_TEXT)
    new = reply.split(text)
    if new.whole:
        troubles.append(Trouble.REPLY_UNTRIMMED)
    address = from_box.address if from_box else ""
    bounce = complaint_of(raw, message) or report_of(raw, message, envelope, address, subject, text)
    return Reading(
        message_id=message_id,
        in_reply_to=replies_to,
        references=references[-REFERENCES_MOST:],
        sender=from_box,
        to=addresses(message.all("to")),
        cc=addresses(message.all("cc")),
        reply_to=addresses(message.all("reply-to")),
        subject=subject,
        date=date,
        text=text,
        reply=new.reply,
        quoted=new.quoted,
        html=clean,
        attachments=files,
        troubles=tuple(dict.fromkeys(troubles)),
        automatic=classify(message, envelope, address, subject, bounced=bounce is not None),
        bounce=bounce,
        verification_code=gives_code(subject, text, answers=bool(replies_to or references)),
        signatures=signatures_of(message.all("dkim-signature")),
    )


def _message_id(message: Part, troubles: list[Trouble]) -> str | None:
    values = message.all("message-id")
    if not values or not values[0].strip():
        troubles.append(Trouble.NO_MESSAGE_ID)
        return None
    text = values[0][: 4 * ID_MOST].decode("utf-8", "replace")
    found = _ID.search(text)
    if found and found[0] == text.strip() and len(values) == 1:
        return one_line(found[0], ID_MOST + 2)
    troubles.append(Trouble.BAD_MESSAGE_ID)
    bare = one_line(found[0] if found else text, ID_MOST).strip("<> ")
    return f"<{bare.replace(' ', '').replace('<', '').replace('>', '')}>" if bare else None


def _ids(message: Part, name: str) -> tuple[str, ...]:
    found = _ID.findall(b" ".join(message.all(name))[: 64 * 1024].decode("utf-8", "replace"))
    return tuple(dict.fromkeys(one_line(one, ID_MOST + 2) for one in found))


def _date(message: Part, troubles: list[Trouble]) -> datetime | None:
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


class Block(NamedTuple):
    """A piece of the mail's own text: as plain text, as HTML, or as both. `echo`: another block says the same in plain text."""

    plain: Part | None
    rich: Part | None
    echo: bool = False


def _sorted(message: Part) -> tuple[list[Block], list[Part]]:
    """The mail's own text in order, and every other leaf."""
    unsaid: list[Part] = []
    blocks = list(_blocks(message, unsaid))
    own = {id(part) for part in (*(part for block in blocks for part in block[:2]), *unsaid)}
    return blocks, [part for part in message.walk() if not part.children and id(part) not in own and (part.end > part.start or part.depth)]


def _blocks(part: Part, unsaid: list[Part]) -> Iterator[Block]:
    """`unsaid` takes the texts that stand in for others: the versions of an alternative that were not chosen."""
    if not part.children:
        if part.kind in ("text/plain", "text/html") and not _is_file(part):
            yield Block(part, None) if part.kind == "text/plain" else Block(None, part)
        return
    versions = [list(_blocks(child, unsaid)) for child in part.children]
    if part.kind == "multipart/related":
        yield from (block for version in versions[:1] for block in version)
    elif part.kind != "multipart/alternative":
        yield from (block for version in versions for block in version)
    else:
        words = next(filter(None, ([block.plain for block in version if block.plain] for version in versions)), [])
        pages = next(filter(None, ([block.rich for block in version if block.rich] for version in reversed(versions))), [])
        for plain, rich in zip_longest(words, pages):
            yield Block(plain, rich, echo=bool(words) and plain is None)
        unsaid.extend(text for version in versions for block in version for text in block[:2] if text is not None)


def _is_file(part: Part) -> bool:
    disposition = parse_parameters(part.first("content-disposition"))
    return (
        disposition.value == "attachment" or "filename" in disposition.of or ("name" in part.parameters and disposition.value != "inline")
    )


def _texts(raw: bytes, blocks: list[Block], troubles: list[Trouble]) -> tuple[str, str | None]:
    """The plain text, and the cleaned HTML where there was any."""
    plain, rich = list[str](), list[str]()
    room = TEXT_MOST
    for own, page, echo in blocks:
        if room <= 0:
            troubles.append(Trouble.TEXT_CUT)
            break
        text = text_of(raw, own, troubles) if own else ""
        written = text_of(raw, page, troubles) if page else ""
        clean = markup.cleaned(written)
        if clean is None:
            troubles.append(Trouble.MARKUP_TOO_DEEP)
        if not text.strip() and written and not echo:
            text = markup.without_tags(written) if clean is None else markup.as_text(clean)
        clean = clean or ""
        room -= len(text) + len(clean)
        plain.append(text.strip("\n"))
        if clean.strip():
            rich.append(clean)
    joined = _RULE_BETWEEN.join(text for text in plain if text.strip())
    return joined[:TEXT_MOST], "\n<hr>\n".join(rich) if rich else None
