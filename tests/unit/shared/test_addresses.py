"""Addresses outside ASCII are written to, or refused at once with words."""

from __future__ import annotations

import pytest
import yarl
from hypothesis import given
from hypothesis import strategies as st

from shared.people.addresses import (
    deliverable,
    mail_target,
    mistake_of_mail,
    mistake_of_url,
    webhook_target,
)


@pytest.mark.parametrize(
    ("given_", "kept"),
    [
        ("ann@example.com", "ann@example.com"),
        ("ann@bücher.example", "ann@xn--bcher-kva.example"),
        ("ann@BÜCHER.example", "ann@xn--bcher-kva.example"),
        ("ann@xn--bcher-kva.example", "ann@xn--bcher-kva.example"),
        ("ann@例え.テスト", "ann@xn--r8jz45g.xn--zckzah"),
        ("ann@例え。テスト", "ann@xn--r8jz45g.xn--zckzah"),
        ("ann@faß.example", "ann@xn--fa-hia.example"),
        ("ann@[192.0.2.1]", "ann@[192.0.2.1]"),
        ("ann+tag@example.com.", "ann+tag@example.com"),
    ],
)
def test_an_address_as_mail_is_sent_to_it(given_: str, kept: str) -> None:
    assert mail_target(given_) == deliverable(given_) == kept


@pytest.mark.parametrize(
    "address",
    [
        "büro@example.com",
        "用户@例え.テスト",
        "ann@☃\u200b.example",
        "ann@-bad-.example",
        "ann@a..b",
        "ann@.example",
        "ann@xn--a.example",
        f"ann@{'ü' * 80}.example",
        f"{'a' * 65}@example.com",
        f"ann@{'a' * 64}.example",
        "@example.com",
        "ann@",
        "ann",
    ],
)
def test_an_address_that_mail_would_not_reach_is_refused_with_words(address: str) -> None:
    with pytest.raises(ValueError, match=r"\w+ \w+"):
        mail_target(address)


def test_what_stands_before_the_at_is_left_to_the_relay() -> None:
    assert deliverable("büro@bücher.example") == "büro@xn--bcher-kva.example"


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://example.com/Hook?x=%20", "https://example.com/Hook?x=%20"),
        ("https://bücher.example/h", "https://xn--bcher-kva.example/h"),
        ("http://münchen.de:8080/h", "http://xn--mnchen-3ya.de:8080/h"),
        ("http://127.0.0.1:8025/webhooks/x", "http://127.0.0.1:8025/webhooks/x"),
        ("http://[::1]:8025/x", "http://[::1]:8025/x"),
    ],
)
def test_a_webhook_as_it_is_asked(url: str, kept: str) -> None:
    assert webhook_target(url) == kept


@pytest.mark.parametrize(
    "url",
    [
        "http://a:99999/",
        "http:///x",
        "http://a..b/",
        "http://-a-.example/",
        "http://.example/",
        f"http://{'a' * 64}.example/",
        "http://example.com:0/",
        "ftp://example.com/",
        "https://xn--a.example/",
    ],
)
def test_a_webhook_that_cannot_be_asked_is_refused_with_words(url: str) -> None:
    with pytest.raises(ValueError, match=r"\w+ \w+"):
        webhook_target(url)


@given(st.text(max_size=40), st.text(max_size=60))
def test_whatever_is_accepted_can_stand_in_an_envelope(local: str, domain: str) -> None:
    try:
        found = mail_target(f"{local}@{domain}")
    except ValueError:
        return
    assert found.isascii() and found.count("@") >= 1
    assert mail_target(found) == found


@given(st.text(max_size=60))
def test_whatever_url_is_accepted_can_be_asked(rest: str) -> None:
    try:
        found = webhook_target(f"https://{rest}")
    except ValueError:
        return
    asked = yarl.URL(found)
    assert asked.raw_host and asked.raw_host.isascii()
    assert webhook_target(found) == found


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("ann@example.com", None),
        ("ann", "no e-mail address"),
        ("ann@münchen.example", "write it as ann@xn--mnchen-3ya.example"),
        ("änn@example.com", "plain letters"),
    ],
)
def test_what_is_wrong_with_a_mail_address(text: str, said: str | None) -> None:
    found = mistake_of_mail(text)
    assert found is None if said is None else said in (found or "")


@pytest.mark.parametrize(
    ("text", "is_webhook", "said"),
    [
        ("https://hooks.example/x", True, None),
        ("https://hooks.example:6379/x", True, "port 6379"),
        ("https://hooks.example:6379/x", False, None),
        ("https://<your host>/x", False, "no http(s) URL"),
        ("changeme", True, "no http(s) URL"),
        ("ftp://hooks.example/x", True, "no http(s) URL"),
    ],
)
def test_what_is_wrong_with_a_url(text: str, is_webhook: bool, said: str | None) -> None:
    found = mistake_of_url(text, is_webhook=is_webhook)
    assert found is None if said is None else said in (found or "")
