"""Which team a new ticket is for: rules whose function name is the rule's name in the policy, tried in the policy's order.

Heroku Support *determines* that a ticket belongs to an add-on (DESIGN section 6, 3): only an explicit choice in the form, or
a rule that the policy calls certain, of an add-on attached to the app assigns at once. Anything weaker is a suggestion.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache

from shared.events import Kind, OpenTicket, RuleTried
from shared.events.requests import AddonKnown
from shared.policy import DeskPolicy, Strength

PLATFORM, CSA = "platform", "csa"


@dataclass(frozen=True, slots=True)
class Finding:
    """What a rule found. `at_most` caps the strength the policy gives the rule; a `decisive` one ends the search."""

    matched: bool
    because: str
    providers: tuple[str, ...] = ()
    queue: str | None = None
    at_most: Strength = Strength.CERTAIN
    decisive: bool = False


@dataclass(frozen=True, slots=True)
class Route:
    """Where a ticket goes. `provider` is set where it is assigned at once; `suggestion` is (provider, because…)."""

    queue: str
    provider: str | None
    suggestion: tuple[str, tuple[str, ...]] | None
    trail: tuple[RuleTried, ...]


@dataclass(frozen=True, slots=True)
class Texts:
    """The ticket's words, case-folded once."""

    subject: str
    body: str


def addon_chosen_in_form(ticket: OpenTicket, texts: Texts, policy: DeskPolicy) -> Finding:
    """The customer says so. Without an app nobody can tell whether the add-on is attached, so it stays a suggestion."""
    if ticket.addon is None:
        return Finding(False, "no add-on was chosen")
    if any(addon.slug == ticket.addon for addon in ticket.admission.addons):
        return Finding(True, f"{ticket.addon} was chosen and is attached to {ticket.app}", (ticket.addon,), decisive=True)
    but = f"is not attached to {ticket.app}" if ticket.app else "no app was named, so whether it is attached cannot be told"
    return Finding(True, f"{ticket.addon} was chosen, but {but}", (ticket.addon,), at_most=Strength.SUGGEST)


def architecture_question(ticket: OpenTicket, texts: Texts, policy: DeskPolicy) -> Finding:
    """Architects answer architecture, never break/fix (seed 001, Customer Solutions Architecture)."""
    if ticket.kind is not Kind.ARCHITECTURE:
        return Finding(False, f"it is a {ticket.kind}, and architects take no break/fix")
    plan = ticket.admission.plan
    if plan in policy.architects:
        return Finding(True, f"an architecture question of plan {plan}", queue=CSA, decisive=True)
    return Finding(
        True,
        f"an architecture question, but plan {plan} has no solutions architects: answer with pointers to the Dev Center "
        "(how the platform works, twelve-factor apps) and the partner program",
        queue=PLATFORM,
        decisive=True,
    )


def addon_host_in_text(ticket: OpenTicket, texts: Texts, policy: DeskPolicy) -> Finding:
    """A host of an attached add-on, or one under it, in subject or body: a connection string, a log line."""
    found = [
        (addon.slug, host)
        for addon in ticket.admission.addons
        for host in addon.hosts
        if _has_host(texts.subject, host.casefold()) or _has_host(texts.body, host.casefold())
    ]
    if not found:
        return Finding(False, "no host of an attached add-on is in the text" if ticket.admission.addons else _no_addons(ticket))
    return Finding(True, "; ".join(f"the text has {host}, a host of {slug}" for slug, host in found), _unique(slug for slug, _ in found))


def addon_named_in_subject(ticket: OpenTicket, texts: Texts, policy: DeskPolicy) -> Finding:
    return _named(ticket, texts.subject, "subject")


def addon_named_in_body(ticket: OpenTicket, texts: Texts, policy: DeskPolicy) -> Finding:
    return _named(ticket, texts.body, "body")


RULES: dict[str, Callable[[OpenTicket, Texts, DeskPolicy], Finding]] = {
    rule.__name__: rule
    for rule in (addon_chosen_in_form, architecture_question, addon_host_in_text, addon_named_in_subject, addon_named_in_body)
}


def route(ticket: OpenTicket, policy: DeskPolicy) -> Route:
    """Try every rule of the policy, in its order, and decide.

    The first decisive certain finding wins: the customer's own choice, or an architecture question. Otherwise the certain
    findings must agree on one provider; where they name several, an agent has to choose.
    """
    texts = Texts(ticket.subject.casefold(), ticket.body.casefold())
    trail: list[RuleTried] = []
    certain: list[Finding] = []
    suggested: list[Finding] = []
    for listed in policy.routing:
        rule = RULES.get(listed.rule)
        if rule is None:
            trail.append(_tried(listed.rule, False, "this version of the router has no such rule"))
            continue
        finding = rule(ticket, texts, policy)
        trail.append(_tried(listed.rule, finding.matched, finding.because))
        if finding.matched:
            strong = Strength.CERTAIN is listed.strength is finding.at_most
            (certain if strong else suggested).append(finding)
    chosen = next((finding for finding in certain if finding.decisive), None)
    if chosen and chosen.providers:
        return Route(f"provider:{chosen.providers[0]}", chosen.providers[0], None, tuple(trail))
    if chosen and chosen.queue == CSA:
        return Route(CSA, None, None, tuple(trail))
    sure = _unique(slug for finding in certain for slug in finding.providers)
    if chosen is None and len(sure) == 1:
        return Route(f"provider:{sure[0]}", sure[0], None, tuple(trail))
    return Route(PLATFORM, None, _suggestion(sure, certain, suggested), tuple(trail))


@lru_cache(maxsize=4096)
def _tried(rule: str, matched: bool, because: str) -> RuleTried:
    """Most tickets leave the same lines in their trail."""
    return RuleTried(rule=rule, matched=matched, because=because)


def _suggestion(sure: tuple[str, ...], certain: list[Finding], suggested: list[Finding]) -> tuple[str, tuple[str, ...]] | None:
    evidence = [finding for finding in (*certain, *suggested) if finding.providers]
    if not evidence:
        return None
    because = [finding.because for finding in evidence]
    if len(sure) > 1:
        because.insert(0, f"the evidence points to more than one add-on: {', '.join(sure)}")
    return evidence[0].providers[0], tuple(because)


def _named(ticket: OpenTicket, text: str, where: str) -> Finding:
    found: list[tuple[int, str, str]] = []
    for addon in ticket.admission.addons:
        places = [(place, name) for name in _names(addon) if (place := _find_word(text, name)) >= 0]
        if places:
            place, name = min(places)
            found.append((place, addon.slug, name))
    if not found:
        return Finding(False, f"no attached add-on is named in the {where}" if ticket.admission.addons else _no_addons(ticket))
    found.sort()
    return Finding(
        True, "; ".join(f'"{name}" stands in the {where}: {slug}' for _, slug, name in found), tuple(slug for _, slug, _ in found)
    )


def _no_addons(ticket: OpenTicket) -> str:
    return f"{ticket.app} has no add-ons" if ticket.app else "no app was named, so no add-ons are known"


@lru_cache(maxsize=4096)
def _names(addon: AddonKnown) -> tuple[str, ...]:
    return tuple(sorted({word.casefold() for word in (addon.slug, addon.name, *addon.aliases) if word}))


@lru_cache(maxsize=4096)
def _word(name: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w){re.escape(name)}(?!\w)")


@lru_cache(maxsize=4096)
def _host(host: str) -> re.Pattern[str]:
    # The label before may be anything that ends in a dot (a host under it); what follows must not make it another name.
    return re.compile(rf"(?<![\w-]){re.escape(host)}(?![\w-]|\.\w)")


def _find_word(text: str, name: str) -> int:
    if name not in text:  # nearly always; far cheaper than the expression
        return -1
    found = _word(name).search(text)
    return found.start() if found else -1


def _has_host(text: str, host: str) -> bool:
    if host not in text:
        return False
    return any(not _is_mail_address(text, found.start()) for found in _host(host).finditer(text))


def _is_mail_address(text: str, start: int) -> bool:
    """`support@redisco.example` is whom somebody wrote to; `redis://user:word@redisco.example` is where an app connects."""
    before = text[max(0, start - 300) : start].rsplit(None, 1)
    word = before[-1] if before and not text[start - 1 : start].isspace() else ""
    return "@" in word and "://" not in word


def _unique(slugs: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(slugs))
