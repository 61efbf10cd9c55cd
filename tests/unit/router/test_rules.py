"""Each rule with what makes it match, what nearly does, and what the router makes of several."""

from __future__ import annotations

from typing import Any

import pytest

from services.router.team.rules import RULES, Suggestion, TicketTexts, route
from shared.events import Kind
from shared.policy import RoutingRule, Strength
from tests.unit.router.building import open_ticket, policy

FOUND: list[tuple[str, dict[str, Any], bool, tuple[str, ...]]] = [
    ("addon_chosen_in_form", {"addon": "redisco"}, True, ("redisco",)),
    ("addon_chosen_in_form", {"addon": "redisco", "addons": []}, True, ("redisco",)),
    ("addon_chosen_in_form", {"addon": "redisco", "app": None}, True, ("redisco",)),
    ("addon_chosen_in_form", {}, False, ()),
    ("architecture_question", {"kind": Kind.ARCHITECTURE}, True, ()),
    (
        "architecture_question",
        {"kind": Kind.PROBLEM, "subject": "Ask the CSA team about our architecture"},
        False,
        (),
    ),
    ("architecture_question", {"kind": Kind.QUESTION}, False, ()),
    (
        "architecture_question",
        {"kind": Kind.ARCHITECTURE, "subject": "Down", "body": "H10 since noon"},
        False,
        (),
    ),
    (
        "break_fix_sent_as_architecture",
        {"kind": Kind.ARCHITECTURE, "subject": "Down", "body": "H10 since noon"},
        True,
        (),
    ),
    (
        "break_fix_sent_as_architecture",
        {"kind": Kind.ARCHITECTURE, "subject": "Deploys", "body": "Push rejected"},
        True,
        (),
    ),
    (
        "break_fix_sent_as_architecture",
        {"kind": Kind.ARCHITECTURE, "subject": "Prepare a launch", "body": "We had H12"},
        False,
        (),
    ),
    ("break_fix_sent_as_architecture", {"kind": Kind.PROBLEM, "body": "H10 since noon"}, False, ()),
    (
        "addon_host_in_text",
        {"body": "redis://h:pw@ec2-1.redisco.example:6379 refused"},
        True,
        ("redisco",),
    ),
    ("addon_host_in_text", {"body": "cannot reach SMTP.Mailgrid.Example."}, True, ("mailgrid",)),
    (
        "addon_host_in_text",
        {"subject": "drain.logdrain.example down", "body": "-"},
        True,
        ("logdrain",),
    ),
    (
        "addon_host_in_text",
        {"body": "redisco.example and drain.logdrain.example"},
        True,
        ("redisco", "logdrain"),
    ),
    ("addon_host_in_text", {"body": "I wrote to support@redisco.example already"}, False, ()),
    (
        "addon_host_in_text",
        {"body": "I wrote to a@redisco.example, and it is redisco.example that fails"},
        True,
        ("redisco",),
    ),
    ("addon_host_in_text", {"body": "myredisco.example and my-redisco.example"}, False, ()),
    ("addon_host_in_text", {"body": "redisco.example.org is another's"}, False, ()),
    ("addon_host_in_text", {"body": "mailgrid.example is not its host"}, False, ()),
    ("addon_host_in_text", {"body": "redisco.example", "addons": ["mailgrid"]}, False, ()),
    ("addon_host_in_text", {"body": "redisco.example", "app": None}, False, ()),
    (
        "addon_host_in_text",
        {"body": "REDISCO_URL: redis://h:x@c1.redisco.example:6379\nRACK_ENV: production"},
        False,
        (),
    ),
    ("addon_host_in_text", {"body": "> cache.redisco.example refuses connections"}, False, ()),
    ("addon_host_in_text", {"body": "No trouble: smtp.mailgrid.example works fine."}, False, ()),
    ("addon_named_in_subject", {"subject": "REDIS is slow"}, True, ("redisco",)),
    ("addon_named_in_subject", {"subject": "We rediscovered a bug"}, False, ()),
    (
        "addon_named_in_subject",
        {"subject": "Mailgrid's bounces, and redis"},
        True,
        ("mailgrid", "redisco"),
    ),
    ("addon_named_in_subject", {"subject": "slow", "body": "redis"}, False, ()),
    ("addon_named_in_body", {"body": "redis-cli says LOADING"}, True, ("redisco",)),
    ("addon_named_in_body", {"body": "our own logdrainer"}, False, ()),
    ("addon_named_in_body", {"body": "redis", "addons": []}, False, ()),
    ("addon_named_in_body", {"body": "It is not Redis, and we ruled out mailgrid."}, False, ()),
    (
        "addon_named_in_body",
        {"body": "remote:  Installing redis 4.8\nremote:  Push rejected, failed to compile"},
        False,
        (),
    ),
    (
        "addon_named_in_body",
        {"body": "H12.\n/app/vendor/bundle/gems/redis-4.8/lib/redis/client.rb:9:in `read'"},
        False,
        (),
    ),
    ("addon_named_in_body", {"body": "Our redis at Upstash times out"}, False, ()),
    (
        "addon_named_in_body",
        {"body": "redis on cache.abc.use1.cache.amazonaws.com:6379 refuses connections"},
        False,
        (),
    ),
    ("addon_named_in_body", {"body": "Cannot connect to redis any more"}, True, ("redisco",)),
    (
        "addon_named_in_body",
        {"body": "Redis was fine until yesterday, now it times out"},
        True,
        ("redisco",),
    ),
    (
        "addon_errors_in_text",
        {"body": "ReplyError: WRONGPASS invalid username-password pair"},
        True,
        ("redisco",),
    ),
    (
        "addon_errors_in_text",
        {"body": "smtplib.SMTPAuthenticationError: (535, b'5.7.8')"},
        True,
        ("mailgrid",),
    ),
    ("addon_errors_in_text", {"body": "PG::ConnectionBad: could not connect"}, False, ()),
    (
        "addon_errors_in_text",
        {"body": "Why is REDISCO_URL empty in the worker?"},
        True,
        ("redisco",),
    ),
    (
        "architecture_in_words",
        {"subject": "Planning for launch", "body": "How should we scale? We expect a campaign."},
        True,
        (),
    ),
    ("architecture_in_words", {"subject": "H10", "body": "It crashed."}, False, ()),
    (
        "architecture_in_words",
        {
            "who": "free",
            "kind": Kind.QUESTION,
            "subject": "Planning",
            "body": "How should we scale? We expect a campaign.",
        },
        True,
        (),
    ),
]


@pytest.mark.parametrize(("rule", "fields", "matched", "providers"), FOUND)
def test_rule(rule: str, fields: dict[str, Any], matched: bool, providers: tuple[str, ...]) -> None:
    ticket = open_ticket(**fields)
    finding = RULES[rule](ticket, TicketTexts(ticket), policy())
    assert (finding.matched, finding.providers) == (matched, providers)
    assert finding.because


def test_every_rule_has_a_row_above_and_a_place_in_the_policy() -> None:
    assert (
        set(RULES) == {rule for rule, *_ in FOUND} == {listed.rule for listed in policy().routing}
    )


ROUTES: list[tuple[str, dict[str, Any], str, str | None]] = [
    ("nothing points anywhere", {}, "platform", None),
    ("the choice in the form decides", {"addon": "redisco"}, "provider:redisco", None),
    (
        "and beats another's host in the log",
        {"addon": "redisco", "body": "smtp.mailgrid.example"},
        "provider:redisco",
        None,
    ),
    (
        "not attached: a suggestion at most",
        {"addon": "redisco", "addons": ["mailgrid"]},
        "platform",
        "redisco",
    ),
    (
        "without an app: a suggestion at most",
        {"addon": "redisco", "app": None},
        "platform",
        "redisco",
    ),
    ("a host is certain", {"body": "redisco.example refused"}, "provider:redisco", None),
    (
        "two hosts are not",
        {"body": "redisco.example, smtp.mailgrid.example"},
        "platform",
        "redisco",
    ),
    (
        "a host beats a name, but is no proof",
        {"subject": "Is it redis?", "body": "smtp.mailgrid.example refused"},
        "platform",
        "mailgrid",
    ),
    (
        "not where the platform has its own trouble",
        {"body": "redisco.example refused, then H10"},
        "platform",
        "redisco",
    ),
    (
        "nor where the way is in doubt",
        {"body": "redisco.example times out, from my laptop it works"},
        "platform",
        "redisco",
    ),
    (
        "nor in a question",
        {"kind": Kind.QUESTION, "body": "redisco.example refused, what now?"},
        "platform",
        "redisco",
    ),
    (
        "nor if it is only supposed",
        {"body": "Perhaps redisco.example is down."},
        "platform",
        "redisco",
    ),
    (
        "nor where it is over",
        {"body": "redisco.example was down but is working again."},
        "platform",
        "redisco",
    ),
    (
        "nor with other hosts",
        {"body": "Neither redisco.example nor api.stripe.com: timeouts."},
        "platform",
        "redisco",
    ),
    (
        "break/fix is no architecture",
        {"kind": Kind.ARCHITECTURE, "subject": "Down", "body": "503 for all since noon"},
        "platform",
        None,
    ),
    ("a name only suggests", {"subject": "redis is slow"}, "platform", "redisco"),
    (
        "the subject's name before the body's",
        {"subject": "mailgrid", "body": "redis"},
        "platform",
        "mailgrid",
    ),
    ("architecture to the architects", {"kind": Kind.ARCHITECTURE}, "csa", None),
    (
        "with an add-on's name still",
        {"kind": Kind.ARCHITECTURE, "subject": "scale redis"},
        "csa",
        None,
    ),
    ("and with its host", {"kind": Kind.ARCHITECTURE, "body": "redisco.example"}, "csa", None),
    (
        "unless its add-on is chosen",
        {"kind": Kind.ARCHITECTURE, "addon": "redisco"},
        "provider:redisco",
        None,
    ),
    ("not for plans without", {"who": "free", "kind": Kind.ARCHITECTURE}, "platform", None),
    (
        "whose add-ons are suggested",
        {"who": "free", "kind": Kind.ARCHITECTURE, "body": "redisco.example"},
        "platform",
        "redisco",
    ),
]


@pytest.mark.parametrize(
    ("why", "fields", "queue", "suggested"), ROUTES, ids=[why for why, *_ in ROUTES]
)
def test_route(why: str, fields: dict[str, Any], queue: str, suggested: str | None) -> None:
    way = route(open_ticket(**fields), policy())
    assert (way.queue, way.suggestion and way.suggestion.provider) == (queue, suggested)
    assert way.provider == (
        queue.removeprefix("provider:") if queue.startswith("provider:") else None
    )
    assert [tried.rule for tried in way.trail] == [listed.rule for listed in policy().routing], (
        "every rule is in the trail"
    )
    assert all(tried.because for tried in way.trail)


def test_the_policy_decides_how_much_a_rule_counts() -> None:
    bold = policy().model_copy(
        update={"routing": (RoutingRule(rule="addon_named_in_subject", strength=Strength.CERTAIN),)}
    )
    timid = policy().model_copy(
        update={"routing": (RoutingRule(rule="addon_chosen_in_form", strength=Strength.SUGGEST),)}
    )
    assert route(open_ticket(subject="redis is slow"), bold).provider == "redisco"
    suggested = Suggestion(
        "redisco", ("redisco was chosen and is attached to premier-production",), 1.0
    )
    assert route(open_ticket(addon="redisco"), timid).suggestion == suggested


def test_a_rule_this_version_lacks_is_said_and_skipped() -> None:
    newer = policy().model_copy(
        update={
            "routing": (
                RoutingRule(rule="of_tomorrow", strength=Strength.CERTAIN),
                *policy().routing,
            )
        }
    )
    way = route(open_ticket(addon="redisco"), newer)
    assert way.provider == "redisco"
    assert "no such rule" in way.trail[0].because


FORWARDED = "---------- Forwarded message ---------\nFrom: M <m@x.example>\n\nRedisco is down."
OWN = "We moved to another cache last year and it works well; this is only about billing. "
COLOURED = "\x1b[36mapp[web.1]:\x1b[0m cannot reach \x1b[31mSMTP.Mailgrid.Example\x1b[0m"


@pytest.mark.parametrize(
    ("body", "where"),
    [(f"FYI\n\n{FORWARDED}", "body"), (f"{OWN}{OWN}\n\n{FORWARDED}", "quoted text")],
    ids=["the forwarded mail is the ticket", "it is background"],
)
def test_what_a_forwarded_mail_weighs(body: str, where: str) -> None:
    (case, *_) = TicketTexts(open_ticket(body=body)).reading.cases
    assert (case.slug, {hit.region.value for hit in case.hits}) == ("redisco", {where})


def test_the_colours_of_a_pasted_log_hide_nothing() -> None:
    texts = TicketTexts(
        open_ticket(body=f"{COLOURED}\nat=error code=\x1b[31mH12\x1b[0m since noon")
    )
    assert [case.slug for case in texts.reading.cases] == ["mailgrid"]
    assert texts.reading.symptoms.codes == ("H12",) and texts.is_break_fix


def test_a_suggestion_names_what_it_rests_on() -> None:
    way = route(open_ticket(body="redisco.example, smtp.mailgrid.example"), policy())
    assert way.suggestion is not None
    assert "more than one add-on: redisco, mailgrid" in way.suggestion.because[0]
    assert any("smtp.mailgrid.example" in because for because in way.suggestion.because)
