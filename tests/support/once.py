"""What libraries do anew each time, done once in a process of tests. Results stay the same."""

from __future__ import annotations

import functools
from types import CodeType
from typing import Any

from httpx._transports import default
from jinja2 import Environment


def read_authorities_once() -> None:
    """httpx reads the trusted authorities for each client that may speak TLS, and so for each
    `httpx.get`: 50 ms of the processor. Tests make thousands of clients, and look again every 20 ms
    while they wait. Clients with other options (`verify=False`, a context of their own) get theirs.
    """
    default.create_ssl_context = functools.cache(default.create_ssl_context)


def compile_templates_once() -> None:
    """Each environment of Jinja compiles its templates anew, half a second for a page of the
    portal; a process of ours has one environment, and tests make hundreds. Environments with other
    options or filters have other code.
    """
    compile_anew, known = Environment.compile, {}

    def compile_once(self: Environment, source: Any, *args: Any, **options: Any) -> str | CodeType:
        how = (self.trim_blocks, self.lstrip_blocks, self.autoescape, self.finalize, self.undefined)
        names = (frozenset(self.filters), frozenset(self.tests))
        key = (source, args, tuple(options.items()), how, names)
        if key not in known:
            known[key] = compile_anew(self, source, *args, **options)
        return known[key]

    Environment.compile = compile_once
