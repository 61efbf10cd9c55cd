"""Secrets that are known by the name they are given: `password: x`, `STRIPE_SECRET=…`, a line of `heroku config`. Pure.

The name decides what it is, the value whether it is one: logs are full of `unexpected token: x` and `password: required`.
Names are found by searching for the few words they can have; the rest of the text costs nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from shared.text.patterns import Span

_ANCHORS = ("passw", "passphrase", "pwd", "secret", "token", "key", "credential", "_pass", "smtp_pass", "dbpass")
_NAME = frozenset("abcdefghijklmnopqrstuvwxyz0123456789_-.")
_LONGEST_NAME = 80

_AFTER = re.compile(
    r"""["'`]?[\t ]{0,3}\]?(?P<sep>=>|:=|=(?!=)|:|\bis\b(?:[\t ]now\b)?|\bwas\b)[\t ]*"""
    r"""(?:(?P<q>["'`])(?P<quoted>(?:\\.|(?!(?P=q))[^\\\r\n]){0,2000})|(?P<plain>[^\s"'`<>][^\s"'<>]{0,2000}))?"""
)
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_LINE = re.compile(r"[^\r\n]{0,2000}")


def _words(listed: str) -> frozenset[str]:
    return frozenset(listed.split())


_NOT_THE_VALUE = _words(
    "url uri id ids path file files filename name names ttl expiry expires expiration expired expire in at length len size "
    "type enabled disabled host port header headers timeout count algorithm alg endpoint policy field fields param params "
    "error errors invalid missing prefix suffix class method format version status state label hint help text required "
    "optional limit limits usage used budget min max strength reset changed rotation manager store provider service validator "
    "generator parser index column columns constraint sort dir directory failed failure mismatch denied not found unexpected "
    "bad unknown issue issuer audience scope scopes source kind digits rate hits "
    "rb py js ts jsx tsx mjs go java php ex exs erb haml rs cs kt scala swift vue html css json yml yaml xml txt md log lock conf "
)
_PLAIN_KEYS = _words(
    "primary foreign partition sort cache public publishable idempotency duplicate hash range object unique shard row group "
    "message host record index lookup translation storage sorted surrogate natural composite candidate config metadata tag "
    "label map dict json enter press any arrow shift control i18n s3 routing dedup ssh query event minified react trace span "
    "ref widget entity item "
)
_KEY_QUALIFIERS = _words(
    "api access secret private auth master encryption encrypted signing app application account consumer client license "
    "licence service admin write read ingest integration deploy base web hmac jwt aes webhook merchant "
)
_NO_VALUE = _words(
    "required invalid incorrect missing wrong expired unset empty blank changed reset must should cannot can can't is was not "
    "no yes ok authentication failed failure please the a an your my our their and or for of to in on does did has have "
    "unknown mismatch none null nil true false undefined string str text varchar char integer int number boolean bool object "
    "optional any void self this that unexpected denied rejected accepted valid correct same different protected provided "
    "hidden secret set password token key with without from masked redacted filtered removed omitted todo changeme example "
    "ok. bytes str. env default unauthorized forbidden error "
)
_OF_A_SENTENCE = _words("the a an is was has have not no be been cannot must should for to of in on with please your")
_PLACEHOLDER = re.compile(
    r"(?i)\[masked|\[?\[?(?:filtered|redacted|hidden|removed|secret|omitted|protected|snip)\b|[*•x.\-_#?…]+$|\$|%[({]|\{\{|<|"
    r"ENV\b|process\.env|os\.(?:environ|getenv)|Rails\.|config\.|settings\.|params\b|options\b|(?:your|my|some|the)[-_]"
)
_CODE = re.compile(r"[A-Za-z_][\w.:]*[\[(]|[\[({]|:[a-z_]+$|@[a-z_]|&|/[\w.\-]*(?:/|$)|\.\.?/|#<")
_CHAIN = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+$")
_TYPE = re.compile(r"(?:[A-Z][a-z]+){2,}$")
_ENV_LINE = re.compile(r"[\t >|+\-]{0,20}(?:export[\t ]+|remote:[\t ]+)?$")


def assigned_spans(text: str) -> Iterator[Span]:
    """Where a value stands that its name calls a secret."""
    lower = _lower(text)
    after = 0
    for at in sorted({at for anchor in _ANCHORS for at in _places(lower, anchor)}):
        if at < after:
            continue
        start, end = _name_around(lower, at)
        after = end
        match = _AFTER.match(text, end)
        if match is None or text[max(0, start - 3) : start] == "://":
            continue  # a user's name in an address, such as smtp://apikey:…@host, is no name of a value
        kind = _kind_of(text[start:end], lower[max(0, start - 24) : start])
        if kind is None:
            continue
        span = _value(text, start, end, kind, match)
        if span is not None:
            yield (*span, kind)
            after = max(after, span[1])


def _places(lower: str, anchor: str) -> Iterator[int]:
    at = lower.find(anchor)
    while at >= 0:
        yield at
        at = lower.find(anchor, at + len(anchor))


def _lower(text: str) -> str:
    """In lower case, sign for sign: some letters grow when they are lowered, and places must agree."""
    lower = text.lower()
    return lower if len(lower) == len(text) else "".join(sign.lower() if sign.isascii() else sign for sign in text)


def _name_around(lower: str, at: int) -> tuple[int, int]:
    start = at
    while start > 0 and at - start < _LONGEST_NAME and lower[start - 1] in _NAME:
        start -= 1
    end = at
    while end < len(lower) and end - at < _LONGEST_NAME and lower[end] in _NAME:
        end += 1
    while end > at and lower[end - 1] in ".-":
        end -= 1
    return start, end


def _kind_of(name: str, before: str) -> str | None:
    """What the name says its value is, or None."""
    words = [word.lower() for word in _WORDS.findall(name)]
    if not words or words[-1] in _NOT_THE_VALUE:
        return None
    last = words[-1]
    if any(word.endswith(("password", "passwd", "passphrase", "passwort")) or word in ("pwd", "dbpass") for word in words):
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
    """`API_KEY`, `api key`, `apikey`, `RAILS_MASTER_KEY`: yes; `primary key`, `cache_key`, `Key`: no."""
    if words[-1] in ("apikey", "accesskey", "secretkey", "privatekey", "authkey"):
        return True
    if "key" not in words[-2:] or (words[-1] != "key" and words[-1] != "base"):
        return False
    first = words[: words.index("key")]
    if not first:
        said = before.rstrip().rsplit(None, 1)
        return bool(said) and said[-1].strip("\"'([") in _KEY_QUALIFIERS and before[-1:] in " \t"
    if _PLAIN_KEYS.intersection(first):
        return False
    return name.isupper() or bool(_KEY_QUALIFIERS.intersection(first))


def _value(text: str, start: int, end: int, kind: str, match: re.Match[str]) -> tuple[int, int] | None:
    """Where the secret itself stands, if the value looks like one."""
    name, sep = text[start:end], match["sep"]
    if match["quoted"] is not None:
        found = match["quoted"]
        span = match.span("quoted")
        secret = _is_given(found, kind, quoted=True, name=name)
        return span if secret and found.strip() else None
    if match["plain"] is None:
        return None
    line_start = max(text.rfind("\n", 0, start), text.rfind("\r", 0, start)) + 1
    leads = name.isupper() and _ENV_LINE.match(text, line_start, start) is not None
    if leads and sep == ":":
        return _rest_of_line(text, match.start("plain"), kind, name)
    begin, stop = match.span("plain")
    found = text[begin:stop]
    if sep.startswith("=") and not leads:
        found = re.split(r"[&;]", found, maxsplit=1)[0]
    while found and found[-1] in ".,;:)]}":
        found = found[:-1]
    if not found or not _is_given(found, kind, quoted=False, name=name):
        return None
    if sep == "=" and not name.isupper() and _CHAIN.match(found) and not any(sign.isdigit() for sign in found):
        return None  # code: `secret = portal.settings.secret`
    if sep in ("is", "was", "is now") or sep.startswith("is"):
        return (begin, begin + len(found)) if len(found) >= 6 and _looks_made_up(found) else None
    return begin, begin + len(found)


def _rest_of_line(text: str, begin: int, kind: str, name: str) -> tuple[int, int] | None:
    """A line of `heroku config`: whatever follows the name, blanks included, unless it is a sentence about an error."""
    line = _LINE.match(text, begin)
    assert line is not None
    found = line[0].rstrip()
    words = found.split()
    given = not _OF_A_SENTENCE.intersection(found.lower().split()) if len(words) > 1 else True
    if not words or not given or not (len(words) > 1 or _is_given(found, kind, quoted=False, name=name)) or _PLACEHOLDER.match(found):
        return None
    return begin, begin + len(found)


def _is_given(value: str, kind: str, *, quoted: bool, name: str) -> bool:
    """Whether a value is a secret and not a word about one, a placeholder or a piece of code."""
    if _PLACEHOLDER.match(value) or value.lower().rstrip(".,;:!?)]}") in _NO_VALUE:
        return False
    if kind == "password":
        return not (not quoted and _CODE.match(value))
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
