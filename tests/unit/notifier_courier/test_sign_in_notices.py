"""Mail about signing in: who gets which, and that no link stands anywhere before it is sent."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from services.notifier.courier.sealing import with_link
from services.notifier.mail import letter
from services.notifier.notices import Notice, SuppressedNotice, notices_for
from services.notifier.notices.told import Told
from shared.events import DirectoryRecorded
from shared.people.sign_in import (
    INVITATIONS,
    PASSWORD_RESETS,
    SECOND_STEPS,
    invitation_id,
    invitation_in,
    password_link_binding,
    reset_id,
)
from shared.signed.links import INVITATION, RESET_PASSWORD, verify
from tests.unit.notifier_courier.test_notices import AT, HOUSE, MAIL_SENDER

ANN, SOON = "ann@example.com", AT + timedelta(minutes=1)
ACCOUNT = {"email": ANN, "name": "Ann", "since": "2026-01-01T00:00:00+00:00"}
PASSWORD = {"password_hash": "$argon2id$v=19$a", "account_since": "2026-01-01T00:00:00+00:00"}


class Directory:
    def __init__(self, **documents: dict[str, Any] | None) -> None:
        self._documents = documents

    def get(self, kind: str, id_: str) -> dict[str, Any] | None:
        return self._documents.get(kind.replace("-", "_")) if id_ == ANN else None

    def ids(self, kind: str) -> list[str]:
        return []


KNOWN = Directory(accounts=ACCOUNT, credentials=PASSWORD)


def recorded(kind: str, doc_id: str, document: dict[str, Any] | None) -> DirectoryRecorded:
    return DirectoryRecorded.model_validate(
        {
            "id": "dir_1",
            "key": f"{kind}:{doc_id}",
            "at": AT,
            "kind": kind,
            "doc_id": doc_id,
            "document": document,
        }
    )


def asked(email: str = ANN) -> DirectoryRecorded:
    document = {"email": email, "at": AT.isoformat()}
    return recorded(PASSWORD_RESETS, reset_id(email), document)


def invited(**more: Any) -> DirectoryRecorded:
    document = {
        "email": "new@shop.example",
        "name": "Nat",
        "plan": "free",
        "roles": ["agent"],
        "invited_by": "admin@example.com",
        "sent_at": AT.isoformat(),
        **more,
    }
    return recorded(INVITATIONS, invitation_id("new@shop.example"), document)


STEP = {"secret": "sealed", "recovery": ["a", "b"], "used": 1, "on_since": AT.isoformat()}


def stepped(change: str | None, by: str = ANN, account: str = ANN) -> DirectoryRecorded:
    document = None if change is None else STEP | {"change": change}
    actor = {"email": by, "name": "", "roles": [], "provider": None, "via": "web"}
    return DirectoryRecorded.model_validate(
        recorded(SECOND_STEPS, account, document).model_dump(mode="json") | {"actor": actor}
    )


SIGN_IN = [
    (stepped("on"), KNOWN),
    (invited(), KNOWN),
    (asked(), KNOWN),
    (asked(), Directory(accounts=ACCOUNT)),
    (recorded("credentials", ANN, PASSWORD | {"changed_by": "owner"}), KNOWN),
]
"""Facts that tell somebody how they sign in, with the directory then."""


def only(told: list[Told]) -> Told:
    (one,) = told
    return one


def text_of(notice: Told, directory: Directory, now: datetime = SOON) -> str:
    assert isinstance(notice, Notice)
    body = with_link(notice.body, notice.to, directory, HOUSE, now)
    return letter(notice.id, notice.to, notice.template, body, MAIL_SENDER).decode()


def test_a_forgotten_password_is_a_link_that_only_the_mail_has() -> None:
    one = only(notices_for(asked(), KNOWN, HOUSE))
    assert isinstance(one, Notice)
    assert (one.to, one.template) == (ANN, "password-reset")
    assert "token" not in repr(one.body) and "argon2" not in repr(one.body)
    sent = with_link(one.body, one.to, KNOWN, HOUSE, SOON)
    where = urlsplit(sent["url"])
    assert f"{where.scheme}://{where.netloc}{where.path}" == "https://help.example/login/password"
    token = parse_qs(where.query)["token"][0]
    found = verify(
        HOUSE.secret, token, RESET_PASSWORD, password_link_binding(PASSWORD, ACCOUNT), SOON
    )
    assert found is not None
    assert (found.person, found.expires_at) == (ANN, AT + timedelta(minutes=30))
    assert "30 minutes" in text_of(one, KNOWN)


def test_the_same_mail_is_sent_at_every_try() -> None:
    one = only(notices_for(asked(), KNOWN, HOUSE))
    assert text_of(one, KNOWN) == text_of(one, KNOWN, SOON + timedelta(minutes=5))


@pytest.mark.parametrize(
    ("directory", "now", "said"),
    [
        (KNOWN, AT + timedelta(minutes=30), "over"),
        (Directory(accounts=ACCOUNT), SOON, "no password any more"),
    ],
)
def test_a_dead_link_is_not_sent(directory: Directory, now: datetime, said: str) -> None:
    one = only(notices_for(asked(), KNOWN, HOUSE))
    assert isinstance(one, Notice)
    with pytest.raises(ValueError, match=said):
        with_link(one.body, one.to, directory, HOUSE, now)


def test_a_deactivated_account_gets_no_link() -> None:
    gone = ACCOUNT | {"deactivated_at": AT.isoformat()}
    directory = Directory(accounts=gone, credentials=PASSWORD)
    one = only(notices_for(asked(), directory, HOUSE))
    assert isinstance(one, SuppressedNotice)
    assert one.reason == "the account is deactivated"


def test_nobody_unknown_is_written_to_and_that_is_recorded() -> None:
    one = only(notices_for(asked("eve@example.com"), KNOWN, HOUSE))
    assert isinstance(one, SuppressedNotice)
    assert "no account" in one.reason


@pytest.mark.parametrize(
    "credentials", [None, PASSWORD | {"account_since": "2025-01-01T00:00:00+00:00"}]
)
def test_an_account_without_a_password_gets_a_sentence(credentials: dict[str, Any] | None) -> None:
    directory = Directory(accounts=ACCOUNT, credentials=credentials)
    one = only(notices_for(asked(), directory, HOUSE))
    assert isinstance(one, Notice)
    assert one.template == "password-elsewhere"
    text = text_of(one, directory)
    assert "organisation" in text and "token=" not in text


@pytest.mark.parametrize(
    ("changed_by", "said"),
    [
        ("mail", "with a link we had sent"),
        ("owner", "was changed. Wherever"),
        ("operator", "whoever runs this"),
    ],
)
def test_a_changed_password_is_told(changed_by: str, said: str) -> None:
    fact = recorded("credentials", ANN, PASSWORD | {"changed_by": changed_by})
    one = only(notices_for(fact, KNOWN, HOUSE))
    assert isinstance(one, Notice)
    assert (one.to, one.template) == (ANN, "password-changed")
    assert "argon2" not in repr(one.body)
    assert said in text_of(one, KNOWN).replace("=\n", "").replace("=\r\n", "")


def test_a_password_that_was_imported_or_removed_is_told_to_nobody() -> None:
    assert notices_for(recorded("credentials", ANN, PASSWORD), KNOWN, HOUSE) == []
    assert notices_for(recorded("credentials", ANN, None), KNOWN, HOUSE) == []


class Inviting(Directory):
    """With the invitation as it is when the mail is sent; None: withdrawn."""

    def __init__(self, document: dict[str, Any] | None) -> None:
        super().__init__()
        self._invitation = document

    def get(self, kind: str, id_: str) -> dict[str, Any] | None:
        return self._invitation if kind == INVITATIONS else None


def test_an_invitation_goes_to_whoever_has_no_account_yet() -> None:
    one = only(notices_for(invited(), KNOWN, HOUSE))
    assert isinstance(one, Notice)
    assert (one.to, one.template) == ("new@shop.example", "invitation")
    document = invited().document
    found = invitation_in(document)
    assert found is not None
    sent = with_link(one.body, one.to, Inviting(document), HOUSE, SOON)
    token = parse_qs(urlsplit(sent["url"]).query)["token"][0]
    link = verify(HOUSE.secret, token, INVITATION, found.standing(), SOON)
    assert link is not None
    assert (link.person, link.expires_at) == ("new@shop.example", AT + timedelta(days=7))
    with pytest.raises(ValueError, match="withdrawn"):
        with_link(one.body, one.to, Inviting(None), HOUSE, SOON)


def test_a_withdrawn_invitation_tells_nobody_and_ours_is_not_written_to() -> None:
    fact = recorded(INVITATIONS, invitation_id("new@shop.example"), None)
    assert notices_for(fact, KNOWN, HOUSE) == []
    own = only(notices_for(invited(email="bot@signalbox.example"), KNOWN, HOUSE))
    assert isinstance(own, SuppressedNotice)


@pytest.mark.parametrize(
    ("fact", "said"),
    [
        (stepped("on"), "from now on a code is asked for"),
        (stepped("codes"), "new recovery codes"),
        (stepped("recovery-used"), "2 are left"),
        (stepped(None), "the password is enough"),
        (stepped(None, "admin@example.com"), "an administrator reset"),
    ],
)
def test_every_change_of_a_second_step_is_told_to_its_owner(
    fact: DirectoryRecorded, said: str
) -> None:
    one = only(notices_for(fact, KNOWN, HOUSE))
    assert isinstance(one, Notice)
    assert (one.to, one.template) == (ANN, "second-step-changed")
    assert "sealed" not in repr(one.body)
    assert said in text_of(one, KNOWN).replace("=\r\n", "").replace("=\n", "")
