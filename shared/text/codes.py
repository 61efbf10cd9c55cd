"""Heroku's error codes in a text, each with a short title in our words (public list:
devcenter.heroku.com/articles/error-codes). Pure.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from shared.text.ansi import readable

TITLES = {
    "H10": "App crashed",
    "H11": "Backlog too deep",
    "H12": "Request timeout",
    "H13": "Connection closed without an answer",
    "H14": "No web dynos running",
    "H15": "Idle connection",
    "H16": "Redirect to herokuapp.com",
    "H17": "Poorly formed HTTP answer",
    "H18": "Server request interrupted",
    "H19": "Connection to the dyno timed out",
    "H20": "App boot timeout",
    "H21": "Connection to the dyno refused",
    "H22": "Connection limit reached",
    "H23": "Endpoint misconfigured",
    "H24": "Forced close",
    "H25": "HTTP restriction",
    "H26": "Request error",
    "H27": "Client request interrupted",
    "H28": "Client connection idle",
    "H31": "Misdirected request",
    "H80": "Maintenance mode",
    "H81": "Blank app",
    "H82": "Dyno hours used up",
    "H83": "Planned service degradation",
    "H99": "Platform error",
    "R10": "Boot timeout",
    "R11": "Bad bind",
    "R12": "Exit timeout",
    "R13": "Attach error",
    "R14": "Memory quota exceeded",
    "R15": "Memory quota vastly exceeded",
    "R16": "Detached",
    "R17": "Checksum error",
    "R99": "Platform error",
    "L10": "Drain buffer overflow",
    "L11": "Tail buffer overflow",
    "L12": "Local buffer overflow",
    "L13": "Local delivery error",
    "L14": "Certificate validation error",
    "L15": "Tail buffer temporarily unavailable",
}

# Known codes alone: other letters with two figures are rooms, parts and versions.
_ONE = f"(?:{'|'.join(TITLES)})"
_CODES = re.compile(rf"(?<![\w\-./#]){_ONE}(?:/{_ONE})*(?![\w\-]|\.\d|/\w)")
"""A word by itself, or several as in H12/H13: no part of an id, a version, a path or a dyno's
name.
"""


class Code(NamedTuple):
    code: str
    title: str


def codes_in(text: str) -> tuple[Code, ...]:
    """Each code once, in the order of first mention. The colours of a pasted log hide none."""
    found = dict.fromkeys(
        code for together in _CODES.findall(readable(text)) for code in together.split("/")
    )
    return tuple(Code(code, TITLES[code]) for code in found)
