"""`python -m tests.corpus.mail.compare`: our reader beside two others, on mails with a known right
value and on the corpus (docs/decisions/0016).

The others are the standard library with `compat32` and `fast-mail-parser` (Rust), each used as its
documentation says: the first plain text that is no attachment, else the page made text as ours is.
"""

from __future__ import annotations

import email
import email.header
import email.policy
import time
import tracemalloc
from collections.abc import Callable, Iterator
from typing import NamedTuple

import fast_mail_parser

from services.intake.mail.reading.message import read_message
from services.intake.mail.reading.text import markup
from tests.corpus.mail.sources import cpython, fetched
from tests.corpus.mail.sources import written as all_written
from tests.support.mails import envelope, mail, written
from tests.unit.intake.mail.reading.test_cases import FILES, SAYS
from tests.unit.intake.mail.reading.test_charsets import SUBJECTS
from tests.unit.intake.mail.reading.test_header_faults import BODY, LINES, MEANT, STRAY
from tests.unit.intake.mail.reading.test_texts import ENCODINGS
from tests.unit.intake.mail.reading.test_texts import SAYS as TEXTS


class Found(NamedTuple):
    """What a reader says: the text, the subject, how many files."""

    text: str
    subject: str
    files: int


class Judged(NamedTuple):
    """A mail and what is right. None: not looked at."""

    kind: str
    raw: bytes
    text: str | None
    subject: str | None
    files: int | None


def ours(raw: bytes) -> Found:
    found = read_message(raw, envelope())
    return Found(found.text, found.subject, len(found.attachments))


def compat32(raw: bytes) -> Found:
    message = email.message_from_bytes(raw, policy=email.policy.compat32)
    plain, pages, files = list[str](), list[str](), 0
    for part in message.walk():
        if part.is_multipart():
            continue
        kind, name = part.get_content_type(), part.get_filename()
        if name or "attachment" in str(part.get("content-disposition") or ""):
            files += 1
        elif kind in ("text/plain", "text/html"):
            content = part.get_payload(decode=True)
            assert isinstance(content, bytes)
            text = content.decode(part.get_content_charset() or "utf-8", "replace")
            (plain if kind == "text/plain" else pages).append(text)
        else:
            files += 1
    subject = str(email.header.make_header(email.header.decode_header(message["subject"] or "")))
    return Found("\n\n".join(plain) or _text_of(pages), subject, files)


def rust(raw: bytes) -> Found:
    message = fast_mail_parser.parse_email(raw)
    text = "\n\n".join(message.text_plain) or _text_of(message.text_html)
    return Found(text, message.subject, len(message.attachments))


def _text_of(pages: list[str]) -> str:
    return "\n\n".join(markup.as_text(markup.clean_markup(page) or "") for page in pages)


READERS: dict[str, Callable[[bytes], Found]] = {
    "ours": ours,
    "compat32": compat32,
    "fast-mail-parser": rust,
}


def judged() -> Iterator[Judged]:
    """The tables of the unit tests: each row was written down by hand."""
    for name, (subject, text) in SAYS.items():
        yield Judged("the cases", written(name), text, subject, len(FILES.get(name, [])))
    for raw, text, files in TEXTS.values():
        yield Judged("which text", raw, text, None, files)
    for _, encoding, body, text in ENCODINGS:
        head = {"Content-Transfer-Encoding": encoding, "Content-Type": "text/plain; charset=utf-8"}
        yield Judged("encodings", mail(body, head), text, None, None)
    for _, value, subject in SUBJECTS:
        yield Judged("subjects", mail("x", {"Subject": value}), None, subject, None)
    for line in STRAY:
        for place in (0, 2, len(LINES)):
            raw = b"\r\n".join([*LINES[:place], line, *LINES[place:]]) + b"\r\n\r\n" + BODY
            yield Judged("stray lines", raw, MEANT[3], MEANT[1], 0)


def is_right(found: Found, one: Judged) -> bool:
    return (
        (one.text is None or found.text.split() == one.text.split())
        and (one.subject is None or found.subject.strip() == one.subject)
        and (one.files is None or found.files == one.files)
    )


def main() -> None:
    rows = list(judged())
    kinds = list(dict.fromkeys(one.kind for one in rows))
    corpus = [raw for _, raw in [*all_written(), *cpython(), *fetched()]]
    print(f"{'':<20}" + "".join(f"{name:>18}" for name in READERS))
    for kind in kinds:
        mails = [one for one in rows if one.kind == kind]
        right = [sum(_judge(read, one) for one in mails) for read in READERS.values()]
        print(f"{kind:<20}" + "".join(f"{f'{count} of {len(mails)}':>18}" for count in right))
    print(f"corpus, {len(corpus)} mails")
    measured = [_measure(read, corpus) for read in READERS.values()]
    for place, what in enumerate(("raised", "no text", "U+FFFD", "seconds", "slowest", "MiB peak")):
        print(f"{what:<20}" + "".join(f"{row[place]:>18}" for row in measured))


def _judge(read: Callable[[bytes], Found], one: Judged) -> bool:
    try:
        return is_right(read(one.raw), one)
    except Exception:  # noqa: BLE001 # a foreign reader may raise anything, which is wrong
        return False


def _measure(read: Callable[[bytes], Found], corpus: list[bytes]) -> tuple[int | str, ...]:
    raised = blank = broken = 0
    times: list[float] = []
    tracemalloc.start()
    for raw in corpus:
        begun = time.process_time()
        try:
            found = read(raw)
        except Exception:  # noqa: BLE001 # as above
            raised += 1
            continue
        finally:
            times.append(time.process_time() - begun)
        blank += not found.text.strip()
        broken += "\ufffd" in found.text + found.subject
    peak = tracemalloc.get_traced_memory()[1] / 2**20
    tracemalloc.stop()
    return raised, blank, broken, f"{sum(times):.2f}", f"{max(times):.3f}", f"{peak:.1f}"


if __name__ == "__main__":
    main()
