"""Which team a new ticket is for: rules whose function name is the rule's name in the policy, tried
in the policy's order.

Heroku Support *determines* that a ticket belongs to an add-on (DESIGN section 6, 3): only an
explicit choice in the form, or a rule that the policy calls certain, of an add-on attached to the
app assigns at once. Anything weaker is a suggestion. What the text says is weighed in `evidence`;
the rules below turn it into findings.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import NamedTuple

from services.router.evidence.evidence import ENOUGH, AddonCase, AddonEvidence, read
from services.router.evidence.names import EvidenceKind
from services.router.evidence.regions import Region, opening_and_end
from services.router.evidence.symptoms import Symptoms, is_break_fix, symptoms_of
from services.router.memo_last import memo_last
from services.router.team.architecture import Likeness, likeness_of
from shared.events import Kind, OpenTicket, Priority, RuleTried
from shared.policy import DeskPolicy, Strength
from shared.text.ansi import readable

PLATFORM, CSA = "platform", "csa"
CHOSEN = 0.9
"""Confidence in an add-on that the customer chose but that is not known to be attached."""
RIVAL = 0.3
"""Confidence in another add-on from which a host is no proof any more."""


class RuleResult(NamedTuple):
    """What a rule found. `at_most` caps the strength the policy gives the rule; a `decisive` one
    ends the search.

    `providers` are in order of `confidence`, which is the first one's.
    """

    matched: bool
    because: str
    providers: tuple[str, ...] = ()
    queue: str | None = None
    at_most: Strength = Strength.CERTAIN
    decisive: bool = False
    confidence: float = 0.0
    reasons: tuple[str, ...] = ()
    """Why `queue` is suggested, a sentence each; empty where nothing is suggested but a
    provider.
    """


@dataclass(frozen=True, slots=True)
class Suggestion:
    """`confidence` is 0 to 1: what the evidence in the text adds up to."""

    provider: str
    because: tuple[str, ...]
    confidence: float


@dataclass(frozen=True, slots=True)
class QueueSuggestion:
    """A queue of ours that a ticket of the platform queue may belong to. `confidence` as above."""

    queue: str
    because: tuple[str, ...]
    confidence: float


@dataclass(frozen=True, slots=True)
class Route:
    """Where a ticket goes. `provider` is set where it is assigned at once. `moved`: it was sent as
    architecture, but is break/fix.
    """

    queue: str
    provider: str | None
    suggestion: Suggestion | None
    trail: tuple[RuleTried, ...]
    moved: str = ""
    because: str = ""
    """Why it is assigned at once."""
    queue_suggestion: QueueSuggestion | None = None


class TicketTexts:
    """The ticket's words without a terminal's colours, case-folded once, and what they say of the
    attached add-ons, read once and only if a rule asks.
    """

    __slots__ = ("__dict__", "_addons", "body", "subject")

    def __init__(self, ticket: OpenTicket) -> None:
        self.subject = readable(ticket.subject).casefold()
        self.body = opening_and_end(readable(ticket.body)).casefold()
        self._addons = ticket.admission.addons

    @cached_property
    def reading(self) -> AddonEvidence:
        return read(self.subject, self.body, self._addons)

    @cached_property
    def symptoms(self) -> Symptoms:
        return symptoms_of(self.subject, self.body)

    @cached_property
    def is_break_fix(self) -> bool:
        return is_break_fix(self.subject, self.body, self.symptoms)

    @cached_property
    def likeness(self) -> Likeness:
        return likeness_of(self.subject, self.body)


texts_of = memo_last(TicketTexts)
"""A ticket's `TicketTexts`: no policy has a say in what was written."""


def addon_chosen_in_form(ticket: OpenTicket, texts: TicketTexts, policy: DeskPolicy) -> RuleResult:
    """The customer says so. Without an app nobody can tell whether the add-on is attached, so it
    stays a suggestion.
    """
    # No choice in the form: the later rules read the text.
    if ticket.addon is None:
        return RuleResult(False, "no add-on was chosen")
    # The choice counts as proof only for an add-on that intake knows to be attached.
    if any(addon.slug == ticket.addon for addon in ticket.admission.addons):
        return RuleResult(
            True,
            f"{ticket.addon} was chosen and is attached to {ticket.app}",
            (ticket.addon,),
            decisive=True,
            confidence=1.0,
        )
    # The add-on may be real and still not this app's, so an agent confirms it.
    but = (
        f"is not attached to {ticket.app}"
        if ticket.app
        else "no app was named, so whether it is attached cannot be told"
    )
    return RuleResult(
        True,
        f"{ticket.addon} was chosen, but {but}",
        (ticket.addon,),
        at_most=Strength.SUGGEST,
        confidence=CHOSEN,
    )


def break_fix_sent_as_architecture(
    ticket: OpenTicket, texts: TicketTexts, policy: DeskPolicy
) -> RuleResult:
    """Architects handle no break/fix (seed 001): what is broken now goes to support, and the
    requester is told.
    """
    # Only for what was sent as architecture: everything else goes to support anyway.
    if ticket.kind is not Kind.ARCHITECTURE:
        return RuleResult(False, f"it was sent as a {ticket.kind}")
    if not texts.is_break_fix:
        return RuleResult(False, "nothing in it is broken now, or it asks for a plan")
    found = texts.symptoms
    words = ", ".join(
        f'"{word}"' for word in (*found.codes, found.build, found.broken, found.now) if word
    )
    return RuleResult(
        True, f"it was sent as architecture, but something is broken: {words}", queue=PLATFORM
    )


def architecture_question(ticket: OpenTicket, texts: TicketTexts, policy: DeskPolicy) -> RuleResult:
    """Architects answer architecture, never break/fix (seed 001, Customer Solutions
    Architecture).
    """
    if ticket.kind is not Kind.ARCHITECTURE:
        return RuleResult(False, f"it is a {ticket.kind}, and architects take no break/fix")
    if texts.is_break_fix:
        return RuleResult(False, "it was sent as architecture, but it is break/fix")
    plan = ticket.admission.plan
    if plan in policy.architects:
        return RuleResult(
            True, f"an architecture question of plan {plan}", queue=CSA, decisive=True
        )
    return RuleResult(
        True,
        f"an architecture question, but plan {plan} has no solutions architects: answer with "
        "pointers to the Dev Center "
        "(how the platform works, twelve-factor apps) and the partner program",
        queue=PLATFORM,
        decisive=True,
    )


def addon_host_in_text(ticket: OpenTicket, texts: TicketTexts, policy: DeskPolicy) -> RuleResult:
    """A host of an attached add-on, or one under it. Proof only where the text says that it does
    not answer, of one add-on, and where nothing points elsewhere; in a pasted config, a comparison,
    a question or beside the platform's own errors it is a hint.
    """
    reading = texts.reading
    # Every hit of a host, in the order of the cases: the strongest add-on first.
    found = [
        (case, hit) for case in reading.cases for hit in case.hits if hit.sort is EvidenceKind.HOST
    ]
    if not found:
        return RuleResult(
            False,
            "no host of an attached add-on is in the text"
            if ticket.admission.addons
            else _no_addons(ticket),
        )
    hosts = "; ".join(
        dict.fromkeys(
            f"the {hit.region} has {hit.word}, a host of {case.slug}" for case, hit in found
        )
    )
    case = found[0][0]
    doubt = _why_no_proof(ticket, reading, [case for case, _ in found])
    # Doubt and little confidence: not even a suggestion.
    if doubt and case.confidence < ENOUGH:
        return RuleResult(False, f"{hosts}; but {doubt}{_against(case)}")
    slugs = _unique(case.slug for case, _ in found if case.confidence >= ENOUGH or not doubt)
    # No doubt: the one case that the doubts were checked for, and no other.
    if not doubt:
        return RuleResult(
            True, f"{hosts}, and it does not answer", (case.slug,), confidence=case.confidence
        )
    return RuleResult(
        True,
        f"{hosts}; no proof: {doubt}",
        slugs,
        at_most=Strength.SUGGEST,
        confidence=case.confidence,
    )


def _why_no_proof(ticket: OpenTicket, reading: AddonEvidence, cases: list[AddonCase]) -> str:
    """Empty where the one failing host is proof."""
    case = cases[0]
    # From here on each reason that speaks against proof, the cheapest to explain first.
    if len({each.slug for each in cases}) > 1:
        return f"hosts of more than one add-on: {', '.join(_unique(each.slug for each in cases))}"
    if case.proof is None:
        told = next((hit.doubt for hit in case.hits if hit.doubt), "")
        return told or "the text does not say that it fails to answer"
    if ticket.kind is not Kind.PROBLEM:
        return f"it is a {ticket.kind}"
    if reading.doubt:
        return reading.doubt
    # Another add-on that is spoken of this much could be the cause.
    if rival := next(
        (each for each in reading.cases if each is not case and each.confidence >= RIVAL), None
    ):
        return f"{rival.slug} is spoken of as well"
    return case.against[0] if case.against else ""


def addon_named_in_subject(
    ticket: OpenTicket, texts: TicketTexts, policy: DeskPolicy
) -> RuleResult:
    return _find_named(ticket, texts, "subject", lambda region: region is Region.SUBJECT)


def addon_named_in_body(ticket: OpenTicket, texts: TicketTexts, policy: DeskPolicy) -> RuleResult:
    return _find_named(ticket, texts, "body", lambda region: region is not Region.SUBJECT)


def addon_errors_in_text(ticket: OpenTicket, texts: TicketTexts, policy: DeskPolicy) -> RuleResult:
    """What clients of only one attached add-on say, its config vars, or what only it does. Never
    proof: clients fail for many reasons.
    """
    return _evident(
        ticket,
        texts,
        lambda hit_sort, _: (
            hit_sort in (EvidenceKind.ERROR, EvidenceKind.VARIABLE, EvidenceKind.TOPIC)
        ),
        Strength.SUGGEST,
        "no error, config var or topic of an attached add-on is in the text",
    )


def architecture_in_words(ticket: OpenTicket, texts: TicketTexts, policy: DeskPolicy) -> RuleResult:
    """A suggestion at most: the kind stays what the customer chose, and the ticket stays with
    support until a person says otherwise.
    """
    plan = ticket.admission.plan
    # Why it does not match, for the trail: kind and plan where they decide it, else the words.
    other = RuleResult(False, "it does not read like an architecture question")
    if ticket.kind is Kind.ARCHITECTURE or plan not in policy.architects:
        other = RuleResult(False, f"it is a {ticket.kind} of plan {plan}")
    # An urgent ticket stays with support, which is paged for it.
    if ticket.kind is Kind.ARCHITECTURE or ticket.priority is Priority.URGENT:
        return other
    # A problem on a plan without architects has nothing to gain from reading the text.
    if plan not in policy.architects and ticket.kind is Kind.PROBLEM:
        return other
    found = texts.likeness
    # A failed build is support's work, whatever else the text asks.
    if not found.is_enough or texts.symptoms.build:
        return other
    reads = f"it was sent as a {ticket.kind}, but reads like architecture"
    if plan not in policy.architects:
        pointers = "answer with pointers to the Dev Center and the partner program"
        return RuleResult(True, f"{reads}; plan {plan} has no solutions architects: {pointers}")
    return RuleResult(
        True,
        f"{reads}: {'; '.join(found.because)}",
        queue=CSA,
        at_most=Strength.SUGGEST,
        confidence=found.confidence,
        reasons=found.because,
    )


# The function's name is the rule's name in the policy. The order here means nothing: the policy's
# counts.
RULES: dict[str, Callable[[OpenTicket, TicketTexts, DeskPolicy], RuleResult]] = {
    rule.__name__: rule
    for rule in (
        addon_chosen_in_form,
        break_fix_sent_as_architecture,
        architecture_question,
        addon_host_in_text,
        addon_named_in_subject,
        addon_named_in_body,
        addon_errors_in_text,
        architecture_in_words,
    )
}


def route(ticket: OpenTicket, policy: DeskPolicy) -> Route:
    """Try every rule of the policy, in its order, and decide.

    The first decisive certain finding wins: the customer's own choice, or an architecture question.
    Otherwise the certain findings must agree on one provider; where they name several, an agent has
    to choose.
    """
    texts = texts_of(ticket)
    trail: list[RuleTried] = []
    certain: list[RuleResult] = []
    suggested: list[RuleResult] = []
    moved = ""
    # Ask every rule, also after a certain one: the trail shows all that was looked at.
    for listed in policy.routing:
        # A policy can be newer than this router; an unknown rule must not stop a ticket.
        rule = RULES.get(listed.rule)
        if rule is None:
            trail.append(
                _make_tried(listed.rule, False, "this version of the router has no such rule")
            )
            continue
        finding = rule(ticket, texts, policy)
        trail.append(_make_tried(listed.rule, finding.matched, finding.because))
        if finding.matched:
            # Certain only where policy and finding both say so.
            strong = Strength.CERTAIN is listed.strength is finding.at_most
            (certain if strong else suggested).append(finding)
            if rule is break_fix_sent_as_architecture:
                moved = finding.because
    # First what decides alone: the customer's choice, or an architecture question.
    chosen = next((finding for finding in certain if finding.decisive), None)
    if chosen and chosen.providers:
        return Route(
            f"provider:{chosen.providers[0]}",
            chosen.providers[0],
            None,
            tuple(trail),
            because=chosen.because,
        )
    if chosen and chosen.queue == CSA:
        return Route(CSA, None, None, tuple(trail))
    # Then agreement: certain findings of one add-on assign it.
    sure = _unique(slug for finding in certain for slug in finding.providers)
    if chosen is None and len(sure) == 1:
        because = next(finding.because for finding in certain if finding.providers)
        return Route(f"provider:{sure[0]}", sure[0], None, tuple(trail), moved, because)
    # Else support, with what was found as suggestions for a person.
    return Route(
        PLATFORM,
        None,
        _suggestion([*certain, *suggested]),
        tuple(trail),
        moved,
        queue_suggestion=_queue_suggestion(suggested),
    )


@lru_cache(maxsize=4096)
def _make_tried(rule: str, matched: bool, because: str) -> RuleTried:
    """Most tickets leave the same lines in their trail."""
    return RuleTried(rule=rule, matched=matched, because=because)


def _suggestion(findings: list[RuleResult]) -> Suggestion | None:
    """The add-on with the most confidence; between equals the one found by the earlier rule, or
    named first.
    """
    evidence = [finding for finding in findings if finding.providers]
    if not evidence:
        return None
    best = max(evidence, key=lambda finding: finding.confidence)
    because = [finding.because for finding in evidence]
    # Say it first: the agent must know that the suggestion has a rival.
    several = _unique(slug for finding in evidence for slug in finding.providers)
    if len(several) > 1:
        because.insert(0, f"the evidence points to more than one add-on: {', '.join(several)}")
    return Suggestion(best.providers[0], tuple(because), best.confidence)


def _queue_suggestion(findings: list[RuleResult]) -> QueueSuggestion | None:
    """The queue with the most confidence. It does not compete with a provider: both are shown."""
    with_reasons = [finding for finding in findings if finding.queue and finding.reasons]
    if not with_reasons:
        return None
    best = max(with_reasons, key=lambda finding: finding.confidence)
    return QueueSuggestion(str(best.queue), best.reasons, best.confidence)


def _find_named(
    ticket: OpenTicket, texts: TicketTexts, where: str, is_there: Callable[[Region], bool]
) -> RuleResult:
    return _evident(
        ticket,
        texts,
        lambda sort, region: sort in (EvidenceKind.NAME, EvidenceKind.GENERIC) and is_there(region),
        Strength.CERTAIN,
        f"no attached add-on is named in the {where}",
    )


def _evident(
    ticket: OpenTicket,
    texts: TicketTexts,
    counts: Callable[[EvidenceKind, Region], bool],
    at_most: Strength,
    without: str,
) -> RuleResult:
    """The add-ons with a hit that `counts`, whose whole case is strong enough."""
    found = [
        (case, hit)
        for case in texts.reading.cases
        for hit in case.hits
        if counts(hit.sort, hit.region)
    ]
    if not found:
        # Name what was ruled out, so that an agent sees that the add-on was considered.
        ruled_out = next((line for case in texts.reading.cases for line in case.against), "")
        return RuleResult(
            False,
            (f"{without}; {ruled_out}" if ruled_out else without)
            if ticket.admission.addons
            else _no_addons(ticket),
        )
    said = "; ".join(
        dict.fromkeys(f"{hit}: {case.slug} ({case.confidence:.2f})" for case, hit in found)
    )
    # One strong case is enough; the weak ones are only named.
    strong = [case for case, _ in found if case.confidence >= ENOUGH]
    if not strong:
        return RuleResult(False, f"{said}, too weak{_against(found[0][0])}")
    return RuleResult(
        True,
        said + _against(strong[0]),
        _unique(case.slug for case in strong),
        at_most=at_most,
        confidence=strong[0].confidence,
    )


def _against(case: AddonCase) -> str:
    return f"; against it: {'; '.join(dict.fromkeys(case.against))}" if case.against else ""


def _no_addons(ticket: OpenTicket) -> str:
    return (
        f"{ticket.app} has no add-ons"
        if ticket.app
        else "no app was named, so no add-ons are known"
    )


def _unique(slugs: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(slugs))
