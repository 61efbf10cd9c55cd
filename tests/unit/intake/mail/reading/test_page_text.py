"""HTML of a mail as text that means the same."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.intake.mail.reading.message import read_message
from services.intake.mail.reading.text.page_text import as_text
from tests.support.examples import examples
from tests.support.mails import envelope, mail, written

MEANS = {
    "indentation by &nbsp;": (
        "<div>ps:</div><div>&nbsp;&nbsp;web.1: up</div><div>&nbsp;&nbsp;&nbsp;&nbsp;mem: 5</div>",
        "ps:\n  web.1: up\n    mem: 5",
    ),
    "spaces of HTML are one": ("<p>a \n  b</p>", "a b"),
    "pre": ("<pre>a\n  b\n\tc</pre>", "a\n  b\n\tc"),
    "white-space": ('<p style="white-space: pre-wrap">a   b\n  c</p>', "a   b\n  c"),
    "white-space: pre-line": ('<p style="white-space:pre-line">a   b\nc</p>', "a b\nc"),
    "code": ("<p>run <code>heroku ps</code></p>", "run heroku ps"),
    "textarea": (
        "<p>I get this:</p><textarea>Error H12\n  at 3pm</textarea>",
        "I get this:\n\nError H12\n  at 3pm",
    ),
    "the value of a field": ('App: <input value="shop-production"> !', "App: shop-production !"),
    "boxes": (
        '<input type=checkbox checked> web<br><input type="radio"> worker',
        "[x] web\n[ ] worker",
    ),
    "a password is nobody's": ('a <input type="password" value="hunter2">', "a"),
    "hidden fields": ('a <input type="hidden" value="token">', "a"),
    "struck out": (
        "<s>H10</s> <del>H11</del> <strike>H13</strike> "
        '<span style="color:red;text-decoration: line-through">H14</span> H12',
        "~~H10~~ ~~H11~~ ~~H13~~ ~~H14~~ H12",
    ),
    "numbers of a list": (
        '<ol start="3"><li>a</li><li><p>b</p></li><li value="9">c</li><li>d</li></ol>',
        "3. a\n4. b\n\n9. c\n10. d",
    ),
    "lists in lists": (
        "<ul><li>a<ol><li>b</li><li>c</li></ol></li><li>d</li></ul>",
        "* a\n  1. b\n  2. c\n* d",
    ),
    "rows": (
        "<table><tr><th>Dyno</th><th>Mem</th></tr><tr><td><p>web.1</p></td><td>512</td></tr>"
        "<tr><td>a</td><td></td><td>c</td></tr></table>",
        "Dyno | Mem\nweb.1 | 512\na |  | c",
    ),
    "tables that only place things": (
        "<table><tr><td><table><tr><td>Hello</td></tr></table><p>x</p><p>y</p></td></tr></table>",
        "Hello\n\nx\n\ny",
    ),
    "pictures": (
        '<img alt="The log"> <img alt="😀" src="cid:x"> <img src="cid:shot"> '
        '<img src="https://t.example/pixel.gif" width=1>.',
        "[The log] 😀 [image] .",
    ),
    "links": (
        '<a href="https://x.example/a">here</a> <a href="https://x.example/">x.example</a> '
        '<a href="mailto:a@b.example">Ann</a> <a href="mailto:a@b.example">a@b.example</a> '
        '<a href="javascript:alert(1)">no</a>',
        "here <https://x.example/a> x.example Ann <a@b.example> a@b.example no",
    ),
    "lines": ("a<br>b<hr>c", "a\nb\n--------------------\nc"),
    "headings": ("<h1>Down</h1>since noon", "Down\n\nsince noon"),
    "quotations": (
        "a<blockquote>b<blockquote>c</blockquote></blockquote>d",
        "a\n\n> b\n>\n> > c\n>\nd",
    ),
    "raised": ("10<sup>6</sup> on the 1<sup>st</sup>", "10^6 on the 1st"),
    "a preheader": ('<div style="display:none">See inside</div><p>H12</p>', "H12"),
    "a flat preheader": (
        '<span style="max-height:0px;overflow:hidden">See inside</span><p>H12</p>',
        "H12",
    ),
    "what is hidden ends where it ends": (
        "<div hidden><p>a<div>b</div>c<br><img></div><p>H12 <b>now</b></p>",
        "H12 now",
    ),
    "all is hidden": ("<div style='DISPLAY : none'>H12 since noon</div>", "H12 since noon"),
    "not shown": ("<title>t</title><style>p{}</style><script>x()</script><p>H12</p>", "H12"),
    "colours of a terminal": (
        "<pre>code=\x1b[31mH12\x1b[0m</pre><p>&#27;[1mx</p>",
        "code=H12\n\nx",
    ),
    "right to left": ('<p dir="rtl">השרת נפל H12</p>', "השרת נפל H12"),
    "entities": ("<p>a &lt;b&gt; &amp;amp; &quot;c&quot;</p>", 'a <b> &amp; "c"'),
    "a long line": (f"<p>{'x' * 20_000}</p>", "x" * 20_000),
}


@pytest.mark.parametrize("name", MEANS)
def test_the_text_means_what_the_page_says(name: str) -> None:
    page, text = MEANS[name]
    assert as_text(page) == text


CASES = {
    "case-15-html-nbsp-indent": "ps:\n  web.1: up\n    mem: 5",
    "case-15c-html-textarea": "I get this:\n\nError H12 at 3pm",
    "case-17-ansi-log": 'heroku[router]: at=error code=H12 desc="Request timeout"',
}


@pytest.mark.parametrize("name", CASES)
def test_the_mails_of_the_cases(name: str) -> None:
    assert read_message(written(name), envelope()).text == CASES[name]


WORDS = st.sampled_from(["H12", "web.1", "  two", "a b", "Störung", "服务器", "x < y", "&nbsp;"])
BLOCK = st.sampled_from(
    ["p", "div", "pre", "li", "ul", "ol", "td", "tr", "table", "blockquote", "h1"]
)
INLINE = st.sampled_from(
    ["b", "s", "code", "a", "span", "q", "sup", "font", "textarea", "unknown-tag"]
)
AROUND = st.one_of(BLOCK, INLINE)
TREES = st.recursive(
    WORDS,
    lambda inner: st.tuples(AROUND, st.lists(inner, max_size=4)).map(
        lambda made: f"<{made[0]}>{''.join(made[1])}</{made[0]}>"
    ),
    max_leaves=20,
)


@settings(max_examples=examples(100), deadline=None)
@given(st.lists(TREES, max_size=5).map("".join))
def test_no_word_of_a_page_is_lost(page: str) -> None:
    text = as_text(page)
    for word in ("H12", "web.1", "two", "Störung", "服务器"):
        assert text.count(word) == page.count(word)


def flood(piece: str, *, end: str = "") -> str:
    count = 500_000 // (len(piece) + len(end))
    return piece * count + "x" + end * count


SLOW = {
    "too deep, then spaces": "<div>" * 5001 + " " * 480_000 + "x",
    "divs": flood("<div>"),
    "closed divs": flood("<div>", end="</div>"),
    "tables": "<table><tr><td>" * 4000 + "x" + "</td></tr></table>" * 4000,
    "cells": "<table><tr>" + flood("<td>x"),
    "list items": flood("<li>x"),
    "lists": "<ol><li>" * 4000 + "x",
    "struck": "<s>" * 4900 + "x",
    "less-than": flood("<"),
    "attributes": "<a " + flood('x="y" ') + ">q",
    "pictures": flood('<img alt="x">'),
    "styles": '<p style="' + flood("display:") + '">x',
    "quotations": "<blockquote>x" * 4900,
    "hidden": "<p hidden>" * 40_000 + "x",
    "marks of quotations": flood('<div class="gmail_quote">a</div>'),
    "links": flood('<a href="http://x">y</a>'),
}


@pytest.mark.costly
@pytest.mark.parametrize("page", SLOW.values(), ids=SLOW)
def test_hostile_pages_take_no_time(page: str) -> None:
    begun = time.process_time()
    read_message(mail(page, {"Content-Type": "text/html; charset=utf-8"}), envelope())
    assert time.process_time() - begun < 2
