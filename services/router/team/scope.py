"""Is it support's to answer? The three exclusions of the support policy (seed 000, section 1), each
a rule with its words. Pure.

Conservative: not covered only where somebody asks for the excluded work in so many words, and never
where the platform shows symptoms, nor for what is urgent or sent to an add-on's provider or an
architect. The requester can insist, and a person looks.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from services.router.evidence.expressions import Expression, Words
from services.router.evidence.symptoms import OPENING, symptoms_of
from services.router.memo_last import memo_last
from shared.events import Kind, OpenTicket, Priority, RuleTried, Scope
from shared.text.ansi import readable


@dataclass(frozen=True, slots=True)
class ScopeVerdict:
    """`rule` and `reason` are empty where it is covered; `reason` is a sentence for the
    requester.
    """

    scope: Scope
    rule: str
    reason: str
    trail: tuple[RuleTried, ...]


# Somebody asks somebody to do something. A command ("fix my code") is caught in `_DEBUG` itself.
_ASKS = (
    r"(?:(?:can|could|would|will) (?:you|your (?:team|people|engineers|support)|someone|somebody"
    r"|anyone|anybody|support|heroku"
    r"|one of your \w+)"
    r"|please|pls|(?:need|want|like|expect|ask|hire|pay) (?:you|your team|heroku|someone"
    r"|somebody)(?: at \w+)? to|do you offer to"
    r"|help me(?: to)?|help us(?: to)?)"
)
# Whose code: "my", "our whole", "this legacy".
_OWN = (
    r"(?:my|our|the|this|his|her) (?:own |whole |entire |existing |legacy |python |ruby |rails "
    r"|node |java |php |javascript |js )?"
)
_CODE = (
    r"(?:code|codebase|function|method|class|script|loop|query|sql|algorithm|regex|controller"
    r"|model|component|template|program"
    r"|homework|logic)"
)
_DEBUG = Expression(
    # Asked with a verb of repair, about code of their own.
    rf"{_ASKS}[^.?!\n]{{0,60}}\b(?:debug|fix|correct"
    r"|find (?:the |a |my |our )?(?:bugs?|errors?|mistakes?|problem)|solve|repair|review"
    rf"|check|look (?:at|into|over)|tell (?:me|us) what)"
    rf"[^.?!\n]{{0,40}}{_OWN}{_CODE}\b"
    # A command, and code pasted with a request.
    rf"|(?:debug|fix|correct) {_OWN}{_CODE}\b|{_OWN}{_CODE}[^.?!\n]{{0,40}}(?:please"
    r"|can you) (?:debug|fix|correct)"
    rf"|here is {_OWN}{_CODE}[^\n]{{0,30}}(?:please|can you|could you)"
    # A question what is wrong, or why it does not work.
    r"|what (?:do i|am i|did i) (?:do|doing)? ?wrong (?:in"
    rf"|with) {_OWN}{_CODE}"
    rf"|why (?:does|do|is|are) {_OWN}{_CODE} (?:not |never )?(?:work|return|give|print|end"
    r"|terminat|calculat|run|loop|wrong)"
)
# It fails on their own machine too, so the platform is not the cause.
_LOCAL_TOO = Expression(
    r"(?:also|too|as well|same)[^.\n]{0,30}(?:locally|on localhost"
    r"|on my (?:own )?(?:machine|laptop|computer|pc|mac))"
    r"|(?:locally|on localhost|on my (?:own )?(?:machine|laptop|computer|pc"
    r"|mac))[^.\n]{0,20}(?:too\b|as well|also|and on (?:the server"
    r"|heroku|production))"
    r"|both locally|happens locally|same on my|locally and on"
)
# Errors of a language, or pasted code: it is a matter of the code.
_LANGUAGE = Expression(
    r"nomethoderror|undefined method|cannot read propert|is not a function|nonetype"
    r"|attributeerror|keyerror|indexerror|typeerror"
    r"|nameerror|syntaxerror|nullpointerexception"
    r"|undefined index|undefined variable|referenceerror|valueerror"
    r"|wrong (?:result|value|total|output|number)|^ {2,}(?:def|class"
    r"|function|for|if|return|public|var|let|const) ",
    re.MULTILINE,
)
# Words that can only mean code for learning, or a single piece of it.
_HOMEWORK = Expression(r"homework|my (?:function|query|loop|regex|algorithm)")
# Asked to change their app. The look-aheads exclude settings of the app, which support does change.
_REWRITE = Expression(
    rf"{_ASKS}[^.?!\n]{{0,50}}\b(?:rewrite|re-write|port|convert|refactor|adapt|rework|change"
    r"|modify|migrate|update|translate|modernize"
    rf"|modernise)\b"
    rf" (?:all )?(?:of )?{_OWN}(?:application(?:'s)? code|app code|source code|source|application"
    r"|app|code(?:base)?|project|software"
    rf"|program|service|site|website)\b"
    r"(?!'s (?:name|settings|config|region|stack|plan|owner))(?! (?:name|settings|config|region"
    r"|stack|owner|plan|to (?:another|the"
    r"|a) (?:team|region|stack|space|account|plan)))"
)
# The same without a question: somebody wants it done for them.
_REWRITE_FOR_US = Expression(
    r"\b(?:rewrite|port|convert|refactor|adapt|rework)\b[^.?!\n]{0,60}\b(?:for us|for me"
    r"|on our behalf)\b|do (?:it|this|that|the (?:port"
    r"|migration|rewrite)[^.?!\n]{0,20}) for (?:us|me)"
)
# Asked to change software that neither they nor the platform wrote.
_PATCH = Expression(
    rf"{_ASKS}[^.?!\n]{{0,60}}\b(?:patch|fork|modify|fix|backport|change|merge|maintain"
    r"|make a fork|recompile)\b"
    r"[^.?!\n]{0,60}\b(?:gem|library|package|module|plugin|plug-in|open[- ]source|third[- ]party"
    r"|npm module|dependency|upstream"
    r"|pull request|fork|framework)\b"
)
_THIRD_PARTY = Expression(
    r"open[- ]source|third[- ]party|upstream|\bgem\b|npm|pypi|plugin|plug-in|\blibrary\b"
    r"|wordpress|imagemagick|ffmpeg|github\.com"
    r"|maintainer|unmaintained|not maintained"
)
_OURS = Expression(
    r"stack image|base image|heroku-\d\d|\bcve\b|buildpack"
    r"|your (?:image|stack|platform|cli|router|documentation|docs|status page)"
    r"|dev center|heroku cli|support(?:ed|s)? (?:on|by) (?:heroku|the platform)"
)
"""Software of the platform itself: patching that is our work."""

# Cheap screens, one for each rule: a ticket without such a word is never shown to the expressions.
_VERBS = Words(
    (
        "debug",
        "fix",
        "correct",
        "bug",
        "error",
        "mistake",
        "wrong",
        "solve",
        "repair",
        "review",
        "check",
        "look",
        "why",
    )
)
_NOUNS = Words(
    (
        "code",
        "function",
        "method",
        "class",
        "script",
        "loop",
        "query",
        "sql",
        "algorithm",
        "regex",
        "controller",
        "model",
        "component",
        "template",
        "program",
        "homework",
        "logic",
    )
)
_CHANGES = Words(
    (
        "rewrite",
        "re-write",
        "port ",
        "convert",
        "refactor",
        "adapt",
        "rework",
        "change",
        "modify",
        "migrat",
        "update",
        "translate",
        "moderni",
        "for us",
        "for me",
    )
)
_PACKAGES = Words(
    (
        "open source",
        "open-source",
        "third party",
        "third-party",
        "upstream",
        "gem",
        "npm",
        "pypi",
        "plugin",
        "plug-in",
        "library",
        "package",
        "module",
        "fork",
        "framework",
        "dependency",
        "pull request",
    )
)
"""Without one of these nobody asks for it, whatever the expressions below might find."""

Rule = Callable[[str], str]
"""Case-folded text → the words in it that ask for what is excluded; empty where nobody does."""


def general_debugging(text: str) -> str:
    """ "General debugging of user applications": somebody asks to, about code of their own, and it
    is a matter of the code.
    """
    # The screen first, then whether somebody asks, then whether it is about the code.
    if not (_NOUNS.are_in(text) and _VERBS.are_in(text)):
        return ""
    asked = _DEBUG.search(text)
    if asked is None:
        return ""
    # Asking is not enough: there must be a sign that the code is wrong, or a word of homework.
    sign = _LOCAL_TOO.search(text) or _LANGUAGE.search(text)
    if sign is None and not _HOMEWORK.search(text):
        return ""
    return f"{asked.group()}; {sign.group().strip()}" if sign else asked.group()


def rewriting_for_compatibility(text: str) -> str:
    """ "Rewriting application code for compatibility with Heroku": somebody asks us to do it; how
    to do it oneself is a question.
    """
    if not _CHANGES.are_in(text):
        return ""
    asked = _REWRITE.search(text)
    return (
        asked.group() if asked else found.group() if (found := _REWRITE_FOR_US.search(text)) else ""
    )


def patching_third_party(text: str) -> str:
    """ "Modifying and/or patching third party or Open Source software packages": not that of the
    platform itself.
    """
    if not _PACKAGES.are_in(text):
        return ""
    asked = _PATCH.search(text)
    # Patching the platform's own images and buildpacks is support's work.
    if asked is None or not _THIRD_PARTY.search(text) or _OURS.search(text):
        return ""
    return asked.group()


EXCLUSIONS: tuple[tuple[Rule, str], ...] = (
    # The narrowest rule first, the broadest last: the first one that matches gives the reason.
    (
        patching_third_party,
        "Support does not extend to modifying or patching third-party or open-source packages.",
    ),
    (
        rewriting_for_compatibility,
        "Support does not extend to rewriting application code so that it runs on the platform.",
    ),
    (general_debugging, "Support does not extend to the general debugging of applications."),
)
"""Rule → what the requester is told. Tried in this order; the first that finds words decides."""


@memo_last
def scope_of(ticket: OpenTicket) -> ScopeVerdict:
    """Whether the ticket is covered, with every rule tried."""
    # What is never excluded ends here, with one line in the trail.
    if why := _always_covered(ticket):
        return ScopeVerdict(Scope.COVERED, "", "", (_line("always_covered", True, why),))
    # Only the opening is read: what somebody asks for stands at the beginning.
    text = readable(f"{ticket.subject}\n{ticket.body[:OPENING]}").casefold()
    trail = []
    for rule, reason in EXCLUSIONS:
        # Words that ask for excluded work are set aside where the platform itself shows trouble.
        words = rule(text)
        if not words:
            trail.append(_line(rule.__name__, False, "nobody asks for it"))
            continue
        if symptom := _symptom(ticket):
            trail.append(
                _line(
                    rule.__name__, False, f'"{_short(words)}", but something is broken: "{symptom}"'
                )
            )
            continue
        trail.append(_line(rule.__name__, True, f'"{_short(words)}"'))
        return ScopeVerdict(Scope.NOT_COVERED, rule.__name__, reason, tuple(trail))
    return ScopeVerdict(Scope.COVERED, "", "", tuple(trail))


def _always_covered(ticket: OpenTicket) -> str:
    if ticket.priority is Priority.URGENT:
        return "it was sent as urgent"
    if ticket.kind is Kind.ARCHITECTURE:
        return "architects and pointers are for architecture"
    if ticket.addon is not None:
        return f"it is for the provider of {ticket.addon} to judge"
    return ""


def _symptom(ticket: OpenTicket) -> str:
    found = symptoms_of(readable(ticket.subject).casefold(), readable(ticket.body).casefold())
    # The first that is found, most telling first: the platform's code, then builds, then words.
    return (
        found.codes[0]
        if found.codes
        else found.build or found.platform or (found.broken if found.now else "")
    )


# Most tickets leave the same lines, so they are made once.
@lru_cache(maxsize=4096)
def _line(rule: str, matched: bool, because: str) -> RuleTried:
    return RuleTried(rule=rule, matched=matched, because=because)


def _short(words: str) -> str:
    words = " ".join(words.split())
    return words if len(words) <= 120 else words[:119] + "…"
