"""Where in a ticket a word stands: the same name weighs much in a sentence, little in a pasted
config, nothing in a stack frame. Pure.

Everything here takes case-folded text. Only the surroundings of a hit are looked at, so a long log
costs no more than a short one.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import NamedTuple

from services.router.evidence.expressions import Expression


class Region(StrEnum):
    SUBJECT = "subject"
    PROSE = "body"
    LOG = "log"
    """A log line, or the line of an exception that says what went wrong."""
    FRAME = "stack frame"
    """A place in a program: which library was running, not who failed."""
    BUILD = "build output"
    """What a package manager or build prints, and lists of dependencies."""
    CONFIG = "config listing"
    CODE = "code"
    QUOTED = "quoted text"


class Passage(NamedTuple):
    """A hit with what stands around it: the sentence in prose, the line elsewhere. The hit is
    `text[start:end]`.
    """

    region: Region
    text: str
    start: int
    end: int

    @property
    def before(self) -> str:
        return self.text[: self.start]

    @property
    def after(self) -> str:
        return self.text[self.end :]


REACH = 300
"""Characters on each side of a hit that are looked at."""

_QUOTED_FROM = re.compile(
    # English mail programs, forwarded mail, German, French; then the line that names the sender.
    r"^[^\n]{0,20}(?:-+ ?original message|begin forwarded|forwarded message"
    r"|urspr(?:ü|ue)ngliche nachricht|message d'origine)"
    r"|^on [^\n]{5,90}\swrote:\s*$|^am [^\n]{5,90}\sschrieb[^\n]{0,60}:\s*$"
    r"|^le [^\n]{5,90}\sa écrit\s?:\s*$",
    re.MULTILINE,
)
_OWN_WORDS = 80
"""So many characters before a quoted mail make it background. After `FYI` it is the ticket."""
_CONFIG_LINE = re.compile(
    # One setting a line: a key that looks like a variable or an address, a sign, a value.
    r"""\s*(?:export\s+|set\s+|env\s+)?["']?(?:[a-z0-9]+(?:_[a-z0-9]+)+|url|host|hostname"""
    r"""|server|address|port|username|password|endpoint)["']?"""
    r"""\s*(?:=>|[:=])\s*["']?\S+["']?,?\s*$"""
)
_CONFIG_TOKEN = re.compile(
    # A hit within a value: the key stands right before it, in the same token.
    r"""[("'\[{]*(?:[a-z0-9]+(?:_[a-z0-9]+)+|host(?:name)?|server|url|uri|address|endpoint"""
    r"""|port)["']?[:=]\S*$"""
)
# The hit is itself the key, with a value behind it.
_CONFIG_VALUE = re.compile(r"""[a-z0-9]*_\w+["']?(?:=|\s*=>)\S""")
_RELEASE_LINE = Expression(
    # The platform's release log lists every change of config and add-ons.
    r"\bv\d+:? +(?:deploy|attach|detach|set|provision|update|rollback|promote|enable|remove"
    r"|add)\b|@ref:"
)
_BUILD_LINE = re.compile(
    # Output of package managers and builds.
    r"\s*(?:remote:|-{3,}>|={3,}>|npm (?:err|warn|error)|yarn |pnpm |pip\d? |poetry |collecting "
    r"|installing |downloading |fetching "
    r"|building wheel"
    # Tools of other languages.
    r"|requirement |added \d|bundle |bundler|gem |mvn |\[info\]|\[error\] failed to execute goal"
    r"|go: |cargo |composer |compiling "
    r"|\$ (?:pip|npm|bundle|yarn|go|mvn|composer|heroku addons)"
    # Errors of a build, and lines of a dependency list.
    r"|(?:error|warn(?:ing)?):? (?:failed building|could not (?:find|install|build)|no matching"
    r"|package)|implementation ['\"]"
    r"""|["']?@?[\w./-]+["']?(?:\s*(?:==|~>|>=|<=|~=)\s*v?\d|["']\s*:\s*["'][\^~]?\d)"""
    r"""|[\w-]+ \(\d+(?:\.\d+)+\)\s*$|[\w-]+@\^?\d)"""
)
_FRAME_LINE = re.compile(
    # A line of a stack trace: Java, JavaScript, Ruby, Python, PHP, Go.
    r"\s*(?:at [\w$.<>\[\] ]+\s?\(|at (?:async )?[\w$./<>-]+[.:/]\S*\s*$|from /|file [\"'/]|#\d+ "
    r"|\.\.\. \d+ more|in <\w)"
    # A path into installed packages.
    r"|[^ ]*(?:vendor/bundle|node_modules/|site-packages/|/gems/|/lib/(?:ruby|python)[\d./])"
    r"|.{0,40}(?:vendor/bundle|node_modules/|site-packages/|/gems/)\S*:\d+"
    # A file of a program with a line number.
    r"|\s*/?[\w./-]+\.(?:rb|py|js|ts|java|go|php|exs?|scala|kt|cs):\d+"
)
_PATH = re.compile(r"(?:gems|node_modules|site-packages|vendor|lib)/\S*$")
"""A hit within a path of a library, wherever in the line."""
_LOG_LINE = re.compile(
    # A line with a time, or of the platform's log.
    r"\W{0,3}(?:\d{4}-\d\d-\d\d[t ]\d\d:\d\d|\w{3} +\d\d? \d\d:\d\d:\d\d|\d\d:\d\d:\d\d[.,: ])"
    r"|.{0,60}(?:\bapp\[|heroku\[|\bat=(?:error|info|warn))"
    # A line that begins with a level or the name of an error.
    r"|\W{0,3}(?:caused by:? |uncaught |unhandled |\[?(?:error|fatal|warn|critical|panic)\b)"
    r"|\W{0,3}(?:[\w$/]+(?:\.|::))*[\w$]*(?:error|exception|refused|timeout|failure)\b\s*[:(]"
    r"|\W{0,3}(?:econn|etimedout|enotfound|ehostunreach|getaddrinfo|dial tcp)"
)
_CODE_LINE = Expression(
    # Signs of a program: keywords, calls, a line that ends in `;` or `{`.
    r"^(?:const|let|var|def|import|from \S+ import|class|return|function|public|private|@\w+) "
    r"|\w\.new\(|\brequire\(|\bnew \w+\(|[;{]$"
    r"|\bprocess\.env\b|\benv\["
    r"|\w+\([^)]*(?:url|host|port)\s*[:=]"
)
_STOP = re.compile(
    r"[.!?;\n。！？](?:(?<=[.!?;])[.!?;]*\s|(?<=\n)(?:\s*\n|(?=\s*(?:[-*•>]|\d+[.)])\s))|(?<=[。！？]))"
)
"""The end of a sentence, a blank line, the next point of a list. It begins with one character of a
class: found five times as fast.
"""


class Layout:
    """A body with the spans that change what a line is: code fences, and where the quoted mail
    begins.
    """

    __slots__ = ("_fences", "_quoted_from", "body")

    def __init__(self, body: str) -> None:
        self.body = body
        self._fences: list[int] = (
            [m.start() for m in re.finditer("```", body)] if "```" in body else []
        )
        # The words are looked for first: the expression is slow on a long body.
        found = (
            _QUOTED_FROM.search(body)
            if (
                "wrote:" in body
                or "messag" in body
                or "nachricht" in body
                or "schrieb" in body
                or "a écrit" in body
            )
            else None
        )
        # A forward with hardly a word of the sender's own is the ticket, so it is not background.
        own_words = found is not None and len(body[: found.start()].strip()) >= _OWN_WORDS
        self._quoted_from = found.start() if found and own_words else len(body) + 1

    def passage(self, start: int, end: int) -> Passage:
        """The hit `body[start:end]` with its region and surroundings."""
        body = self.body
        # At most 4,000 characters to each side: a pasted file can be one line of a megabyte.
        left = body.rfind("\n", max(0, start - 4000), start) + 1 or max(0, start - 4000)
        right = body.find("\n", end, end + 4000)
        right = right if right >= 0 else min(len(body), end + 4000)
        region = self._region(body[left:right], start, left)
        # In prose and quoted mail the sentence counts; everywhere else the line does.
        if region in (Region.PROSE, Region.QUOTED):
            left, right = _sentence(body, start, end)
        left, right = max(left, start - REACH), min(right, end + REACH)
        return Passage(region, body[left:right], start - left, end - left)

    def _region(self, line: str, start: int, left: int) -> Region:
        stripped = line.lstrip()
        # The first that holds decides. Quoted text is first: whatever is inside is old.
        if start >= self._quoted_from or stripped.startswith(">"):
            return Region.QUOTED
        head = stripped[:500]
        # Config before build and log: a config line may look like either.
        if _RELEASE_LINE.search(line[:2000]) or _CONFIG_VALUE.match(line, start - left):
            return Region.CONFIG
        if _CONFIG_LINE.match(line[:2000]) or _CONFIG_TOKEN.search(
            line[max(0, start - left - 200) : start - left].rpartition(" ")[2]
        ):
            return Region.CONFIG
        # The value may be apart from its key: `host: my-redis`. So look at the token before the
        # hit.
        before = line[: start - left]
        before = before[: max(before.rfind(" "), before.rfind("\t")) + 1].rstrip()
        if before.endswith((":", "=", "=>")) and _CONFIG_TOKEN.search(
            before[-80:].rpartition(" ")[2]
        ):
            return Region.CONFIG
        # A path into a library, in a line of any kind.
        if _PATH.search(line[max(0, start - left - 120) : start - left].rpartition(" ")[2]):
            return Region.FRAME
        if _BUILD_LINE.match(head):
            return Region.BUILD
        # Frames and log lines overlap; a line with a time is a log line.
        if _FRAME_LINE.match(head) and not _LOG_LINE.match(head[:80]):
            return Region.FRAME
        if _LOG_LINE.match(head):
            return Region.LOG
        # An odd number of fences before it: the hit is inside a code block.
        fenced = sum(1 for fence in self._fences if fence < start) % 2 == 1
        if fenced or line.startswith(("    ", "\t")) or _CODE_LINE.search(head):
            return Region.CODE
        # What is nothing else is a sentence.
        return Region.PROSE


OPENING, END = 24_000, 8_000
"""Characters of a long body that are read: people say what it is about before the log they paste,
or after it.
"""


def opening_and_end(body: str) -> str:
    return body if len(body) <= OPENING + END else f"{body[:OPENING]}\n{body[-END:]}"


def in_subject(subject: str, start: int, end: int) -> Passage:
    return Passage(Region.SUBJECT, subject, start, end)


def _sentence(body: str, start: int, end: int) -> tuple[int, int]:
    """The sentence around the hit; in wrapped mail it goes over line ends."""
    left = max(0, start - REACH)
    # The last stop before the hit is where its sentence begins.
    for stop in _STOP.finditer(body, left, start):
        left = stop.end()
    stop_after = _STOP.search(body, end, min(len(body), end + REACH))
    return left, stop_after.start() + 1 if stop_after else min(len(body), end + REACH)
