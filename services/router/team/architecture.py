"""Does a text read like a question for the solutions architects? A score with its reasons. Pure.

Seed 001, Customer Solutions Architecture: they help to develop, optimise and scale applications,
to prepare high-traffic events and to design solutions; they handle no break/fix. So four kinds of
words count for it: what is asked for (advice, not a fact), what it is about (capacity, design) and
whether it is still to come. A text that reports something broken is never one, whatever it asks.

The vocabulary holds everyday words of the field and no sentences: what people ask is not known
beforehand. `tests/corpus/architecture` says how well it does, on a half that nobody tuned it on.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from services.router.evidence.expressions import Expression, PresenceTest, Words
from services.router.evidence.symptoms import OPENING
from services.router.team.planning import SCREEN, TELLING, ideas_in

ENOUGH = 6.0
"""Points from which a text is suggested to the architects."""
SURE = 13.0
"""Points at which the confidence is 1."""

SHORT = 120
"""Characters below which a text has no room for many words, and gets a point for that."""

MOST = {"advice": 3, "topics": 6, "planning": 2}
"""How many different words of a kind count at most."""

# The screens are built once from the vocabulary, so that both always know the same words.
_ASKS = Words(SCREEN["asks"])
_ABOUT = Words(SCREEN["about"])
"""Without a word of each nothing reads like it: all that is spent on most tickets."""

_TROUBLE = PresenceTest(
    # Errors and crashes by name.
    r"\berrors?\b|exception|\bfatal\b|crash|\bfail(?:s|ed|ing|ure|ures)?\b|unreachable"
    r"|\bstuck\b|\bhangs?\b|deadlock"
    # It is down, late or cut off.
    r"|\b(?:is|are|was|were|went|goes|shows?|be|been|site|app) down\b|\boutage\b"
    r"|\btimed? ?out\b|times out|timing out|timeouts?\b"
    r"|disconnect|out of memory|\boom\b|exit (?:status|code)|exited with|\bbroken\b|not work"
    r"|\brestarts? every|keeps? \w+ing"
    # Somebody cannot do something, or something does not happen.
    r"|\bnobody (?:can|reaches|gets)|(?:can ?not|can't|could ?n[o']t"
    r"|unable to) (?:\w+ )?(?:connect|reach|accept|log|load|deploy"
    r"|start|open|push|find|scale|see|use|get)"
    r"|(?:does|do|did|is|are|has|have|was)(?:n't| not) (?:\w+ly |even |longer |yet "
    r"|seem to )?(?:add|start|work|run|shrink|scale|respond|answer|boot|help|moved"
    r"|react|arriv|finish|come|connect|reach|improv|happen|load|accept|deliver|autoscal"
    r"|going down|any better)"
    # Complaints without a technical word.
    r"|getting worse|gets worse|what is (?:wrong|going on)|what's (?:wrong|going on)|still slow"
    r"|\bblocks? (?:our|us|all|requests)|\bblocked\b"
    # A limit is hit; something is refused, lost or done by mistake.
    r"|too many connections|connection slots|reserved for|\brefus(?:es|ed|ing)\b|rejected"
    r"|\bwrong\b|\blost\b|\brequest[ _]id\b|connections? (?:was |were |is |are )?(?:closed"
    r"|reset|dropped)|by accident|by mistake|restore it"
    # Somebody asks for help in a hurry.
    r"|please help|help quickly|asap\b|immediately|\burgent"
    # HTTP status codes; a bare 500 is too often a quantity, so it needs a word beside it.
    r"|\b50[234]s?\b|\b500s\b"
    r"|(?:error|status|http|code|returns?|answers?|shows?|an?) 500\b|\b500 (?:error|internal"
    r"|response)"
    # German and French.
    r"|fehler|stürzt|abgestürzt|geht nicht|funktioniert nicht|nicht erreichbar|en panne"
    r"|ne fonctionne|erreur|plante"
)
"""Words of trouble. In a sentence that only fears it, or tells of an earlier year, they say
nothing of now."""

_SUPPOSED = PresenceTest(
    # A condition, or something to prevent.
    r"\bif\b|\bavoid|\bprevent|\bwithout (?:any |the |a |an |our )?(?:errors?|downtime|outage"
    r"|timeouts?|fail|trouble|running|hitting|going|losing|users|people|risk)|so that|in case"
    # A plan, or an earlier time.
    r"|\bwould\b|\bwill\b|we'll\b|last (?:year|time|launch|season|summer|autumn|christmas"
    r"|campaign|sale|event|black)|previous(?:ly)?\b|in the past|used to\b|years? ago"
    # A question to find out, a worry, something to make sure of.
    r"|want to (?:find out|know|avoid|make sure)"
    r"|make sure|don't want|do not want|not to (?:run|have|get)|worr(?:y|ied)|concern|afraid"
    r"|fear|\brisk|what happens|at (?:which|what) point"
    # Whether it will hold, and how others do it.
    r"|\bsurviv|toler|handle|\bcould (?:we|one|it)\b|\bshould\b|\bplan for\b|\bhow (?:do|would"
    r"|should|can|could) (?:we|you|others|people|teams) "
    # The same in German and French, and rarer English forms.
    r"|falls? over|\bwhen (?:a|an|one)\b|damit|falls\b|vermeiden|afin|éviter"
    r"|(?:^|[^m] )assuming\b|(?:^|[^m] )supposing\b|\bwere to\b"
    r"|\bin the event (?:of|that)\b|\bangenommen\b|\bsupposons\b"
)

_SINCE = PresenceTest(
    # A beginning in the recent past.
    r"\bsince (?:this|yesterday|last|about|noon|midnight|the|our|we|my|you|monday|tuesday"
    r"|wednesday|thursday|friday|saturday|sunday"
    r"|an hour|\w+ o'clock|version|then|a few|around)\b|\bsince \d"
    r"|this morning|\bsuddenly|for the (?:last|past) \w+ (?:min|hour|day)|\bstarted (?:at|about"
    r"|around|with|after)|\ball of a sudden"
    # It happens again and again.
    r"|(?:every|each) (?:evening|morning|night|few|day about|day at"
    r"|hour)[^.?!\n]{0,30}\b(?:take|took|hang|slow|restart|fall|queue|stop)"
    r"|\b(?:all the time|again and again|more and more|every few minutes)|\bnow because"
    r"|\bwe (?:now )?need [^.?!\n]{0,20}\bnow\b|\bill? not now"
    # Router and dyno codes of the platform, and pasted exceptions.
    r"|\b(?:h1[0-9]|h2[0-8]|h3[01]|h8[0-2]|h99|r1[0-7]|r99)\b|\bfatal:|::\w*(?:error|exception"
    r"|bad|timeout)\b|\bat=error\b"
    r"|seit (?:heute|gestern|\d)|depuis (?:ce|hier|\d)"
)
"""It goes on now: said so, or the platform's codes and pasted errors say it."""
_NOW = PresenceTest(
    r"\bright now\b|\bat the moment\b|\bcurrently\b|\btoday\b|aktuell|\bgerade\b|actuellement"
)
"""Now as well, but said of plans too: it counts only in a sentence with trouble."""

# Ends of sentences: trouble counts only in a sentence that speaks of now.
_SENTENCE = re.compile(r"[.!?]+(?:\s|$)|\n+")
# A number with a unit of size, or one of three digits and more: planning speaks of quantities.
_QUANTITY = Expression(
    r"\b\d+(?:[.,]\d+)?\s?(?:k|m|x|times|million|thousand|tb|gb)\b|\b\d{1,3}[.,]\d{3}\b|\b\d{3,}\b"
)


_UNDERTAKEN = re.compile(
    r"\s*(?:scaling|preparing|sizing|choosing|planning|designing|migrating|moving|splitting"
    r"|connecting|optimi[sz]ing"
    r"|architecting|load[- ]testing)\b"
)
"""A subject that names an undertaking asks how to go about it."""
# The exceptions are requests ("or could you…") and "or something": no choice between two designs.
_CHOICE = Expression(
    r"\b(?:or|vs|versus)\b(?! (?:could|can|would|will) (?:you|somebody|someone)| is it (?:your?"
    r"|our|a bug|something))"
    r"[^.?!;\n]{1,80}\?"
)
"""One thing or the other?"""


@dataclass(frozen=True, slots=True)
class Likeness:
    """How much a text reads like an architecture question. `because`: what was found, for
    people.
    """

    points: float
    because: tuple[str, ...]

    @property
    def is_enough(self) -> bool:
        return self.points >= ENOUGH

    @property
    def confidence(self) -> float:
        return round(min(1.0, self.points / SURE), 2)


NOTHING = Likeness(0.0, ())


def likeness_of(subject: str, body: str) -> Likeness:
    """The score of a text (both parts case-folded); `NOTHING` where it cannot be enough, or where
    something is broken now.
    """
    # The cheap screen first; nearly every ticket ends here.
    text = f"{subject}.\n{body[:OPENING]}".replace("’", "'")
    if not (_ASKS.are_in(text) and _ABOUT.are_in(text)):
        return NOTHING
    # Before the score: no number of planning words makes up for something that is broken now.
    if _reports_trouble(text):
        return NOTHING
    return _score(subject, text)


def _score(subject: str, text: str) -> Likeness:
    ideas = ideas_in(text)
    # What is asked for, and about what. Most texts end here: the rest could not make it enough.
    advice, topics = ideas["advice"], ideas["topics"]
    # A subject that begins with an undertaking is one more idea of advice.
    if begun := _UNDERTAKEN.match(subject):
        advice["subject"] = begun.group().strip()
    is_question = "?" in text
    # "A or B?" is advice, unless the vocabulary has found a choice already.
    if is_question and "choice" not in advice and (either := _CHOICE.search(text)):
        advice["choice"] = either.group()
    # A question counts, and a short text gets a point for the words it has no room for.
    points = (1.0 if is_question else 0.0) + (1.0 if len(text) < SHORT else 0.0)
    # Any advice at all counts one more; `TELLING` topics count twice.
    points += 1.0 + min(len(advice), MOST["advice"]) if advice else 0.0
    points += min(len(topics) + len(TELLING & topics.keys()), MOST["topics"])
    # The last `+ 1` is the point that a quantity can still bring.
    if not topics or not (advice or is_question) or points + MOST["planning"] + 1 < ENOUGH:
        return NOTHING
    # Whether it is still to come, and what takes points away.
    planning, how_to = ideas["planning"], ideas["how to"]
    points += min(len(planning), MOST["planning"]) + (1.0 if _QUANTITY.search(text) else 0.0)
    # With numbers to work out or a choice to make, "how do I" asks for no single step.
    if "reckoned" in advice or "choice" in advice:
        how_to.pop("steps of my own", None)
    # At most two of each kind take points away: one word too many must not decide.
    points -= 2.0 * min(len(how_to), 2) + 3.0 * min(len(ideas["bills"]), 2)
    # A single everyday topic, nothing to come: never enough, however much advice is asked for.
    if len(topics) < 2 and not planning and not TELLING & topics.keys():
        points = min(points, ENOUGH - 1)
    because = tuple(
        f"{what}: {', '.join(found.values())}"
        for what, found in (
            ("asks for advice", advice),
            ("is about", topics),
            ("is still to come", planning),
        )
        if found
    )
    return Likeness(points, because)


def _reports_trouble(text: str) -> bool:
    """Whether something is broken now, and not only feared or long past."""
    if _SINCE.is_in(text):
        return True
    # The whole text first, because it is one cheap look; then each sentence by itself.
    return _TROUBLE.is_in(text) and any(
        _TROUBLE.is_in(sentence) and (_NOW.is_in(sentence) or not _SUPPOSED.is_in(sentence))
        for sentence in _SENTENCE.split(text)
    )
