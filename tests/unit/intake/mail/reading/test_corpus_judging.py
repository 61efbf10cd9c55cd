"""How `make corpus` judges: what counts as right, as different on purpose, and as wrong."""

from __future__ import annotations

import pytest
import yaml

from tests.corpus.mail.expected import Expected, words_of
from tests.corpus.mail.judging import (
    Differences,
    cases,
    judged,
    lines_on_wrong,
    too_many_wrong,
    unneeded,
)
from tests.corpus.mail.sources import HERE
from tests.support.mails import attached, mail, multipart

MAIL = mail("It is\nshop.\n", {"Subject": "Help me"})
FILE = multipart(b"Content-Type: text/plain\r\n\r\nIt is shop.", attached(b"x", "a b.bin"))
PAGE = mail("<p>It is <b>shop</b>.</p>", {"Content-Type": "text/html"})
REPLY = "It is shop.\n\nOn 30 Nov 2026, at 15:36, Bob <bob@shop.example> wrote:\n> Which?"


def expected(raw: bytes = MAIL, name: str = "one", **said: object) -> Expected:
    return Expected("a corpus", name, raw, **said)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("said", "right"),
    [
        (expected(subject="Help  me"), True),
        (expected(subject="Help"), False),
        (expected(text="It is shop."), True),
        (expected(text="It is"), False),
        (expected(holds=("is shop",)), True),
        (expected(holds=("the shop",)), False),
        (expected(FILE, files=("a b.bin",)), True),
        (expected(FILE, files=("b.bin",)), False),
        (expected(PAGE, words=words_of("<p>It is <b>shop</b>.</p>")), True),
        (expected(PAGE, words=("shop", "is")), False),
        (expected(failed=frozenset()), True),
        (expected(failed=frozenset({"ann@example.net"})), False),
        (expected(REPLY.encode(), reply="It is shop."), True),
        (expected(REPLY.encode(), reply="It is"), False),
    ],
)
def test_only_white_space_makes_no_difference(said: Expected, right: bool) -> None:
    assert [case.right for case in cases(said)] == [right]


def test_a_reason_makes_it_no_error_and_line_ends_share_one() -> None:
    wrong = [expected(subject="Hello", name=name) for name in ("one", "one.crlf", "two")]
    known = Differences({("a corpus", "one subject"): "why"}, {("a corpus", "two subject"): "bad"})
    found = judged(wrong, known)["a corpus"]
    assert (found.compared, found.right, found.on_purpose["why"], len(found.wrong)) == (3, 0, 2, 1)
    assert list(lines_on_wrong({"a corpus": found}, known)) == ["wrong: a corpus: two subject: bad"]


@pytest.mark.parametrize(("wrong", "too_many"), [(0, False), (1, False), (2, True)])
def test_one_in_a_hundred_may_be_wrong(wrong: int, too_many: bool) -> None:
    given = [expected(subject="Help me")] * (100 - wrong) + [expected(subject="Hello")] * wrong
    assert too_many_wrong(judged(given, Differences({}, {}))) is too_many


def test_a_row_that_no_case_needs_is_told_unless_its_corpus_is_not_here() -> None:
    rows = {("a corpus", "one subject"): "why", ("another", "one subject"): "why"}
    assert len(unneeded([expected(subject="Help me")], Differences(rows, {}))) == 1
    assert unneeded([expected(subject="Hello")], Differences(rows, {})) == []


def test_each_reason_says_why_and_no_case_has_two() -> None:
    rows = yaml.safe_load((HERE / "differences.yaml").read_text())
    named = [
        (corpus, key)
        for entry in rows["on_purpose"].values()
        for corpus, keys in entry["cases"].items()
        for key in keys
    ] + [(corpus, key) for corpus, keys in rows["wrong"].items() for key in keys]
    assert len(named) == len(set(named))
    assert all(len(entry["why"]) > 40 for entry in rows["on_purpose"].values())
