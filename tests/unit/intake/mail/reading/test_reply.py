"""A reply is trimmed only of what quotes us, in every shape that mail programs write; and no line
of it is ever lost.
"""

from __future__ import annotations

import textwrap
import time
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.intake.mail.reading.message import read_message
from services.intake.mail.reading.quoting.ours import OwnNames
from services.intake.mail.reading.quoting.reply import SplitReply, split
from tests.support.attributions import BLOCKS, LABELS, SENTENCES
from tests.support.examples import examples
from tests.support.mails import envelope, mail, multipart, written

BOT, NAME = "bot@notifications.signalbox.example", "Signalbox Support"
TICKET = "tkt_abcdefghijklmnopqrstuvwxyz"
OURS = OwnNames(addresses=("support@signalbox.example", BOT), names=(NAME,))
FOOTER = f"Signalbox · {TICKET}"
SENTENCE = f"On Mon, Nov 30, 2026 at 3:36 PM {NAME} <{BOT}> wrote:"
WIDTHS = (998, 78, 60)


def lines_of(text: str) -> Counter[str]:
    return Counter(line.rstrip() for line in text.split("\n") if line.strip())


def kept_whole(text: str, found: SplitReply) -> bool:
    """Whether every line stands in the reply or in what is folded, once."""
    return lines_of(found.reply) + lines_of(found.quoted) == lines_of(text)


def wrapped(line: str, width: int) -> str:
    return "\n".join(textwrap.wrap(line, width, break_long_words=False, break_on_hyphens=False))


@pytest.mark.parametrize("client", SENTENCES)
def test_a_sentence_with_us_above_marked_lines_ends_the_reply(client: str) -> None:
    sentence = SENTENCES[client].format(who=NAME, at=BOT)
    ways = [wrapped(sentence, width) for width in WIDTHS] + [sentence.replace("<bot", "<\nbot")]
    for way in ways:
        for gap in ("\n", "\n\n"):
            text = f"Danke, es geht.\nSeit 14:05.\n\n{way}{gap}> Which app is it?\n>\n> Ada"
            found = split(text, OURS)
            assert found.reply == "Danke, es geht.\nSeit 14:05.", way
            assert found.quoted.startswith(way) and kept_whole(text, found)


@pytest.mark.parametrize("client", SENTENCES)
def test_the_same_sentence_with_somebody_else_ends_nothing(client: str) -> None:
    sentence = SENTENCES[client].format(who="Bob Brown", at="bob@shop.example")
    text = f"See what Bob found:\n\n{sentence}\n\n> it is H12 since 14:05"
    assert split(text, OURS) == SplitReply(text, "")


@pytest.mark.parametrize("client", BLOCKS)
def test_a_block_from_us_ends_the_reply(client: str) -> None:
    for language, labels in LABELS.items():
        block = BLOCKS[client].format(*labels, who=NAME, at=BOT, rule="_" * 32)
        text = f"Danke, es geht.\n\n{block}\n\nWhich app is it?\n\nAda"
        found = split(text, OURS)
        assert found.reply == "Danke, es geht." and kept_whole(text, found), language
        assert found.quoted.startswith(block)


@pytest.mark.parametrize("client", [name for name in BLOCKS if name != "inotes"])
def test_a_block_to_us_from_somebody_else_ends_nothing(client: str) -> None:
    block = BLOCKS[client].format(*LABELS["en"], who="Bob", at="bob@shop.example", rule="_" * 32)
    text = f"Bob sent this:\n\n{block.replace('Pia', f'{NAME} <{BOT}>')}\n\nIt is H12."
    assert split(text, OURS) == SplitReply(text, "")


KEPT = {
    "a log with a prompt": "It says:\n\n> select 1;\n> ERROR: down\n\nWhat now?",
    "a log at the end": "It says:\n\n> select 1;\n> ERROR: down",
    "a log that names our address": f"The log:\n> 550 5.1.1 <{BOT}> rejected\n> relay closed",
    "a sentence of the customer": "I wrote to support@signalbox.example at 14:05 and got:\n> Error",
    "a diff": "We changed:\n\n--- a/Procfile\n+++ b/Procfile\n> old\n< new",
    "a list of headers": (
        "Rejected:\n\nFrom: shop@x.example\nTo: a@b.example\nDate: 30 Nov\nSubject: x\n\n550"
    ),
    "a colleague's forwarded mail": (
        "---------- Forwarded message ---------\nFrom: m@x.example\nDate: 30\nSubject: H12\n"
        "To: e\n\nH12 since 14:05"
    ),
    "nothing but a quotation": f"{SENTENCE}\n> Which app is it?",
    "answers between": f"{SENTENCE}\n> Which app?\n\nshop\n\n> Since when?\n\nMonday.",
    "a one-word answer between": (
        f"{SENTENCE}\n> Is it the app that we talked about on Monday morning?\nyes\n"
        "> And since when is it down?\nMonday"
    ),
    "answers between, and an opening": (
        f"Answers below.\n\n{SENTENCE}\n> Which app?\nshop\n> Since when?\nMonday."
    ),
}


@pytest.mark.parametrize("text", KEPT.values(), ids=KEPT)
def test_what_does_not_quote_us_or_is_answered_is_kept(text: str) -> None:
    assert split(text, OURS) == SplitReply(text, "")


TRIMMED: dict[str, tuple[str, str]] = {
    "a log above our mail": (
        f"It says:\n\n> select 1;\n> ERROR\n\n{SENTENCE}\n\n> Which app?",
        "It says:\n\n> select 1;\n> ERROR",
    ),
    "a log below our whole mail": (
        f"{SENTENCE}\n> Which app?\n>\n> {FOOTER}\n\nshop. It says:\n\n> select 1;\n> ERROR",
        "shop. It says:\n\n> select 1;\n> ERROR",
    ),
    "below": (f"{SENTENCE}\n> Which app?\n\nIt is shop.", "It is shop."),
    "a signature below": (
        f"It is shop.\n\n{SENTENCE}\n> Which app?\n\n-- \nAnn",
        "It is shop.\n\n-- \nAnn",
    ),
    "a company's footer below": (
        f"It is shop.\n\n{SENTENCE}\n> Which app?\n\nThis e-mail is confidential.",
        "It is shop.\n\nThis e-mail is confidential.",
    ),
    "iOS": (
        "It is shop.\n\nSent from my iPhone\n\n"
        f"> On 30 Nov 2026, at 15:36, {NAME} <{BOT}> wrote:\n> \n> Which app?",
        "It is shop.\n\nSent from my iPhone",
    ),
    "no sentence, but our last line": (
        f"It is shop.\n\n> Which app?\n>\n> {FOOTER}",
        "It is shop.",
    ),
    "our reply address": (
        f"shop\n\nOn Mon, 30 Nov 2026 at 15:36, S <support+{TICKET}.ab-c@signalbox.example> "
        "wrote:\n> Which",
        "shop",
    ),
    "a colleague's mail with ours in it": (
        "Bob says:\n\nOn Mon, 30 Nov 2026, Bob <b@x.example> wrote:\n> it is H12\n>\n"
        f"> {SENTENCE}\n>> Which app?",
        "Bob says:\n\nOn Mon, 30 Nov 2026, Bob <b@x.example> wrote:\n> it is H12\n>",
    ),
    "answers between, and the rest of our mail": (
        f"{SENTENCE}\n> Which app?\nshop\n> Since when?\nMonday\n> Ada\n> {FOOTER}",
        f"{SENTENCE}\n> Which app?\nshop\n> Since when?\nMonday",
    ),
    "no marks": (f"shop\n\n{SENTENCE}\n\nWhich app?\n\n{FOOTER}", "shop"),
    "an answer that ends right above": (
        f"shop\nThanks {NAME}\n{SENTENCE}\n> Which",
        f"shop\nThanks {NAME}",
    ),
    "our name between dashes": (f"shop\n\n---- {NAME} wrote ----\n\n> Which app?", "shop"),
    "a dated sentence between dashes, no marks": (
        f"shop\n\n-----On 11/30/2026 15:36, {NAME} wrote-----\n\nWhich app?",
        "shop",
    ),
    "the writer's words on the sentence's line": (
        f"It is shop.\nSince Monday - yes--- {SENTENCE}\n> Which app?",
        f"It is shop.\nSince Monday - yes--- {SENTENCE}",
    ),
    "nothing but such a line": (f"It is shop {SENTENCE}\n> Which?", f"It is shop {SENTENCE}"),
    "words and a sentence in German": (
        f"Danke.\nshop. Am Montag, 30. November 2026 schrieb {NAME} <{BOT}>:\n> Welche App?",
        f"Danke.\nshop. Am Montag, 30. November 2026 schrieb {NAME} <{BOT}>:",
    ),
    "indented first line": (f"    web.1: up\n\n{SENTENCE}\n> Which", "    web.1: up"),
}


@pytest.mark.parametrize("name", TRIMMED)
def test_what_quotes_us_is_folded(name: str) -> None:
    text, reply = TRIMMED[name]
    found = split(text, OURS)
    assert found.reply == reply and found.quoted and kept_whole(text, found)


PAGES = {
    "outlook": (
        '<p>shop</p><div id="appendonsend"></div><hr><div id="divRplyFwdMsg" dir="ltr"><font>'
        "<b>Zxx:</b> {who} &lt;{at}&gt;<br><b>Qxx:</b> Monday<br></font></div>"
        "<div>Which app?</div>"
    ),
    "yahoo": (
        '<div>shop</div><div id="ydp1yahoo_quoted_1" class="ydp1yahoo_quoted">'
        "<div>{who}, Monday</div><div>Which app?</div></div>"
    ),
    "gmail": (
        '<div>shop</div><br><div class="gmail_quote"><div dir="ltr" class="gmail_attr">zz 2026, '
        '{who} &lt;<a href="mailto:{at}">{at}</a>&gt; zz:<br></div>'
        '<blockquote class="gmail_quote">Which app?</blockquote></div>'
    ),
    "gmx": (
        '<div>shop</div><div name="quote" style="margin:10px"><div><b>Gesendet:</b> Montag<br>'
        "<b>Von:</b> {who} &lt;{at}&gt;<br><b>An:</b> Pia</div><div>Which app?</div></div>"
    ),
    "thunderbird": (
        '<p>shop</p><div class="moz-cite-prefix">zz 30.11.26 15:36, {who}:<br></div>'
        '<blockquote type="cite">Which app?</blockquote>'
    ),
}


@pytest.mark.parametrize("client", PAGES)
def test_the_marks_of_html_count(client: str) -> None:
    page = PAGES[client].format(who=NAME, at=BOT).encode()
    raw = mail(page, {"Content-Type": "text/html; charset=utf-8"})
    reading = read_message(raw, envelope(), OURS)
    assert (reading.reply, "Which app?" in reading.quoted) == ("shop", True)


def test_the_marks_of_html_count_for_the_plain_text_beside_it() -> None:
    page = PAGES["yahoo"].format(who=NAME, at=BOT).encode()
    raw = multipart(
        f"Content-Type: text/plain\r\n\r\nshop\r\n\r\n{NAME}, Monday\r\nWhich app?\r\n".encode(),
        b"Content-Type: text/html\r\n\r\n" + page,
        subtype="alternative",
    )
    reading = read_message(raw, envelope(), OURS)
    assert (reading.reply, reading.quoted) == ("shop", f"{NAME}, Monday\nWhich app?")


def test_the_mail_of_case_13() -> None:
    reading = read_message(written("case-13-gmail-ru-wrapped"), envelope(), OURS)
    assert reading.reply == "Спасибо, работает."
    assert reading.quoted.endswith("> Which app is it?")


def test_an_address_that_the_mail_came_to_is_ours() -> None:
    text = "ja\n\nAm Mo., 30. Nov. 2026 schrieb X <support@signalbox.example>:\n> Which"
    assert read_message(mail(text), envelope()).reply == "ja"


OWN = st.sampled_from(
    [
        "It is shop-production.",
        "Seit 14:05 UTC, siehe unten:",
        "> select 1;",
        "> ERROR: connection refused",
        "$ heroku ps",
        "    web.1: up",
        "",
        "2026-11-30T15:36:00Z heroku[router]: at=error code=H12",
        "From: shop@x.example",
        "To: a@b.example",
        "Subject: Order 55",
        "-----",
        "-- ",
        "Grüße, Pia",
        "再起動しました。",
        "On Monday I restarted it:",
        "---------- Forwarded message ---------",
        "Bob <bob@x.example> wrote:",
    ]
)
QUOTE = st.lists(st.sampled_from(["Which app is it?", "", "Since when?", "Ada"]), min_size=1)


def said(lines: list[str]) -> str:
    return "\n".join(["Hello.", *lines, "Bye."])


@settings(max_examples=examples(100), deadline=None)
@given(
    st.lists(OWN, max_size=12), QUOTE, st.sampled_from(sorted(SENTENCES)), st.sampled_from(WIDTHS)
)
def test_whatever_is_written_above_a_marked_quotation_stays(
    own: list[str], quote: list[str], client: str, width: int
) -> None:
    sentence = wrapped(SENTENCES[client].format(who=NAME, at=BOT), width)
    marked = "\n".join(f"> {line}".rstrip() for line in quote)
    text = f"{said(own)}\n\n{sentence}\n\n{marked}\n> {FOOTER}"
    found = split(text, OURS)
    assert lines_of(found.reply) == lines_of(said(own)) and kept_whole(text, found)


@settings(max_examples=examples(100), deadline=None)
@given(
    st.lists(OWN, max_size=12),
    QUOTE,
    st.sampled_from(sorted(LABELS)),
    st.sampled_from(sorted(BLOCKS)),
)
def test_whatever_is_written_above_a_block_stays(
    own: list[str], quote: list[str], language: str, client: str
) -> None:
    block = BLOCKS[client].format(*LABELS[language], who=NAME, at=BOT, rule="_" * 32)
    text = f"{said(own)}\n\n{block}\n\n" + "\n".join(quote) + f"\n{FOOTER}"
    found = split(text, OURS)
    assert lines_of(found.reply) == lines_of(said(own)) and kept_whole(text, found)


ANY = st.one_of(
    OWN,
    st.sampled_from([SENTENCE, f"> {SENTENCE}", f"From: {NAME} <{BOT}>", FOOTER, f"> {FOOTER}"]),
    st.sampled_from(["> > x", ">", "________________________________", f"<{BOT}> wrote:"]),
    st.text(alphabet="> a:@<\u00a0\t", max_size=8),
)


@settings(max_examples=examples(200), deadline=None)
@given(st.lists(ANY, max_size=16).map("\n".join))
def test_no_line_is_ever_lost(text: str) -> None:
    found = split(text, OURS)
    assert kept_whole(text, found)
    assert bool(found.reply.strip()) == bool(text.strip())


SLOW = {
    "our address on every line": f"{NAME} <{BOT}> 2026 wrote:\n" * 9000,
    "blocks from us": f"From: <{BOT}>\n" * 15_000,
    "deep marks": (">" * 40 + f" {BOT}\n") * 5000,
    "one mark and one not": f"> a\n{BOT}\n" * 9000,
    "footers": f"> {FOOTER}\nx\n" * 6000,
    "blank lines": f"{BOT}" + "\n" * 19_000,
    "long lines": (f"{BOT} " * 2000 + "wrote:\n") * 8,
    "verbs": f"{BOT} " + "wrote " * 80_000 + ":\n> x",
}


@pytest.mark.parametrize("text", SLOW.values(), ids=SLOW)
def test_hostile_text_takes_no_time(text: str) -> None:
    begun = time.process_time()
    assert kept_whole(text, split(text, OURS, heads=(BOT, "From: x", NAME)))
    assert time.process_time() - begun < 2
