"""Articles on disk: those that ship are in order, and what is not in order is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.knowledge import read_articles, read_changelog, read_resources
from shared.knowledge.checks import mistakes
from shared.knowledge.markup import links_of, to_html

HEAD = "slug: a-b\ntitle: About it\nsummary: What one should know of it at night.\ntopic: support\nupdated: 2026-11-01\n"


def write(folder: Path, head: str = HEAD, body: str = "word " * 130, name: str = "a-b") -> Path:
    path = folder / f"{name}.md"
    path.write_text(f"---\n{head}---\n\n{body}\n")
    return path


def test_what_ships_is_in_order() -> None:
    assert mistakes() == []
    assert len(read_articles()) >= 45
    assert read_resources()


def test_news_come_newest_first() -> None:
    entries = read_changelog()
    assert [entry.at for entry in entries] == sorted((entry.at for entry in entries), reverse=True)


@pytest.mark.parametrize(
    ("head", "said"),
    [
        (HEAD.replace("slug: a-b", "slug: other"), "its file says"),
        (HEAD.replace("topic: support", "topic: cats"), "topic"),
        (HEAD + "codes: [X99]\n", "codes.0"),
        (HEAD + "colour: blue\n", "colour"),
        ("just words\n", "no fields"),
        ("a: [\n", "no YAML"),
    ],
)
def test_a_front_matter_that_is_wrong_is_named(tmp_path: Path, head: str, said: str) -> None:
    write(tmp_path, head)
    with pytest.raises(ValueError, match=r"a-b\.md") as raised:
        read_articles(tmp_path)
    assert said in str(raised.value)


def test_a_file_without_front_matter_is_named(tmp_path: Path) -> None:
    (tmp_path / "bare.md").write_text("# Bare\n")
    with pytest.raises(ValueError, match=r"bare\.md: it does not begin with a front matter"):
        read_articles(tmp_path)


def test_checks_find_dead_links_length_and_codes(tmp_path: Path) -> None:
    write(
        tmp_path,
        HEAD + "codes: [H12]\n",
        "too short, see [this](/help/nowhere) and [that](/help/a-b) and [these](javascript:x)",
    )
    write(tmp_path, HEAD.replace("a-b", "c-d") + "codes: [H12]\n", name="c-d")
    said = [f"{mistake.file}: {mistake.text}" for mistake in mistakes(tmp_path)]

    assert any(line.startswith("a-b.md: it has") for line in said)
    assert "a-b.md: the link /help/nowhere leads nowhere" in said
    assert not any("/help/a-b leads" in line for line in said)
    assert "c-d.md: H12 is a-b.md's already" in said
    assert ": no article has the code R14 (Memory quota exceeded)" in said
    assert not any("code H12 (" in line for line in said)


@pytest.mark.parametrize(
    "hostile",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "[x](javascript:alert(1))",
        "<a href='data:text/html,x'>x</a>",
        '[x](https://e.com "onmouseover=alert(1)")',
        "<style>*{}</style>",
        "<iframe src='//e.com'></iframe>",
        "![x](https://e.com/pixel.gif)",
    ],
)
def test_nothing_in_an_article_can_run(hostile: str) -> None:
    html = to_html(hostile)
    assert not any(
        bad in html
        for bad in (
            "<script",
            "<img",
            "<style",
            "<iframe",
            'href="javascript',
            'href="data',
            "<a onmouseover",
        )
    )


def test_markdown_becomes_what_a_page_shows() -> None:
    html = to_html(
        "## Head\n\n1. [one](/help/x) `code`\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n```\nheroku ps\n```\n"
    )
    assert all(
        part in html
        for part in (
            "<h2>Head</h2>",
            "<ol>",
            'href="/help/x"',
            "<td>1</td>",
            "<pre><code>heroku ps\n</code></pre>",
        )
    )
    assert links_of("see [one](/a) and\n\n* [two](https://b.example/)") == [
        "/a",
        "https://b.example/",
    ]
