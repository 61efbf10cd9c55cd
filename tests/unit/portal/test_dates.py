"""How instants are shown, and where somebody is who must log in first."""

from __future__ import annotations

import pytest

from services.portal.web.dates import STYLES, Dates, dates_of, show_instant
from services.portal.web.render import page_of
from shared.people.time_zones import time_zones

AT = "2026-11-22T13:41:00+00:00"


@pytest.mark.parametrize(
    ("dates", "text"),
    [
        (Dates(), "22 Nov 2026, 13:41 UTC"),
        (Dates(style="de-DE"), "22 Nov 2026, 13:41 UTC"),
        (Dates("Europe/Berlin"), "22 Nov 2026, 14:41"),
        (Dates("Asia/Tokyo", "ja-JP"), "2026/11/22 22:41"),
        (Dates("America/New_York", "en-US"), "Nov 22, 2026, 8:41 AM"),
        (Dates("UTC", "sv-SE"), "2026-11-22 13:41"),
    ],
)
def test_times_are_shown_as_their_reader_chose(dates: Dates, text: str) -> None:
    assert show_instant(AT, dates) == text


def test_a_choice_this_release_does_not_know_counts_for_nothing() -> None:
    assert dates_of(None) == Dates()
    assert dates_of({"time_zone": "Mars/Olympus", "date_style": "xx-XX"}) == Dates()
    chosen = dates_of({"time_zone": "Europe/Berlin", "date_style": "de-DE"})
    assert chosen == Dates("Europe/Berlin", "de-DE")


def test_what_can_be_chosen_is_shown_as_it_will_look() -> None:
    zones = time_zones()
    assert zones[0] == "UTC" and "America/Argentina/Buenos_Aires" in zones
    for style, (_, words) in STYLES.items():
        assert words.startswith(show_instant("2026-11-22T14:41:00+00:00", Dates("UTC", style))), (
            style
        )


HOST = {"host": "help.example"}


@pytest.mark.parametrize(
    ("method", "headers", "page"),
    [
        ("GET", {}, "/asked?x=1"),
        ("POST", {"referer": "http://help.example/tickets/new?app=a"}, "/tickets/new?app=a"),
        ("POST", {}, "/"),
        ("POST", {"referer": "https://evil.example/tickets/new"}, "/"),
        ("POST", {"referer": "http://help.example//evil.example"}, "/"),
        ("POST", {"referer": "http://help.example/\\evil.example"}, "/"),
        ("GET", {"hx-request": "true", "hx-current-url": "http://help.example/queue"}, "/queue"),
        ("GET", {"hx-request": "true", "hx-current-url": "https://evil.example/q"}, "/"),
        ("GET", {"hx-request": "true"}, "/asked?x=1"),
    ],
)
def test_after_the_login_one_is_on_the_page_one_was_on(
    method: str, headers: dict[str, str], page: str
) -> None:
    assert page_of(method, HOST | headers, "/asked?x=1") == page
