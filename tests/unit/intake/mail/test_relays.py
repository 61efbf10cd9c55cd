"""By whose address a mail is judged."""

from __future__ import annotations

import pytest

from services.intake.mail.smtp.relays import (
    RelayedClient,
    address_to_judge,
    read_xclient,
    relays_of,
)

RELAYS = relays_of("10.0.0.0/8, 192.0.2.1,2001:db8::/64", proxy=False)
NAMED = RelayedClient("203.0.113.9", "mail.example.org")


@pytest.mark.parametrize(
    ("direct", "named", "judged"),
    [
        ("198.51.100.7", None, "198.51.100.7"),
        ("198.51.100.7", NAMED, "198.51.100.7"),
        ("10.1.2.3", None, ""),
        ("10.1.2.3", NAMED, "203.0.113.9"),
        ("10.1.2.3", RelayedClient(), ""),
        ("192.0.2.1", NAMED, "203.0.113.9"),
        ("192.0.2.2", NAMED, "192.0.2.2"),
        ("::ffff:10.1.2.3", None, ""),
        ("2001:db8::5", None, ""),
        ("", NAMED, ""),
    ],
)
def test_only_a_trusted_relay_names_the_client(
    direct: str, named: RelayedClient | None, judged: str
) -> None:
    assert address_to_judge(direct, named, RELAYS) == judged


@pytest.mark.parametrize(
    ("arg", "client"),
    [
        ("ADDR=203.0.113.9 HELO=mail.example.org", NAMED),
        ("addr=203.0.113.9 NAME=[UNAVAILABLE] PORT=1 PROTO=ESMTP helo=mail.example.org", NAMED),
        ("ADDR=IPV6:2001:DB8::9", RelayedClient("2001:db8::9")),
        ("ADDR=[UNAVAILABLE] HELO=[TEMPUNAVAIL]", RelayedClient()),
        ("ADDR=203.0.113.9 HELO=mail+2Eexample.org", NAMED),
        ("NAME=x", RelayedClient()),
        ("ADDR=nonsense", None),
        ("WORD=x", None),
        ("ADDR", None),
        ("", None),
        (None, None),
    ],
)
def test_xclient(arg: str | None, client: RelayedClient | None) -> None:
    assert read_xclient(arg) == client


@pytest.mark.parametrize("text", ["x", "10.0.0.0/99", "10.0.0.1;10.0.0.2"])
def test_a_setting_that_is_no_network_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        relays_of(text, proxy=False)
