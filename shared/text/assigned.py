"""Secrets that are known by the name they are given: `password: x`, `STRIPE_SECRET=…`, a line of
`heroku config`. Pure.

The name decides what it is, the value whether it is one: logs are full of `unexpected token: x` and
`password: required`. Names are found by searching for the few words they can have; the rest of the
text costs nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from shared.text.patterns import Span

# Every name of a secret holds one of these. Searching for them is all that most texts cost.
_ANCHORS = (
    "passw",
    "passphrase",
    "pwd",
    "secret",
    "token",
    "key",
    "credential",
    "_pass",
    "smtp_pass",
    "dbpass",
)
# Lower case is enough: names are looked for in the lowered text.
_OF_A_NAME = "abcdefghijklmnopqrstuvwxyz0123456789_-."
_LONGEST_NAME = 80
_NAME = re.compile(r"[a-z0-9_\-.]{1,80}")

# What may stand between a name and its value: a closing quote, a bracket, one of the signs, "is" or
# "was". Then a quoted value, or the first sign of a plain one.
_AFTER = re.compile(
    r"""["'`]?[\t ]{0,3}\]?(?P<sep>=>|:=|=(?!=)|:|\bis\b(?:[\t ]now\b)?|\bwas\b)[\t ]*"""
    r"""(?:(?P<q>["'`])(?P<quoted>(?:\\.|(?!(?P=q))[^\\\r\n]){0,2000})|(?P<plain>[^\s"'`<>]))?"""
)
_PLAIN = re.compile(r"""[^\s"'<>]{1,2001}""")
_JUDGED = 200
"""Characters of a plain value by which it is told whether it is a secret. Where names of secrets
follow one another without a blank, each has all that follows for its value: so the whole is not
read for each of them.
"""
# The parts of a name: `apiKey`, `API_KEY` and `api-key` all have two.
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_LINE = re.compile(r"[^\r\n]{0,2000}")


def _words(listed: str) -> frozenset[str]:
    return frozenset(listed.split())


# A name that ends with one of these is about a secret and holds none: `token_url`, `password_hint`,
# `secret.yml`.
_NOT_THE_VALUE = _words(
    "url uri id ids path file files filename name names ttl expiry expires expiration "
    "expired expire in at length len size type enabled disabled host port header headers "
    "timeout count algorithm alg endpoint policy field fields param params error errors "
    "invalid missing prefix suffix class method format version status state label hint "
    "help text required optional limit limits usage used budget min max strength reset "
    "changed rotation manager store provider service validator generator parser index "
    "column columns constraint sort dir directory failed failure mismatch denied not found "
    "unexpected bad unknown issue issuer audience scope scopes source kind digits rate "
    "hits rb py js ts jsx tsx mjs go java php ex exs erb haml rs cs kt scala swift vue "
    "html css json yml yaml xml txt md log lock conf "
)
# Words before "key" that make it no secret: `primary key`, `cache_key`.
_PLAIN_KEYS = _words(
    "primary foreign partition sort cache public publishable idempotency duplicate hash "
    "range object unique shard row group message host record index lookup translation "
    "storage sorted surrogate natural composite candidate config metadata tag "
    "label map dict json enter press any arrow shift control i18n s3 routing dedup ssh "
    "query event minified react trace span ref widget entity item "
)
# Words before "key" that make it one.
_KEY_QUALIFIERS = _words(
    "api access secret private auth master encryption encrypted signing app application "
    "account consumer client license licence service admin write read ingest integration "
    "deploy base web hmac jwt aes webhook merchant "
)
# Values that are words about a secret: `password: required`, `token=null`.
_NO_VALUE = _words(
    "required invalid incorrect missing wrong expired unset empty blank changed reset must "
    "should cannot can can't is was not "
    "no yes ok authentication failed failure please the a an your my our their and or for "
    "of to in on does did has have unknown mismatch none null nil true false undefined "
    "string str text varchar char integer int number boolean bool object optional any void "
    "self this that unexpected denied rejected accepted valid correct same different "
    "protected provided hidden secret set password token key with without from masked "
    "redacted filtered removed omitted todo changeme example ok. bytes str. env default "
    "unauthorized forbidden error "
)
# A line with one of these words is a sentence about an error, not a value with blanks.
_OF_A_SENTENCE = _words(
    "the a an is was has have not no be been cannot must should for to of in on with please your"
)
# Values that stand for another: masks, `$VAR`, `<your key>`, reading from the environment.
_PLACEHOLDER = re.compile(
    r"(?i)\[masked|\[?\[?(?:filtered|redacted|hidden|removed|secret|omitted|protected"
    r"|snip)\b|[*•x.\-_#?…]+$|\$|%[({]|\{\{|<|"
    r"ENV\b|process\.env|os\.(?:environ|getenv)|Rails\.|config\.|settings\.|params\b"
    r"|options\b|(?:your|my|some|the)[-_]"
)
# A value that looks like a piece of code: a call, a list, a symbol, a path.
_CODE = re.compile(r"[A-Za-z_][\w.:]*[\[(]|[\[({]|:[a-z_]+$|@[a-z_]|&|/[\w.\-]*(?:/|$)|\.\.?/|#<")
_CHAIN = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+$")
# `AccessToken`: the name of a class.
_TYPE = re.compile(r"(?:[A-Z][a-z]+){2,}$")
_NEXT = re.compile(r"[&;]")
_BEFORE_A_NAME = 80
"""Characters before a name that are enough for `_ENV_LINE`."""
_ENV_LINE = re.compile(r"[\t >|+\-]{0,20}(?:export[\t ]{1,20}|remote:[\t ]{1,20})?$")


def find_assigned_spans(text: str) -> Iterator[Span]:
    """Where a value stands that its name calls a secret."""
    lower = _lower(text)
    after, run = 0, _Run(text)
    # Places of all anchors together, from left to right, so that a value found earlier is skipped.
    for at in sorted({at for anchor in _ANCHORS for at in _places(lower, anchor)}):
        if at < after:
            continue
        start, end = _name_around(lower, at)
        after = end
        match = _AFTER.match(text, end)
        if match is None or text[max(0, start - 3) : start] == "://":
            # a user's name in an address, such as smtp://apikey:…@host, is no name of a value
            continue
        # 24 characters before the name: enough for the word before "key".
        kind = _kind_of(text[start:end], lower[max(0, start - 24) : start])
        if kind is None:
            continue
        span = _value(text, start, end, kind, match, run)
        if span is not None:
            yield (*span, kind)
            after = max(after, span[1])


class _Run:
    """Where the unbroken piece of text ends in which a plain value stands: looked for once a piece,
    not once a value.
    """

    __slots__ = ("_begins", "_ends", "_next", "_text")

    def __init__(self, text: str) -> None:
        self._text, self._begins, self._ends, self._next = text, 0, 0, -1

    def end(self, begin: int) -> int:
        """The end of the piece around `begin`, at most 2,001 characters on."""
        if not self._begins <= begin < self._ends:
            found = _PLAIN.match(self._text, begin)
            self._begins, self._ends = begin, found.end() if found else begin + 1
            self._next = -1
        return self._ends

    def end_of_parameter(self, begin: int) -> int:
        """The same, or where an `&` or `;` stands before."""
        stop = self.end(begin)
        if self._next < begin:
            found = _NEXT.search(self._text, begin, stop)
            self._next = found.start() if found else stop
        return self._next


def _places(lower: str, anchor: str) -> Iterator[int]:
    at = lower.find(anchor)
    while at >= 0:
        yield at
        at = lower.find(anchor, at + len(anchor))


def _lower(text: str) -> str:
    """In lower case, sign for sign: some letters grow when they are lowered, and places must
    agree.
    """
    lower = text.lower()
    return (
        lower
        # Turkish İ, for one, becomes two signs.
        if len(lower) == len(text)
        else "".join(sign.lower() if sign.isascii() else sign for sign in text)
    )


def _name_around(lower: str, at: int) -> tuple[int, int]:
    """Where the name that holds `at` begins and ends."""
    before, after = lower[max(0, at - _LONGEST_NAME) : at], _NAME.match(lower, at)
    start = at - len(before) + len(before.rstrip(_OF_A_NAME))
    end = after.end() if after else at
    # A full stop or a hyphen at the end belongs to the sentence.
    while end > at and lower[end - 1] in ".-":
        end -= 1
    return start, end


def _kind_of(name: str, before: str) -> str | None:
    """What the name says its value is, or None."""
    # From the surest kind to the vaguest: "key" can mean most things.
    words = [word.lower() for word in _WORDS.findall(name)]
    if not words or words[-1] in _NOT_THE_VALUE:
        return None
    last = words[-1]
    if any(
        word.endswith(("password", "passwd", "passphrase", "passwort")) or word in ("pwd", "dbpass")
        for word in words
    ):
        return "password"
    if last == "pass" and len(words) > 1:
        return "password"
    if any(word.endswith(("secret", "secrets")) for word in words):
        return "secret"
    if last.endswith("token"):
        return "token"
    if last in ("credential", "credentials"):
        return "credentials"
    return "key" if _is_secret_key(name, words, before) else None


def _is_secret_key(name: str, words: list[str], before: str) -> bool:
    """`API_KEY`, `api key`, `apikey`, `RAILS_MASTER_KEY`: yes; `primary key`, `cache_key`, `Key`:
    no.
    """
    if words[-1] in ("apikey", "accesskey", "secretkey", "privatekey", "authkey"):
        return True
    if "key" not in words[-2:] or (words[-1] != "key" and words[-1] != "base"):
        return False
    first = words[: words.index("key")]
    # "key" alone: only where the word before it says that it is a secret one.
    if not first:
        said = before.rstrip().rsplit(None, 1)
        return bool(said) and said[-1].strip("\"'([") in _KEY_QUALIFIERS and before[-1:] in " \t"
    if _PLAIN_KEYS.intersection(first):
        return False
    # A name in capitals is a variable of the environment: there a key is nearly always a secret.
    return name.isupper() or bool(_KEY_QUALIFIERS.intersection(first))


def _value(
    text: str, start: int, end: int, kind: str, match: re.Match[str], run: _Run
) -> tuple[int, int] | None:
    """Where the secret itself stands, if the value looks like one."""
    name, sep = text[start:end], match["sep"]
    # Quotes say exactly where the value ends. Without them it ends at a blank, or at what the form
    # of the line says.
    if match["quoted"] is not None:
        found = match["quoted"]
        span = match.span("quoted")
        secret = _is_given(found, kind, quoted=True, name=name)
        return span if secret and found.strip() else None
    if match["plain"] is None:
        return None
    leads = name.isupper() and _leads(text, start)
    begin = match.start("plain")
    # `NAME: value` at the start of a line, as `heroku config` prints it.
    if leads and sep == ":":
        return _rest_of_line(text, begin, kind, name)
    # In `a=b&c=d` the value ends at the & sign.
    parameter = sep.startswith("=") and not leads
    stop = run.end_of_parameter(begin) if parameter else run.end(begin)
    # Signs at the end belong to the sentence or the brackets around it.
    while stop > begin and text[stop - 1] in ".,;:)]}":
        stop -= 1
    found = text[begin : min(stop, begin + _JUDGED)]
    if not found or not _is_given(found, kind, quoted=False, name=name):
        return None
    if (
        sep == "="
        and not name.isupper()
        and _CHAIN.match(found)
        and not any(sign.isdigit() for sign in found)
    ):
        return None  # code: `secret = portal.settings.secret`
    # "the password is wrong" is common, "the password is hunter2" must be seen: only what looks
    # made up.
    if sep.startswith(("is", "was")) and not (len(found) >= 6 and _looks_made_up(found)):
        return None
    return begin, stop


def _leads(text: str, start: int) -> bool:
    """Whether a name begins its line, as in `heroku config`; only the few characters before it are
    looked at.
    """
    # Only as far back as needed: a log may be one line of megabytes.
    near = max(0, start - _BEFORE_A_NAME)
    line_start = max(text.rfind("\n", near, start), text.rfind("\r", near, start)) + 1
    return (line_start > 0 or near == 0) and _ENV_LINE.match(text, line_start, start) is not None


def _rest_of_line(text: str, begin: int, kind: str, name: str) -> tuple[int, int] | None:
    """A line of `heroku config`: whatever follows the name, blanks included, unless it is a
    sentence about an error.
    """
    line = _LINE.match(text, begin)
    assert line is not None
    found = line[0].rstrip()
    words = found.split()
    # One word is judged like any value; several must not read as a sentence.
    given = not _OF_A_SENTENCE.intersection(found.lower().split()) if len(words) > 1 else True
    if (
        not words
        or not given
        or not (len(words) > 1 or _is_given(found, kind, quoted=False, name=name))
        or _PLACEHOLDER.match(found)
    ):
        return None
    return begin, begin + len(found)


def _is_given(value: str, kind: str, *, quoted: bool, name: str) -> bool:
    """Whether a value is a secret and not a word about one, a placeholder or a piece of code."""
    if _PLACEHOLDER.match(value) or value.lower().rstrip(".,;:!?)]}") in _NO_VALUE:
        return False
    # A password may be any word. Other kinds must look like no word at all.
    if kind == "password":
        return not (not quoted and _CODE.match(value))
    # `token: 42`: numbers this short count something.
    if value.isdecimal() and len(value) < 12:
        return False
    if quoted or name.isupper():
        return len(value) >= 4 and not (not quoted and _CODE.match(value))
    return len(value) >= 8 and not _CODE.match(value) and _looks_made_up(value)


def _looks_made_up(value: str) -> bool:
    """Not a plain word: digits, signs or odd capitals in it, or far too long for one."""
    letters = value.strip(".,;:!?")
    if _TYPE.match(letters):
        return False
    return (
        len(letters) >= 20
        or any(not sign.isalpha() and sign not in "-'" for sign in letters)
        or not (letters.islower() or letters[1:].islower())
    )
