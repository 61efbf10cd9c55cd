"""What a text says of the trouble itself: the platform's error codes, builds that fail, what is
broken, what is planned. Pure.

All of it reads case-folded text, and only the first part of a long one: what a ticket is about is
said at its beginning.
"""

from __future__ import annotations

from dataclasses import dataclass

from services.router.evidence.expressions import Expression

OPENING = 12_000
"""Characters of a body that are read for symptoms."""

# Letters, dots and `#` around it make it a name, a file or a heading (`<h1>`), and no code.
_CODE = Expression(r"(?<![\w.#-])(?:h1[0-9]|h2[0-8]|h3[0-1]|h8[0-2]|h99|r1[0-7]|r99)(?![\w-]|\.\w)")
"""Router and dyno error codes (seed 001, and Error Codes in the Dev Center)."""

_BUILD = Expression(
    # A push that git or the platform refuses.
    r"push (?:is |was |gets )?rejected|pushes are rejected|pre-receive hook|failed to compile"
    r"|failed to push|compiled slug"
    r"|slug (?:is )?(?:too large|size)"
    # "The build fails", in any words.
    r"|(?:build|builds|deploy|deploys|deployment|deployments|release phase|release command"
    r"|pipeline promotion)"
    r"(?: (?:process|step|of \S+|on \S+|to \S+|for \S+))?(?: \w+)? (?:fail|crash|break|hang"
    r"|is failing|are failing|is broken"
    r"|keeps failing|aborts|stops|error|times? out)"
    # "Cannot deploy", "fails during the build".
    r"|(?:cannot|can ?not|can't|could not|unable to|not able to|fails? to|failed to) (?:deploy"
    r"|build|install|push|release|compile)"
    r"|fail(?:s|ed|ing)? (?:during|while|at|in|on) (?:the )?(?:build|deploy|install|bundle|compil"
    r"|asset|slug)"
    # Errors of package managers.
    r"|failed building wheel|could not build wheels|no matching distribution"
    r"|could not find a version that satisfies|npm err!|npm error"
    r"|an error occurred while installing|gem::ext::builderror|bundle install.{0,40}fail"
    r"|native extension|build failed"
    r"|buildpack.{0,30}(?:fail|error)"
    r"|eresolve|dependency resolution|requirements\.txt.{0,60}(?:fail|error|conflict)"
)
_PLATFORM = Expression(
    # All connections alike are hit, or a single dyno is.
    r"(?:any|all|every|no|our|open) (?:outgoing|outbound|external) (?:connections?|requests?"
    r"|traffic|hosts?|calls?)|(?:one"
    r"|single) dyno\b|\b(?:web|worker)\.\d+ (?:only|can ?not|can't|alone)"
    r"|(?:e-?mail|mail|message|invitation)s? (?:by|from) heroku"
    # The platform's account checks, dynos that are told to stop, limits of a dyno.
    r"|account verification|verify (?:the|my|our) account|no web (?:dynos|processes)|sigterm"
    r"|sigkill"
    r"|stopping all processes|process running mem=|exit status 1[34]\d|memory quota|boot timeout"
    # An app that does not boot, and dynos that restart.
    r"|failed to bind to \$port|\bbinds? to (?:its|the|a|\$) ?port|application error|app crashed"
    r"|state changed from (?:up"
    r"|starting) to crashed"
    r"|dynos? (?:keeps? |are |is )?(?:crash|restart|cycl|idl|not start|stuck"
    r"|do(?:es)? not (?:start|boot)|won't (?:start|boot))"
    # Domains, certificates, and tools of the platform.
    r"|custom domain|ssl cert(?:ificate)? (?:of|for) (?:our|my|the) (?:custom )?(?:domain|site"
    r"|app|shop)|automated certificate|\bacm\b"
    r"|heroku (?:cli|dashboard|login|run|scheduler|pipelines?|ci)\b|review apps?"
    r"|config vars? (?:page|changes?|tab|do(?:es)? not)"
    r"|two-factor"
    r"|(?:heroku )?scheduler|request timeout|router log|preboot"
)
_BROKEN = Expression(
    # It is down, or answers with an error.
    r"\b(?:is|are|went|goes|completely|totally|been) down\b|\bcrash(?:es|ed|ing)?\b|\boutage\b"
    r"|\b50[0234]s?\b|unreachable"
    r"|connection refused|refuse[sd]? conn"
    r"|econnrefused|does not (?:boot|start|respond|answer)|won't (?:boot|start)"
    r"|not (?:reachable|responding)|stopped working|times? out"
    r"|timing out|timeouts?\b"
    # Somebody cannot do something, and general words of failure.
    r"|cannot (?:log ?in|connect|deploy|reach|push)|can't (?:log ?in|connect|deploy|reach|push)"
    r"|\bfail(?:s|ing)?\b|\bbroken\b|error page"
    # It ended, or everybody is hit.
    r"|not work(?:ing)? (?:any ?more|since)|\bexit(?:s|ed)? (?:with )?(?:code|status)"
    r"|every request|all (?:of )?(?:our )?(?:requests"
    r"|users|customers)"
)
_NOW = Expression(
    # A beginning, or a time that goes on.
    r"\bsince (?:\d|this|yesterday|last|about|noon|midnight|the|our|we|monday|tuesday|wednesday"
    r"|thursday|friday|saturday|sunday|an hour"
    r"|\w+ o'clock)"
    r"|right now|currently|at the moment|this morning|tonight|today|suddenly|keeps?\b"
    r"|for the last \w+ (?:min|hour)|started (?:at|about"
    r"|around)|began"
)
_PLANNING = Expression(
    # A plan is made, or advice is asked for.
    r"\bplan(?:s|ning|ned)?\b|prepar|\bdesign|\breview (?:of|our)|architect|should (?:we|i)"
    r"|would you|recommend|advice|advise|opinion"
    r"|strateg|best (?:way|practice)"
    # What is planned, and for when.
    r"|next (?:month|week|year|quarter|spring|summer|autumn|fall|winter|black friday)"
    r"|\bexpect(?:ing|ed)?\b|how (?:do|would|should|can"
    r"|could) (?:we|i|others|you)"
    # Events, large changes ahead, and choices.
    r"|black friday|launch|campaign|sizing|\bscal(?:e|ing)\b|multi-region"
    r"|fail-?over (?:plan|design|set)|split(?:ting)?|migrat"
    r"|trade-?off|choos|which (?:one|region|queue|database)"
    r"|in the long run|road ?map|optimi[sz]|capacity|blueprint|second pair of eyes"
    r"|what should we change"
)


@dataclass(frozen=True, slots=True)
class Symptoms:
    """Words found, as evidence; empty where there are none. `codes` are the platform's own error
    codes.
    """

    codes: tuple[str, ...]
    build: str
    platform: str
    broken: str
    now: str

    @property
    def is_platform(self) -> bool:
        return bool(self.codes or self.build or self.platform)

    @property
    def words(self) -> str:
        """The platform's signs, for a trail."""
        return ", ".join(f'"{word}"' for word in (*self.codes, self.build, self.platform) if word)


def symptoms_of(subject: str, body: str) -> Symptoms:
    """What subject and body (case-folded) say is wrong."""
    text = f"{subject}\n{body[:OPENING]}"
    codes = tuple(dict.fromkeys(code.upper() for code in _CODE.findall(text)))
    return Symptoms(
        # Five codes say enough, and keep the reason short.
        codes[:5],
        _first(_BUILD, text),
        _first(_PLATFORM, text),
        _first(_BROKEN, text),
        _first(_NOW, text),
    )


def is_break_fix(subject: str, body: str, found: Symptoms) -> bool:
    """Something is broken now, and nobody asks for a plan: conservative, since architects can tell
    as well.
    """
    planning = len(set(_PLANNING.findall(f"{subject}\n{body[:OPENING]}")))
    # A subject that plans is a plan, whatever the body tells of the past.
    if _PLANNING.search(subject):
        return False
    # Codes and builds are hard signs, so one word of planning is put up with if it happens now.
    if found.codes or found.build:
        return planning == 0 or bool(found.now and planning <= 1)
    # Words of breakage are soft signs, so any word of planning is enough against them.
    return bool(found.broken and found.now) and planning == 0


def _first(pattern: Expression, text: str) -> str:
    found = pattern.search(text)
    return found.group() if found else ""
