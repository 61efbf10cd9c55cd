"""What people write, as HTML: what it becomes, what never survives, what it costs."""

from __future__ import annotations

import re
import time
from html.parser import HTMLParser
from urllib.parse import urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.markup import RenderTarget, message_html
from shared.markup.blocks import parts_of
from shared.markup.code import SHOWN
from shared.markup.links import link_addresses
from shared.markup.prose import MOST_MARKS, MOST_READ
from tests.support.examples import examples
from tests.support.naughty import NAUGHTY
from tests.support.waiting import stretched

TAGS = frozenset(
    re.findall(
        r"\w+",
        "a blockquote br code del details div em hr li ol p pre s strong summary"
        " table tbody td th thead tr ul",
    )
)
ATTRIBUTES = {
    "href",
    "title",
    "rel",
    "dir",
    "class",
    "start",
    "style",
    "align",
    "tabindex",
    "role",
    "aria-label",
}


class Seen(HTMLParser):
    """The elements, attributes, and words of a piece of HTML, as a browser reads it."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str]] = []
        self.words = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_data(self, data: str) -> None:
        self.words += data


def check_harmless(html: str, *, is_mail: bool = False) -> None:
    seen = Seen(html)
    assert seen.tags <= TAGS
    assert {name for name, _ in seen.attributes} <= ATTRIBUTES
    for name, value in seen.attributes:
        if name == "href":
            assert urlsplit(value).scheme in ("http", "https", "mailto"), value
        if name == "style":
            assert is_mail and "url(" not in value and "\\" not in value
        if name == "align":
            assert value in ("left", "center", "right")
        if name == "class":
            assert value in ("as-typed", "heading", "wide", "fold")


@pytest.mark.parametrize("shape", RenderTarget)
@pytest.mark.parametrize("is_plain", [True, False])
@pytest.mark.parametrize("text", NAUGHTY)
def test_nothing_naughty_survives(text: str, is_plain: bool, shape: RenderTarget) -> None:
    for around in (
        "{}",
        "[x]({})",
        "![x]({})",
        "<{}>",
        "- {}",
        "```{}\n```",
        "> {}",
        "`{}`",
        "[a]: {}\n[a]",
    ):
        check_harmless(
            message_html(around.replace("{}", text), is_plain=is_plain, shape=shape),
            is_mail=shape is RenderTarget.MAIL,
        )


PIECES = st.sampled_from(
    [
        *"*_`~<>[]()\\|!#&\"'\n\n\n -+=:;",
        *(
            "](",
            "![",
            "```\n",
            "~~~",
            "| - |",
            "\n\n",
            "    ",
            "\t",
            "\n> ",
            "\n- ",
            "\n1. ",
            "<!--",
            "-->",
        ),
        *(
            "javascript:",
            "data:text/html,",
            "//evil.example",
            "https://evil.example/x.png",
            "vbscript:",
        ),
        *(
            "<script>",
            "</pre>",
            "</code>",
            "onload=",
            "style=",
            "&#x6a;",
            "&Tab;",
            "\x00",
            "\u202e",
        ),
        *("mailto:a@b.example", "2026-11-30T10:00:00Z INFO x\n", "\x1b[31m", "é", "故障", "שלום"),
    ]
) | st.text(max_size=8)


@given(st.lists(PIECES, max_size=60).map("".join), st.booleans(), st.sampled_from(RenderTarget))
@settings(max_examples=examples(400), deadline=None)
def test_no_text_becomes_a_script_or_fetches_anything(
    text: str, is_plain: bool, shape: RenderTarget
) -> None:
    check_harmless(
        message_html(text, is_plain=is_plain, shape=shape), is_mail=shape is RenderTarget.MAIL
    )


@given(st.lists(PIECES.filter(lambda piece: "\x1b" not in piece), max_size=40).map("".join))
@settings(max_examples=examples(200), deadline=None)
def test_no_word_of_a_plain_text_is_lost(text: str) -> None:
    for left_out in ("\x00", "\r", "[", "\x9b"):  # \x9b begins a colour code, as \x1b does
        text = text.replace(left_out, "")
    fenceless = text.replace("`", "").replace("~", "")
    assert Seen(message_html(fenceless, is_plain=True)).words.split() == fenceless.split()


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("**now**", '<p dir="auto"><strong>now</strong></p>'),
        ("one `a_b` two", '<p dir="auto">one <code>a_b</code> two</p>'),
        ("first\n*second*", '<p dir="auto">first<br />\n<em>second</em></p>'),
        ("# Steps", '<p class="heading" dir="auto"><strong>Steps</strong></p>'),
        ("DATABASE_URL and MY_VAR", '<p class="as-typed" dir="auto">DATABASE_URL and MY_VAR</p>'),
        ("&lt;b&gt; `x`", '<p dir="auto">&amp;lt;b&amp;gt; <code>x</code></p>'),
        ("words\n-----", '<p dir="auto">words</p>\n<hr />'),
        ("- a\n- b", '<ul dir="auto">\n<li>a</li>\n<li>b</li>\n</ul>'),
        ("[x](javascript:alert(1))", '<p dir="auto">[x](javascript:alert(1))</p>'),
        ("<b>x</b> `y`", '<p dir="auto">&lt;b&gt;x&lt;/b&gt; <code>y</code></p>'),
    ],
)
def test_markdown(text: str, html: str) -> None:
    assert message_html(text).strip() == html


def test_a_table_has_no_styles_of_its_own() -> None:
    html = message_html("| a | b |\n|---|--:|\n| 1 | 2 |")
    assert '<td align="right">2</td>' in html
    check_harmless(html)


def test_a_picture_is_a_link_to_it() -> None:
    html = message_html("![the plan](https://evil.example/x.png)")
    assert "<img" not in html
    assert 'href="https://evil.example/x.png"' in html and ">the plan</a>" in html


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("see https://x.example/a_(b).", "https://x.example/a_(b)"),
        ("(https://x.example/a)", "https://x.example/a"),
        ("请看https://x.example/路径。然后", "https://x.example/路径"),
        ("https://x.example/?a=1&b=2, then", "https://x.example/?a=1&amp;b=2"),
        ("**https://x.example**", "https://x.example"),
    ],
)
def test_addresses_are_links(text: str, url: str) -> None:
    link = f'<a href="{url}" rel="nofollow noopener noreferrer">{url}</a>'
    assert link in link_addresses(text)


def test_mail_means_what_it_says() -> None:
    html = message_html("# not a heading\n*a* * b", is_plain=True)
    assert html.strip() == '<p class="as-typed" dir="auto"># not a heading\n*a* * b</p>'


LOGS = [
    "2026-11-30T14:02:11.123Z heroku[router]: at=error code=H12 desc=x",
    'Nov 30 14:02:11 web-1 nginx: "GET / HTTP/1.1" 502',
    '10.1.2.3 - - [30/Nov/2026:14:02:11 +0000] "GET /" 200',
    "    at Object.run (/app/index.js:10:3)",
    "ERROR: relation users does not exist",
    '{"level":"error","msg":"x"}',
    "at=info method=GET path=/ status=200",
]


@pytest.mark.parametrize("line", LOGS)
@pytest.mark.parametrize("is_plain", [True, False])
def test_a_pasted_log_is_shown_as_one(line: str, is_plain: bool) -> None:
    text = f"We see this:\n{line}\n{line}\n{line}\nWhat is it?"
    assert [part.kind for part in parts_of(text)] == ["prose", "log", "prose"]
    assert "<pre" in message_html(text, is_plain=is_plain)


@pytest.mark.parametrize(
    "text",
    [
        "At 14:02:11 it broke.\nThen we waited.\nThen it worked.",
        "Hello\nthere\nfriends\nof mine",
        "2026-11-30T14:02 was the time.\nNothing else.",
        "info: see below\n  indented words\n  more words",
        "a=1\nb=2\nc=3",
    ],
)
def test_words_are_no_log(text: str) -> None:
    assert [part.kind for part in parts_of(text)] == ["prose"]


def test_a_traceback_goes_to_its_end() -> None:
    trace = (
        'Traceback (most recent call last):\n  File "/app/a.py", line 1, in f\n    g()\n'
        '  File "/app/b.py", line 2, in g\n    h()\nValueError: no\n'
    )
    (part, rest) = parts_of(f"{trace}\nWhy?")
    assert (part.kind, part.text.splitlines()[-1]) == ("log", "ValueError: no")
    assert rest.text.strip() == "Why?"


def test_a_fence_keeps_everything_in_it() -> None:
    text = "Try\n  ```js\n  let x = '*a*';\n\n  # no heading\n  ```\nplease"
    assert [tuple(part) for part in parts_of(text)] == [
        ("prose", "Try"),
        ("code", "let x = '*a*';\n\n# no heading"),
        ("prose", "please"),
    ]
    assert [tuple(part) for part in parts_of("```\nopen")] == [("code", "open")]
    assert [tuple(part) for part in parts_of("````\n```\n````")] == [("code", "```")]


def test_a_long_log_folds_and_says_how_long_it_is() -> None:
    log = "\n".join(f"2026-11-30T14:02:{n % 60:02}Z line{n} <x>" for n in range(300))
    html = message_html(log)
    assert "<summary>270 more lines of 300</summary>" in html
    shown, folded = html.split("<summary>")
    assert f"line{SHOWN - 1} " in shown and f"line{SHOWN} " not in shown and "line299 " in folded
    mail = message_html(log, shape=RenderTarget.MAIL)
    assert "270 more lines of 300" in mail and "<details" not in mail and "line31 " not in mail


def test_each_paragraph_has_its_own_direction() -> None:
    html = message_html("שלום *לכם* UTC/H10\n\nHello\n\n- שלום")
    assert html.count('dir="auto"') == 3
    assert '<pre dir="ltr"' in message_html("```\nשלום\n```")


def test_mail_carries_its_styles() -> None:
    html = message_html("a *b*\n\n> c\n\n```\nd\n```\n\nplain", shape=RenderTarget.MAIL)
    assert (
        html.count('<p style="') == 3 and '<pre style="' in html and '<blockquote style="' in html
    )
    assert 'white-space:pre-wrap"' in html and "class=" not in html


HOSTILE = {
    "brackets": "[" * 50_000,
    "pictures": "![" * 30_000,
    "links": "[a](" * 20_000,
    "emphasis": "*a **b " * 10_000,
    "just under": "*a" * (MOST_MARKS // 1 - 1),
    "links just under": "[a](" * (MOST_MARKS // 2 - 1),
    "quotes": ">" * 50_000,
    "nested quotes": "> " * 25_000 + "a",
    "lists": "- " * 40_000,
    "deep list": "".join("  " * n + "- a\n" for n in range(300)),
    "list lines": "* a\n" * 20_000,
    "tables": ("|a|b\n|-|-\n" + "|1|2\n" * 30) * 500,
    "wide table": "|" * 9_000 + "\n" + "|-" * 9_000,
    "references": "[a]: https://x.example\n" * 4_000 + "[a] " * 4_000,
    "ticks": "`" * 40_000 + "``` ` " * 5_000,
    "fences": "```\n" * 20_000,
    "entities": "&#x41;" * 15_000,
    "addresses": "https://a" * 10_000,
    "address of brackets": "https://" + "(" * 50_000 + ")" * 50_000,
    "escapes": "\\*" * 40_000,
    "blank lines": "\n \n" * 40_000,
    "spaces": " " * 100_000 + "x",
    "almost a log": "at=info a=" * 10_000,
    "log of 100 kB": "2026-11-30T14:02:11Z app[web.1]: at=info path=/ status=200\n" * 1_700,
    "read whole": ("Some *text* with `code`.\n\n" * 999)[: MOST_READ - 1],
}


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("is_plain", [True, False])
def test_no_text_holds_a_process(name: str, is_plain: bool) -> None:
    message_html("*warm* up")
    started = time.process_time()
    check_harmless(message_html(HOSTILE[name], is_plain=is_plain)[:20_000].rpartition("<")[0])
    assert time.process_time() - started < stretched(0.4)
