"""Cookies with the `__Host-` prefix, and those that a release before it gave out."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from starlette.requests import Request
from starlette.responses import Response

from services.portal.sign_in.cookies import BOUND, forget_cookie, read_cookie, set_cookie

ROOT = Path(__file__).parents[3]


def request_with(**cookies: str) -> Request:
    said = "; ".join(f"{name.replace('Host_', '__Host-')}={held}" for name, held in cookies.items())
    return Request({"type": "http", "headers": [(b"cookie", said.encode())]})


@pytest.mark.parametrize(
    ("cookies", "secure", "value"),
    [
        ({}, True, None),
        ({"Host_x": "new", "x": "old"}, True, "new"),
        ({"x": "old"}, True, "old"),
        ({"x": f"{BOUND}planted"}, True, None),
        ({"Host_x": f"{BOUND}ours", "x": "old"}, True, f"{BOUND}ours"),
        ({"x": f"{BOUND}ours"}, False, f"{BOUND}ours"),
        ({"Host_x": "of https", "x": "ours"}, False, "ours"),
    ],
)
def test_what_counts(cookies: dict[str, str], secure: bool, value: str | None) -> None:
    assert read_cookie(request_with(**cookies), "x", secure=secure) == value


def test_what_a_browser_demands_of_the_prefix() -> None:
    over_https, over_http = Response(), Response()
    set_cookie(over_https, "x", "v", secure=True, lasts=60, path="/login")
    set_cookie(over_http, "x", "v", secure=False, lasts=60, path="/login")
    said = over_https.headers["set-cookie"]
    assert said.startswith("__Host-x=v;")
    assert "Path=/;" in said and "Secure" in said and "Domain" not in said
    assert over_http.headers["set-cookie"].startswith("x=v;")
    assert "Path=/login;" in over_http.headers["set-cookie"]


def test_both_names_are_forgotten() -> None:
    response = Response()
    forget_cookie(response, "x", secure=True, path="/login")
    said = response.headers.getlist("set-cookie")
    assert {header.partition("=")[0] for header in said} == {"__Host-x", "x"}


def test_no_other_module_gives_out_a_cookie_that_counts() -> None:
    """But for the theme, which a script of the page reads too."""
    found = {
        path.name
        for path in (ROOT / "services").rglob("*.py")
        if "set_cookie" in (text := path.read_text())
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Attribute) and node.attr == "set_cookie"
    }
    assert found == {"cookies.py", "pages.py"}
