"""What the DNS of a support address lacks, in words."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from services.portal.admin.dns_records import Kind, judge_dkim, judge_mx, judge_one, records_of

KEY = "v=DKIM1; k=rsa; p=MIIB"


@pytest.mark.parametrize(
    ("values", "state"),
    [
        (None, "unknown"),
        ([], "missing"),
        (["10 mail.acme.example."], "good"),
        (["0 ."], "wrong"),
    ],
)
def test_mx(values: Sequence[str] | None, state: str) -> None:
    assert judge_mx("acme.example", values).state == state


@pytest.mark.parametrize(
    ("values", "state"),
    [
        (None, "unknown"),
        ([], "missing"),
        (["google-site-verification=x"], "missing"),
        (["v=spf10 -all"], "missing"),
        (["v=spf1 a:relay.acme.example -all"], "good"),
        (["V=SPF1"], "good"),
        (["v=spf1 -all", "v=spf1 ~all"], "wrong"),
    ],
)
def test_spf(values: Sequence[str] | None, state: str) -> None:
    assert judge_one("SPF", "acme.example", values, "v=spf1").state == state


@pytest.mark.parametrize(
    ("values", "state"),
    [
        (None, "unknown"),
        ([], "missing"),
        (["v=DKIM1; k=rsa"], "missing"),
        ([KEY], "good"),
        (["p=MIIB"], "good"),
        (["v=DKIM1; p="], "wrong"),
        (["v=DKIM1; p=; t=s"], "wrong"),
    ],
)
def test_dkim(values: Sequence[str] | None, state: str) -> None:
    assert judge_dkim("s1._domainkey.acme.example", values).state == state


async def test_a_key_is_looked_for_only_under_a_selector() -> None:
    zone = {
        ("acme.example", "MX"): ["10 mail.acme.example."],
        ("acme.example", "TXT"): ["v=spf1 -all"],
        ("_dmarc.acme.example", "TXT"): ["v=DMARC1; p=none"],
        ("s1._domainkey.acme.example", "TXT"): [KEY],
    }

    async def look(name: str, kind: Kind) -> Sequence[str] | None:
        return zone[name, kind]

    without = await records_of("acme.example", look=look)
    assert [(one.what, one.state) for one in without] == [
        ("MX", "good"),
        ("SPF", "good"),
        ("DMARC", "good"),
    ]
    (*_, dkim) = await records_of("acme.example", "s1", look)
    assert (dkim.what, dkim.state, dkim.found) == ("DKIM", "good", (KEY,))
