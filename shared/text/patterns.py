"""Secrets that are known by their own look: addresses with a password, tokens with a vendor's
prefix, key blocks, cards. Pure.

Each rule names a piece of text without which it cannot match, so that a long log costs a few
searches and no matching. The prefixes are those the vendors publish for secret scanning.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

Span = tuple[int, int, str]
"""Start, end and kind of a secret in a text."""


class Rule(NamedTuple):
    kind: str
    needs: tuple[str, ...]
    """One of these must be in the text."""
    pattern: re.Pattern[str]
    """Its group `s` is the secret."""


def _rule(kind: str, needs: str, pattern: str) -> Rule:
    return Rule(kind, tuple(needs.split()), re.compile(pattern))


_B = r"(?<![A-Za-z0-9_])"  # where a token may begin: not in the middle of a word
# After the @ comes a host, or a placeholder for one: an @ in a sentence ends no address.
_HOST = r"(?=[\w.\-\[%$])"
_DATABASES = (
    r"(?:postgres(?:ql)?|postgis|mysql2?|mariadb|rediss?|amqps?|mongodb(?:\+srv)?|mssql"
    r"|sqlserver|cockroachdb|kafka|ldaps?|smtps?)"
)

# The order does not matter: `redact` sorts the places and joins those that overlap. `(?!\[masked)`
# keeps a rule from masking what is masked.
RULES = (
    Rule(
        "private key",
        ("PRIVATE KEY",),
        re.compile(
            r"(?s)(?P<s>-----BEGIN [A-Z0-9 ]{0,30}PRIVATE KEY(?: BLOCK)?-----.*?"
            r"(?:-----END [A-Z0-9 ]{0,30}PRIVATE KEY(?: BLOCK)?-----|\Z))"
        ),
    ),
    # In a database's address no port stands before the @: everything up to the last one is the
    # password, whatever is in it.
    _rule(
        "password in an address",
        "://",
        (
            rf"(?i)\b{_DATABASES}://[^\s:/@\"'<>]{{0,200}}:(?P<s>(?:(?!://)"
            rf"[^\s\"'<>`]){{1,500}})@{_HOST}"
        ),
    ),
    _rule(
        "password in an address",
        "://",
        (
            rf"(?i)\b[a-z][a-z0-9+.\-]{{1,20}}://[^\s:/@\"'<>]{{0,200}}:"
            rf"(?P<s>[^\s/@\"'<>`]{{1,500}})@{_HOST}"
        ),
    ),
    _rule("token in an address", "x-oauth-basic", r"://(?P<s>[^\s:/@]{8,200}):x-oauth-basic@"),
    _rule("heroku key", "HRKU-", _B + r"(?P<s>HRKU-[A-Za-z0-9_\-]{16,200})"),
    _rule("aws key", "AKIA ASIA", _B + r"(?P<s>(?:AKIA|ASIA)[A-Z0-9]{16})(?![A-Za-z0-9])"),
    _rule(
        "aws key",
        "AKIA ASIA",
        r"(?:AKIA|ASIA)[A-Z0-9]{16}[^A-Za-z0-9]{1,12}"
        r"(?:[A-Za-z_ ]{3,40}[\s:=\"']{1,6})?(?P<s>(?![0-9a-f]{40})[A-Za-z0-9/+]{40})"
        r"(?![A-Za-z0-9/+])",
    ),
    _rule(
        "github token",
        "ghp_ gho_ ghu_ ghs_ ghr_ github_pat_",
        _B + r"(?P<s>(?:gh[pousr]_[A-Za-z0-9]{30,255}|github_pat_[A-Za-z0-9_]{30,255}))",
    ),
    _rule("gitlab token", "glpat-", _B + r"(?P<s>glpat-[\w\-]{20,100})"),
    _rule(
        "slack token",
        "xoxb- xoxp- xoxa- xoxo- xoxs- xoxr- xapp-",
        _B + r"(?P<s>(?:xox[abposr]|xapp)-[A-Za-z0-9\-]{10,250})",
    ),
    _rule(
        "slack webhook",
        "hooks.slack.com",
        r"hooks\.slack\.com/(?:services|workflows|triggers)/(?P<s>[A-Za-z0-9/_\-]{20,200})",
    ),
    _rule(
        "stripe key",
        "sk_live_ sk_test_ rk_live_ rk_test_ whsec_",
        _B + r"(?P<s>(?:(?:sk|rk)_(?:live|test)_[A-Za-z0-9]{10,250}|whsec_[A-Za-z0-9+/=]{20,100}))",
    ),
    _rule("sendgrid key", "SG.", _B + r"(?P<s>SG\.[\w\-]{16,64}\.[\w\-]{16,64})"),
    _rule("mailgun key", "key-", _B + r"(?P<s>key-[0-9a-f]{32})(?![0-9a-f])"),
    _rule("google key", "AIza", _B + r"(?P<s>AIza[\w\-]{35})"),
    _rule("google token", "ya29.", _B + r"(?P<s>ya29\.[\w\-.]{20,500})"),
    _rule(
        "package registry token",
        "npm_ pypi- rubygems_",
        _B + r"(?P<s>(?:npm_[A-Za-z0-9]{36}|pypi-[\w\-]{50,300}|rubygems_[0-9a-f]{48}))",
    ),
    _rule("twilio key", "SK", _B + r"(?P<s>SK[0-9a-f]{32})(?![0-9A-Za-z])"),
    _rule("shopify token", "shp", _B + r"(?P<s>shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32})"),
    _rule("ai key", "sk-", _B + r"(?P<s>sk-(?:ant-|proj-|svcacct-)?[A-Za-z0-9_\-]{32,250})"),
    _rule("new relic key", "NRAK-", _B + r"(?P<s>NRAK-[A-Z0-9]{27})"),
    _rule("digitalocean token", "dop_v1_", _B + r"(?P<s>dop_v1_[0-9a-f]{64})"),
    _rule("token", "eyJ", _B + r"(?P<s>eyJ[\w\-]{8,4000}\.eyJ[\w\-]{4,8000}\.[\w\-]*)"),
    _rule(
        "token",
        "earer ",
        r"\b[Bb]earer +(?P<s>(?=[^\s,;]{0,200}[0-9A-Z])[A-Za-z0-9_\-.~+/=]{12,4000})",
    ),
    _rule(
        "credentials",
        "uthorization AUTHORIZATION",
        r"(?i)\bauthorization[\"']?\s{0,3}(?:=>|[:=])\s{0,3}[\"']?"
        r"(?:(?:basic|token|digest|apikey|negotiate|aws4-hmac-sha256|bearer) +)?"
        r"(?P<s>(?!\[masked)(?!(?:bearer|basic|token|failed|denied|required|error)\b)"
        r"(?![\w.]+[(\[])[^\s\"',]{6,4000})",
    ),
    _rule(
        "session cookie",
        "ookie COOKIE",
        (
            r"(?im)(?:^|[\s\"'])(?:set-)?cookie[\"']?: {0,2}(?P<s>(?!\[masked)[\w.\-]{1,100}="
            r"[^\r\n\"']{4,4000})"
        ),
    ),
    _rule(
        "password",
        "curl wget http",
        r"(?m)\b(?:curl|wget|http)\b[^\n]{0,300}?\s(?:-u|--user|-a|--auth)[ =]?[\"']?"
        r"[^\s:\"'/]{1,100}:(?P<s>(?!\[masked)[^\s\"']{1,200})",
    ),
    _rule(
        "password",
        "mysql",
        r"\bmysql(?:dump|admin)?\b[^\n]{0,200}?\s-p(?P<s>(?!\[masked)[^\s-][^\s]{2,100})",
    ),
    _rule("password", "password", r"\blogin\s+\S{1,200}\s+password\s+(?P<s>(?!\[masked)\S{4,300})"),
    _rule(
        "password",
        "--",
        (
            r"--(?:[a-z]+-)?(?:password|passwd|token|secret|api-?key) +[\"']?(?P<s>(?![-\[$<])"
            r"[^\s\"']{4,300})"
        ),
    ),
    _rule(
        "token in an address",
        "X-Amz- access_token=",
        (
            r"[?&](?:X-Amz-Signature|X-Amz-Security-Token|access_token)=(?P<s>(?!\[masked)"
            r"[^\s&\"'<>]{8,4000})"
        ),
    ),
)

# Visa, Mastercard, Discover in groups of four; American Express in its own groups. The same sign
# between all groups.
_CARD = re.compile(
    r"(?<![\w.\-/=#:+])(?P<c>(?:4\d{3}|5[1-5]\d\d|2[2-7]\d\d|6(?:011|5\d\d|4[4-9]\d))"
    r"(?P<g>[ \-]?)\d{4}(?P=g)\d{4}(?P=g)\d{4}"
    r"|3[47]\d\d(?P<a>[ \-]?)\d{6}(?P=a)\d{5})(?![\w\-/]|\.\d)",
    re.ASCII,
)
_LONG_NUMBER = re.compile(r"[0-9]{4}[ \-]?[0-9]{4}")
"""In every card's number; where it is not, nothing looks for one."""


def _by_sign() -> tuple[tuple[str, tuple[tuple[str, int], ...]], ...]:
    """Sign → what contains it and is needed by the rule of that number. Most texts lack most signs,
    and what contains a sign that is not there is not searched for. The empty sign is in every text.
    """
    # A word that is needed goes under the rarest sign it has, so most texts skip whole groups.
    found: dict[str, list[tuple[str, int]]] = {sign: [] for sign in ("_", "-", ":", ".", "")}
    for number, rule in enumerate(RULES):
        for needed in rule.needs:
            found[next(sign for sign in found if sign in needed)].append((needed, number))
    return tuple((sign, tuple(needs)) for sign, needs in found.items())


_BY_SIGN = _by_sign()


def pattern_spans(text: str) -> Iterator[Span]:
    """Where the rules match."""
    possible = {
        number
        for sign, needs in _BY_SIGN
        if sign in text
        for needed, number in needs
        if needed in text
    }
    for number in sorted(possible):
        rule = RULES[number]
        for match in rule.pattern.finditer(text):
            yield match.start("s"), match.end("s"), rule.kind
    # The check digit keeps order numbers; nine of ten fail it.
    if _LONG_NUMBER.search(text):
        for match in _CARD.finditer(text):
            if luhn(match["c"]):
                yield match.start("c"), match.end("c"), "card number"


def luhn(number: str) -> bool:
    """Whether the digits carry a card's check digit (ISO/IEC 7812): so that order numbers and the
    like stay nine times in ten.
    """
    digits = [int(sign) for sign in reversed(number) if sign.isascii() and sign.isdigit()]
    return (sum(digits[::2]) + sum(sum(divmod(2 * digit, 10)) for digit in digits[1::2])) % 10 == 0
