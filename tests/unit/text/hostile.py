"""Texts that somebody makes to keep a machine busy: one short piece again and again.

The pieces are what our own expressions look for, near misses of it, and what texts are divided by:
taken from the expressions themselves, so a new one brings its own.
"""

from __future__ import annotations

import importlib
import pkgutil
import random
import re
import time
from collections.abc import Callable, Iterator

import services.portal
import services.router
import shared.knowledge
import shared.text
from services.router.evidence.expressions import Expression
from shared.text.patterns import RULES

_LONGEST = 80

DIVIDED = [*"=:\"'`()[]{}<>-_./\\@& \n\t0aA", "12:30 ", "2026-11-30 12:30 ", "é ", "我", "\u0301x"]
SECRETS = [
    "secret=",
    "pwd=",
    "A_SECRET: ",
    "A_SECRET: the ",
    'secret="',
    "secret='\\",
    "token=a&",
    "secret=a;",
    "secret=aB3;",
    "password is ",
    "api key ",
    "x.secret.key=",
    "curl -u a:",
    "curl -",
    "mysql -",
    "login a password ",
    "postgres://a:",
    "a://b:",
    "-----BEGIN PRIVATE KEY-----",
    "-----BEGIN A PRIVATE KEY",
    "Bearer a1",
    "Authorization: ",
    "cookie: a=",
    "?access_token=abcdefgh ",
    "eyJaaaaaaaa.",
    "4111 1111 1111 1111 ",
    "[masked: a] secret=abcdefgh1 ",
    "data:a/b;base64,AAAA",
]
ABOUT = [
    "redisco ",
    "redis.redisco.example ",
    "H12/",
    "code=H12 ",
    "\x1b[31m",
    "[31m",
    "\x1b]a",
    "can you fix my code ",
    "how should we scale? ",
    "yesterday 12:30 UTC ",
    "[1000000000",
    "```",
    "> ",
    "on a wrote:",
]


def units() -> list[str]:
    """The pieces: those above, and of each expression what it is made of, whole and cut short."""
    dice = random.Random(7)
    found = [*DIVIDED, *SECRETS, *ABOUT]
    for pattern in expressions():
        words = [word for word in re.split(r"[^a-zA-Z0-9_:/@=.-]+", pattern) if len(word) > 2]
        joined = " ".join(dice.sample(words, min(3, len(words))))
        found += [joined, joined[: len(joined) // 2], *dice.sample(words, min(1, len(words)))]
    return [unit[:_LONGEST] for unit in dict.fromkeys(found) if unit]


def expressions() -> Iterator[str]:
    """The source of every expression with which we read texts."""
    yield from (rule.pattern.pattern for rule in RULES)
    for package in (shared.text, services.router, shared.knowledge, services.portal):
        for module in pkgutil.iter_modules(package.__path__):
            if module.name.startswith("__"):
                continue
            for value in vars(
                importlib.import_module(f"{package.__name__}.{module.name}")
            ).values():
                if isinstance(value, Expression):
                    value = value._exact
                if isinstance(value, re.Pattern) and isinstance(value.pattern, str):
                    yield value.pattern


def text_of(unit: str, length: int) -> str:
    return (unit * (length // len(unit) + 1))[:length]


def cost(work: Callable[[str], object], text: str, *, times: int = 1) -> float:
    """Seconds of processor time, the least of `times`."""
    return min(_once(work, text) for _ in range(times))


def _once(work: Callable[[str], object], text: str) -> float:
    begun = time.process_time()
    work(text)
    return time.process_time() - begun
