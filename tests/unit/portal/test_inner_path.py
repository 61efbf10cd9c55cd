"""Whatever path comes in, the request to intake is for what was checked: below /v1, read the same
by every parser.
"""

from __future__ import annotations

import posixpath
from urllib.parse import unquote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from yarl import URL

from services.portal.web.inner_path import inner_path
from shared.errors import Refused

PIECES = st.sampled_from(
    [
        *("/", "//", ".", "..", "%2e", "%2E%2e", "%252e%252e", "%2f", "%5c", "\\", "%00"),
        *("a", "v1", "metrics", "policies", "directory", "%0d%0a", "?", "#", "%", "%zz", "%ff"),
        *("é", "%C3%A9", ";", " "),
    ]
)


@given(st.lists(PIECES, max_size=14).map("".join), st.text(max_size=20))
@example("policies/%2e%2e/%2e%2e/metrics", "")
@example("directory/apps/a%2f..%2f..%2f..%2fmetrics", "")
def test_the_inner_path_stays_below_its_prefix_and_means_one_thing(rest: str, query: str) -> None:
    path = "/v1/" + rest
    try:
        inner = inner_path(path, query)
    except Refused as refused:
        assert refused.status == 404
        return
    sent = URL("http://intake" + inner, encoded=True)
    assert sent.host == "intake"
    assert inner.isascii()
    assert sent.raw_path.startswith("/v1/")
    assert sent.raw_path == inner.partition("?")[0]
    assert sent.raw_fragment == ""
    # Neither a reader that decodes first nor one that resolves dots first comes anywhere else.
    for read in (sent.raw_path, unquote(sent.raw_path)):
        assert posixpath.normpath(read) == read
        assert "\\" not in read
    assert unquote(sent.raw_path) == unquote(path)
    assert inner_path(*inner.partition("?")[::2]) == inner


@pytest.mark.parametrize(
    "path",
    [
        "/v1/policies/%2e%2e/%2e%2e/metrics",
        "/v1/policies/../../metrics",
        "/v1/policies/.%2e/x",
        "/v1/directory/apps/%2e%2e%2f%2e%2e%2f%2e%2e%2fmetrics",
        "/v1/policies/a%2fb",
        "/v1//metrics",
        "/v1/",
        "/v1",
        "/metrics",
        "//evil.example/v1/x",
        "http://evil.example/v1/x",
        "/v1/tickets/x%00",
        "/v1/tickets/x%5c..%5c..",
        "/v1/tickets/x\\..\\..",
        "/v1/tickets/%ff",
        "/v1/tickets/%zz",
        "/v1/tickets/x?y=/join",
        "/v1/tickets/x#/join",
        "/V1/tickets",
    ],
)
def test_a_path_with_two_readings_is_nothing(path: str) -> None:
    with pytest.raises(Refused) as refused:
        inner_path(path)
    assert refused.value.status == 404


@pytest.mark.parametrize(
    ("path", "query", "inner"),
    [
        ("/v1/tickets", "", "/v1/tickets"),
        ("/v1/tickets/x%3Fy/join", "", "/v1/tickets/x%3Fy/join"),
        ("/v1/directory/apps/a%2Fb", "", "/v1/directory/apps/a%2Fb"),
        ("/v1/directory/apps/a/b", "", "/v1/directory/apps/a/b"),
        ("/v1/directory/accounts/a@b.example", "", "/v1/directory/accounts/a%40b.example"),
        ("/v1/people/caf%C3%A9/methods", "", "/v1/people/caf%C3%A9/methods"),
        ("/v1/policies/%252e%252e/x", "", "/v1/policies/%252e%252e/x"),
        ("/v1/tokens", "email=a%40b.example&x=1", "/v1/tokens?email=a%40b.example&x=1"),
        ("/v1/tokens", "a b\r\nX: y#z", "/v1/tokens?a%20b%0D%0AX:%20y%23z"),
    ],
)
def test_a_plain_path_goes_on_as_it_is(path: str, query: str, inner: str) -> None:
    assert inner_path(path, query) == inner
