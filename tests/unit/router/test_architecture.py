"""Architecture questions: recognised by what they ask, are about and plan; never where something is
broken now. The texts: `tests/corpus/architecture`.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.router.team.architecture import likeness_of
from services.router.team.planning import ADVICE, CAPACITY, DESIGN, HOW_TO, PLANNING, TELLING
from services.router.team.rules import route
from shared.events import Kind, Priority
from tests.support.architecture_corpus import Text, false, is_suggested, missed, texts
from tests.support.routing_corpus import cases
from tests.unit.router.building import open_ticket, policy

TEXTS = texts()
QUESTIONS = [each for each in TEXTS if each.wanted]
REPORTS = (
    "Since 10:00 UTC every request fails with H12.",
    "The site is down, please help.",
    "We get R14 on all workers right now.",
    "Our app has been unreachable since this morning.",
    "After the deploy the dynos do not start any more.",
    "PG::ConnectionBad: FATAL: too many connections for role",
    "Users see error pages at the moment.",
    "I'm assuming the site is down for everybody.",
    "Suddenly the queue does not shrink.",
)


@pytest.mark.parametrize(("unseen", "least"), [(False, 0.95), (True, 0.85)])
def test_most_questions_are_recognised_and_nothing_else_is(unseen: bool, least: float) -> None:
    half = [each for each in TEXTS if each.unseen is unseen]
    asked = sum(each.wanted for each in half)
    assert asked >= 30 and len(half) - asked >= 30
    assert (asked - len(missed(half))) / asked >= least, missed(half)
    assert false(half) == []


@pytest.mark.parametrize("kind", [Kind.PROBLEM, Kind.QUESTION])
def test_what_kind_it_was_sent_as_makes_no_difference(kind: Kind) -> None:
    assert missed(texts(kind=kind)) == missed(TEXTS)


def test_the_kind_that_was_chosen_needs_no_suggestion() -> None:
    ways = [route(each.ticket, policy()) for each in texts(kind=Kind.ARCHITECTURE) if each.wanted]
    assert all(way.queue == "csa" or way.moved for way in ways)
    assert sum(way.queue == "csa" for way in ways) >= 0.95 * len(ways)
    assert not any(way.queue_suggestion for way in ways)


@pytest.mark.parametrize("who", ["free", "premium"])
def test_plans_without_architects_get_no_suggestion(who: str) -> None:
    assert not any(is_suggested(route(each.ticket, policy())) for each in texts(who))


@pytest.mark.parametrize("who", ["enterprise", "legacy", "premier"])
def test_plans_with_architects_get_it(who: str) -> None:
    assert missed(texts(who)) == missed(TEXTS)


def test_a_suggestion_moves_nothing() -> None:
    for each in QUESTIONS:
        way = route(each.ticket, policy())
        assert (way.queue, way.provider, way.moved) == ("platform", None, "")
        assert way.queue_suggestion is None or way.queue_suggestion.because


@given(st.sampled_from(QUESTIONS), st.sampled_from(REPORTS), st.booleans())
def test_a_question_that_also_reports_trouble_is_never_for_the_architects(
    question: Text, report: str, is_first: bool
) -> None:
    asked = question.ticket.body
    body = f"{report} {asked}" if is_first else f"{asked} {report}"
    ticket = question.ticket.model_copy(update={"body": body})
    assert not is_suggested(route(ticket, policy())), (question.name, report)


@given(st.sampled_from(QUESTIONS))
def test_nor_is_what_was_sent_as_urgent(question: Text) -> None:
    ticket = question.ticket.model_copy(update={"priority": Priority.URGENT})
    assert not is_suggested(route(ticket, policy()))


def test_none_of_the_labelled_problems_is_for_the_architects() -> None:
    """The tickets of `tests/corpus/routing` that belong to a provider or to support."""
    suggested = [
        each.name
        for each in cases()
        if each.belongs != "csa"
        and each.ticket.kind is Kind.PROBLEM
        and is_suggested(
            route(
                open_ticket(subject=each.ticket.subject, body=each.ticket.body, app=None), policy()
            )
        )
    ]
    assert suggested in ([], ["second/48: Region of add-ons"])


FEARED = (
    "Last year the site was down for ten minutes during the sale. We expect twice the traffic this "
    "November: how should we scale?",
    "How do we avoid timeouts when the campaign starts next week? We plan for 2,000 requests a second.",
    "What happens if a region is down? We would like a warm standby and think of a follower in the EU.",
    "Assuming our hosting fails one day: how quickly is the failover to another region? Should DNS or the "
    "CDN decide?",
    "In the event of an outage of one region, which failover do you recommend?",
    "A region were to fail in May: how large must the standby be, and which failover do you recommend?",
)


@pytest.mark.parametrize("body", FEARED)
def test_trouble_that_is_only_feared_or_long_past_is_none(body: str) -> None:
    assert likeness_of("our plans", body.casefold()).is_enough


def test_the_reasons_are_words_of_the_text() -> None:
    for each in QUESTIONS:
        found = likeness_of(each.ticket.subject.casefold(), each.ticket.body.casefold())
        text = f"{each.ticket.subject} {each.ticket.body}".casefold()
        for reason in found.because:
            for word in reason.partition(": ")[2].split(", "):
                assert word.split()[0] in text


def test_the_vocabulary_hangs_together() -> None:
    topics = CAPACITY.keys() | DESIGN.keys()
    assert not CAPACITY.keys() & DESIGN.keys()
    assert topics >= TELLING
    for vocabulary in (ADVICE, CAPACITY, DESIGN, PLANNING, HOW_TO):
        for idea, words in vocabulary.items():
            assert words and all(word.startswith(" ") and word.strip() for word in words), idea
            assert all(word == word.casefold() for word in words), idea


def test_a_text_without_its_words_has_no_points() -> None:
    assert likeness_of("", "").points == 0
    assert likeness_of("hello", "the weather is fine, is it not?").points == 0
