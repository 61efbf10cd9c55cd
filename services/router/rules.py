"""Which team a new ticket is for: rules whose function name is the rule's name in the policy, tried in the policy's order.

Heroku Support *determines* that a ticket belongs to an add-on (DESIGN section 6, 3): only an explicit choice in the form, or
a rule that the policy calls certain, of an add-on attached to the app assigns at once. Anything weaker is a suggestion.
What the text says is weighed in `evidence`; the rules below turn it into findings.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import NamedTuple

from services.router.evidence import ENOUGH, Case, Reading, read
from services.router.lately import lately
from services.router.names import Sort
from services.router.regions import Region, opening_and_end
from services.router.symptoms import is_about_plans, is_break_fix, symptoms_of
from shared.events import Kind, OpenTicket, RuleTried
from shared.policy import DeskPolicy, Strength

PLATFORM, CSA = "platform", "csa"
CHOSEN = 0.9
"""Confidence in an add-on that the customer chose but that is not known to be attached."""
RIVAL = 0.3
"""Confidence in another add-on from which a host is no proof any more."""


class Finding(NamedTuple):
    """What a rule found. `at_most` caps the strength the policy gives the rule; a `decisive` one ends the search.

    `providers` are in order of `confidence`, which is the first one's.
    """

    matched: bool
    because: str
    providers: tuple[str, ...] = ()
    queue: str | None = None
    at_most: Strength = Strength.CERTAIN
    decisive: bool = False
    confidence: float = 0.0


@dataclass(frozen=True, slots=True)
class Suggestion:
    """`confidence` is 0 to 1: what the evidence in the text adds up to."""

    provider: str
    because: tuple[str, ...]
    confidence: float


@dataclass(frozen=True, slots=True)
class Route:
    """Where a ticket goes. `provider` is set where it is assigned at once. `moved`: it was sent as architecture, but is break/fix."""

    queue: str
    provider: str | None
    suggestion: Suggestion | None
    trail: tuple[RuleTried, ...]
    moved: str = ""
    because: str = ""
    """Why it is assigned at once."""


class Texts:
    """The ticket's words, case-folded once, and what they say of the attached add-ons, read once and only if a rule asks."""

    __slots__ = ("__dict__", "_addons", "body", "subject")

    def __init__(self, ticket: OpenTicket) -> None:
        self.subject = ticket.subject.casefold()
        self.body = opening_and_end(ticket.body).casefold()
        self._addons = ticket.admission.addons

    @cached_property
    def reading(self) -> Reading:
        return read(self.subject, self.body, self._addons)

    @cached_property
    def is_break_fix(self) -> bool:
        return is_break_fix(self.subject, self.body, symptoms_of(self.subject, self.body))


texts_of = lately(Texts)
"""A ticket's `Texts`: no policy has a say in what was written."""


def addon_chosen_in_form(ticket: OpenTicket, texts: Texts, policy: DeskPolicy) -> Finding:
    """The customer says so. Without an app nobody can tell whether the add-on is attached, so it stays a suggestion."""
    if ticket.addon is None:
        return Finding(False, "no add-on was chosen")
    if any(addon.slug == ticket.addon for addon in ticket.admission.addons):
        return Finding(True, f"{ticket.addon} was chosen and is attached to {ticket.app}", (ticket.addon,), decisive=True, confidence=1.0)
    but = f"is not attached to {ticket.app}" if ticket.app else "no app was named, so whether it is attached cannot be told"
    return Finding(True, f"{ticket.addon} was chosen, but {but}", (ticket.addon,), at_most=Strength.SUGGEST, confidence=CHOSEN)


def break_fix_sent_as_architecture(ticket: OpenTicket, texts: Texts, policy: DeskPolicy) -> Finding:
    """Architects handle no break/fix (seed 001): what is broken now goes to support, and the requester is told."""
    if ticket.kind is not Kind.ARCHITECTURE:
        return Finding(False, f"it was sent as a {ticket.kind}")
    if not texts.is_break_fix:
        return Finding(False, "nothing in it is broken now, or it asks for a plan")
    found = symptoms_of(texts.subject, texts.body)
    words = ", ".join(f'"{word}"' for word in (*found.codes, found.build, found.broken, found.now) if word)
    return Finding(True, f"it was sent as architecture, but something is broken: {words}", queue=PLATFORM)


def architecture_question(ticket: OpenTicket, texts: Texts, policy: DeskPolicy) -> Finding:
    """Architects answer architecture, never break/fix (seed 001, Customer Solutions Architecture)."""
    if ticket.kind is not Kind.ARCHITECTURE:
        return Finding(False, f"it is a {ticket.kind}, and architects take no break/fix")
    if texts.is_break_fix:
        return Finding(False, "it was sent as architecture, but it is break/fix")
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
    """A host of an attached add-on, or one under it. Proof only where the text says that it does not answer, of one add-on, and
    where nothing points elsewhere; in a pasted config, a comparison, a question or beside the platform's own errors it is a hint."""
    reading = texts.reading
    found = [(case, hit) for case in reading.cases for hit in case.hits if hit.sort is Sort.HOST]
    if not found:
        return Finding(False, "no host of an attached add-on is in the text" if ticket.admission.addons else _no_addons(ticket))
    hosts = "; ".join(dict.fromkeys(f"the {hit.region} has {hit.word}, a host of {case.slug}" for case, hit in found))
    case = found[0][0]
    doubt = _why_no_proof(ticket, reading, [case for case, _ in found])
    if doubt and case.confidence < ENOUGH:
        return Finding(False, f"{hosts}; but {doubt}{_against(case)}")
    slugs = _unique(case.slug for case, _ in found if case.confidence >= ENOUGH or not doubt)
    if not doubt:
        return Finding(True, f"{hosts}, and it does not answer", (case.slug,), confidence=case.confidence)
    return Finding(True, f"{hosts}; no proof: {doubt}", slugs, at_most=Strength.SUGGEST, confidence=case.confidence)


def _why_no_proof(ticket: OpenTicket, reading: Reading, cases: list[Case]) -> str:
    """Empty where the one failing host is proof."""
    case = cases[0]
    if len({each.slug for each in cases}) > 1:
        return f"hosts of more than one add-on: {', '.join(_unique(each.slug for each in cases))}"
    if case.proof is None:
        told = next((hit.doubt for hit in case.hits if hit.doubt), "")
        return told or "the text does not say that it fails to answer"
    if ticket.kind is not Kind.PROBLEM:
        return f"it is a {ticket.kind}"
    if reading.doubt:
        return reading.doubt
    if rival := next((each for each in reading.cases if each is not case and each.confidence >= RIVAL), None):
        return f"{rival.slug} is spoken of as well"
    return case.against[0] if case.against else ""


def addon_named_in_subject(ticket: OpenTicket, texts: Texts, policy: DeskPolicy) -> Finding:
    return _named(ticket, texts, "subject", lambda region: region is Region.SUBJECT)


def addon_named_in_body(ticket: OpenTicket, texts: Texts, policy: DeskPolicy) -> Finding:
    return _named(ticket, texts, "body", lambda region: region is not Region.SUBJECT)


def addon_errors_in_text(ticket: OpenTicket, texts: Texts, policy: DeskPolicy) -> Finding:
    """What clients of only one attached add-on say, its config vars, or what only it does. Never proof: clients fail for many reasons."""
    return _evident(
        ticket, texts, lambda hit_sort, _: hit_sort in (Sort.ERROR, Sort.VARIABLE, Sort.TOPIC), Strength.SUGGEST,
        "no error, config var or topic of an attached add-on is in the text",
    )  # fmt: skip


def architecture_in_words(ticket: OpenTicket, texts: Texts, policy: DeskPolicy) -> Finding:
    """A hint for the agent only: the kind stays what the customer chose."""
    if ticket.kind is Kind.ARCHITECTURE or ticket.admission.plan not in policy.architects:
        return Finding(False, f"it is a {ticket.kind} of plan {ticket.admission.plan}")
    if is_about_plans(f"{texts.subject}\n{texts.body}"):
        return Finding(True, f"it was sent as a {ticket.kind}, but reads like architecture: an agent may give it to the architects")
    return Finding(False, "it does not read like an architecture question")


RULES: dict[str, Callable[[OpenTicket, Texts, DeskPolicy], Finding]] = {
    rule.__name__: rule
    for rule in (
        addon_chosen_in_form, break_fix_sent_as_architecture, architecture_question, addon_host_in_text, addon_named_in_subject,
        addon_named_in_body, addon_errors_in_text, architecture_in_words,
    )
}  # fmt: skip


def route(ticket: OpenTicket, policy: DeskPolicy) -> Route:
    """Try every rule of the policy, in its order, and decide.

    The first decisive certain finding wins: the customer's own choice, or an architecture question. Otherwise the certain
    findings must agree on one provider; where they name several, an agent has to choose.
    """
    texts = texts_of(ticket)
    trail: list[RuleTried] = []
    certain: list[Finding] = []
    suggested: list[Finding] = []
    moved = ""
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
            if rule is break_fix_sent_as_architecture:
                moved = finding.because
    chosen = next((finding for finding in certain if finding.decisive), None)
    if chosen and chosen.providers:
        return Route(f"provider:{chosen.providers[0]}", chosen.providers[0], None, tuple(trail), because=chosen.because)
    if chosen and chosen.queue == CSA:
        return Route(CSA, None, None, tuple(trail))
    sure = _unique(slug for finding in certain for slug in finding.providers)
    if chosen is None and len(sure) == 1:
        because = next(finding.because for finding in certain if finding.providers)
        return Route(f"provider:{sure[0]}", sure[0], None, tuple(trail), moved, because)
    return Route(PLATFORM, None, _suggestion([*certain, *suggested]), tuple(trail), moved)


@lru_cache(maxsize=4096)
def _tried(rule: str, matched: bool, because: str) -> RuleTried:
    """Most tickets leave the same lines in their trail."""
    return RuleTried(rule=rule, matched=matched, because=because)


def _suggestion(findings: list[Finding]) -> Suggestion | None:
    """The add-on with the most confidence; between equals the one found by the earlier rule, or named first."""
    evidence = [finding for finding in findings if finding.providers]
    if not evidence:
        return None
    best = max(evidence, key=lambda finding: finding.confidence)
    because = [finding.because for finding in evidence]
    several = _unique(slug for finding in evidence for slug in finding.providers)
    if len(several) > 1:
        because.insert(0, f"the evidence points to more than one add-on: {', '.join(several)}")
    return Suggestion(best.providers[0], tuple(because), best.confidence)


def _named(ticket: OpenTicket, texts: Texts, where: str, is_there: Callable[[Region], bool]) -> Finding:
    return _evident(
        ticket, texts, lambda sort, region: sort in (Sort.NAME, Sort.GENERIC) and is_there(region), Strength.CERTAIN,
        f"no attached add-on is named in the {where}",
    )  # fmt: skip


def _evident(ticket: OpenTicket, texts: Texts, counts: Callable[[Sort, Region], bool], at_most: Strength, without: str) -> Finding:
    """The add-ons with a hit that `counts`, whose whole case is strong enough."""
    found = [(case, hit) for case in texts.reading.cases for hit in case.hits if counts(hit.sort, hit.region)]
    if not found:
        ruled_out = next((line for case in texts.reading.cases for line in case.against), "")
        return Finding(False, (f"{without}; {ruled_out}" if ruled_out else without) if ticket.admission.addons else _no_addons(ticket))
    said = "; ".join(dict.fromkeys(f"{hit}: {case.slug} ({case.confidence:.2f})" for case, hit in found))
    strong = [case for case, _ in found if case.confidence >= ENOUGH]
    if not strong:
        return Finding(False, f"{said}, too weak{_against(found[0][0])}")
    return Finding(
        True, said + _against(strong[0]), _unique(case.slug for case in strong), at_most=at_most, confidence=strong[0].confidence
    )


def _against(case: Case) -> str:
    return f"; against it: {'; '.join(dict.fromkeys(case.against))}" if case.against else ""


def _no_addons(ticket: OpenTicket) -> str:
    return f"{ticket.app} has no add-ons" if ticket.app else "no app was named, so no add-ons are known"


def _unique(slugs: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(slugs))
