"""Two addresses are one person's where nothing but A-Z differs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.intake.mail.reading.mailboxes import canonical
from services.intake.subscriptions.shell import SubscribeForm
from services.intake.world.directory import check, id_of
from shared.access import find_standing
from shared.errors import Refused
from shared.events import Actor, Role
from shared.ids import ticket_id
from shared.people.folding import fold_address, is_same_address, why_ambiguous
from shared.people.subscriptions import opt_out_id, stop_id
from shared.signed.reply_address import is_made_for, reply_address, ticket_in

LUKE = "luke@example.com"
LIKE_LUKE = [
    "lu\u212ae@example.com",
    "luKE\u0301@example.com",
    "\uff4cuke@example.com",
    "lu\u200bke@example.com",
    "l\u00faKe@example.com",
    "lu\U0001d424e@example.com",
]
OTHERS = [
    ("\u0130da@example.com", "i\u0307da@example.com"),
    ("wei\u00df@example.com", "wei\u1e9e@example.com"),
    ("wei\u00df@example.com", "weiss@example.com"),
    ("\u00c9va@example.com", "\u00e9va@example.com"),
    ("e\u0301va@example.com", "\u00e9va@example.com"),
    ("\u03c3\u03c2@example.com", "\u03c3\u03c3@example.com"),
    ("\u01c4@example.com", "\u01c6@example.com"),
]


@pytest.mark.parametrize("other", LIKE_LUKE)
def test_nobody_counts_as_luke(other: str) -> None:
    assert not is_same_address(LUKE, other)
    actor = Actor(email=other, roles=(Role.REQUESTER,))
    assert find_standing(actor, requester=LUKE, participants=(LUKE,), provider=None) is None
    if other.isprintable():
        assert id_of("accounts", other) != LUKE
    assert stop_id(other) != stop_id(LUKE)
    assert opt_out_id("acme", other) != opt_out_id("acme", LUKE)


@pytest.mark.parametrize(("one", "other"), OTHERS)
def test_letters_beyond_ascii_are_kept_apart(one: str, other: str) -> None:
    assert not is_same_address(one, other)


def test_a_to_z_count_as_small_letters() -> None:
    assert is_same_address("LUKE@Example.COM", LUKE)
    assert fold_address("\u00c9VA@X.example") == "\u00c9va@x.example"


@given(st.text(min_size=1, max_size=20), st.text(min_size=1, max_size=20))
def test_only_a_to_z_are_mapped(one: str, other: str) -> None:
    folded = fold_address(one)
    assert len(folded) == len(one)
    assert all(a == b or (a.isascii() and a.lower() == b) for a, b in zip(one, folded, strict=True))
    assert fold_address(folded) == folded
    assert is_same_address(one, other) == (folded == fold_address(other))


@given(st.text(min_size=1, max_size=8))
def test_what_can_be_registered_means_the_same_to_every_program(local: str) -> None:
    address = fold_address(f"{local}@example.com")
    if why_ambiguous(address):
        return
    assert address.lower() == address


@pytest.mark.parametrize("other", [*LIKE_LUKE[:4], LIKE_LUKE[5], "\u0130da@example.com"])
def test_an_ambiguous_address_is_not_registered(other: str) -> None:
    doc_id = id_of("accounts", other) if other.isprintable() else other
    with pytest.raises(Refused) as refused:
        check("accounts", doc_id, {"email": other, "plan": "free"})
    assert "cannot be registered" in str(refused.value.extra)
    with pytest.raises(ValueError, match="cannot be registered"):
        SubscribeForm(email=other)


DOMAINS = [
    ("a@m\u00fcller.example", "a@xn--mller-kva.example"),
    ("a@M\u00fcller.EXAMPLE", "a@xn--mller-kva.example"),
    ("a@stra\u00dfe.example", None),
    ("a@\uff45xample.com", None),
    ("a@\u212aelvin.example", None),
    ("a@ex\u3002example", None),
    ("a@exa\u00admple.com", None),
    ("lu\x00ke@example.com", None),
    ("lu\x1b(Bke@example.com", None),
    ("lu\udce9ke@example.com", None),
]


@pytest.mark.parametrize(("address", "read"), DOMAINS)
def test_a_domain_of_from_is_read_as_written_or_not_at_all(address: str, read: str | None) -> None:
    assert canonical(address) == read


def test_a_reply_address_is_for_one_person() -> None:
    ticket = ticket_id(LUKE, "POST", "/v1/tickets", "k")
    made = reply_address(b"secret", "support@signalbox.example", ticket, LUKE)
    found = ticket_in("support@signalbox.example", made)
    assert found is not None
    assert is_made_for(b"secret", *found, "LUKE@example.com")
    assert not any(is_made_for(b"secret", *found, other) for other in LIKE_LUKE)
