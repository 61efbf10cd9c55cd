"""Invited, in, forgotten the password, in again: by mails alone, through every service."""

from __future__ import annotations

import re
import secrets
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.support.desk import Desk, FarEnd
from tests.support.waiting import eventually

SAME = {"Sec-Fetch-Site": "same-origin"}
FIRST, SECOND = "a long first password", "a long second password"


def mail_to(far_end: FarEnd, email: str, subject: str) -> dict[str, Any]:
    def come() -> Any:
        return [mail for mail in far_end.got("mail", to=email) if mail["subject"] == subject]

    return dict(eventually(come, what=f"{subject!r} to {email}")[-1])


def token_in(mail: dict[str, Any], path: str) -> str:
    found = re.search(r"https?://\S+" + re.escape(path) + r"\?\S+", mail["body"])
    assert found is not None, mail["body"]
    return parse_qs(urlsplit(found.group()).query)["token"][0]


def logs_in(browser: Any, email: str, password: str) -> int:
    document = {"email": email, "password": password, "next": "/tickets"}
    return browser.post("/login", data=document, headers=SAME).status_code


def test_by_mail_into_the_desk_and_back_into_it(desk: Desk, far_end: FarEnd) -> None:
    email = f"new{secrets.token_hex(4)}@shop.example"
    made = desk.admin.call("POST", "/v1/invitations", {"email": email, "roles": ["agent"]})
    assert made.status_code == 201, made.text
    invited = token_in(
        mail_to(far_end, email, "You are invited to our support desk"), "/invitation"
    )
    with desk.browser() as first, desk.browser() as second:
        assert email in first.get("/invitation", params={"token": invited}).text
        fields = {"token": invited, "name": "Nat", "password": FIRST, "again": FIRST}
        done = first.post("/invitation", data=fields, headers=SAME)
        assert (done.status_code, done.headers["location"]) == (303, "/login?done=invited")
        assert first.post("/invitation", data=fields, headers=SAME).status_code == 403
        eventually(lambda: logs_in(first, email, FIRST) == 303, what="the portal knows them")
        assert first.get("/queue").status_code == 200, "an agent"
        known, unknown = (
            second.post("/login/forgotten", data={"email": who}, headers=SAME)
            for who in (email, f"un{email}")
        )
        assert (known.status_code, unknown.status_code) == (202, 202)
        said = [re.sub(r'data-now="[^"]*"', "", answer.text) for answer in (known, unknown)]
        assert said[0].replace(email, "") == said[1].replace(f"un{email}", "")
        forgotten = token_in(mail_to(far_end, email, "Set a new password"), "/login/password")
        fields = {"token": forgotten, "password": SECOND, "again": SECOND}
        done = second.post("/login/password", data=fields, headers=SAME)
        assert (done.status_code, done.headers["location"]) == (303, "/login?done=password")
        assert first.get("/queue").status_code == 303, "the old session is over"
        assert second.post("/login/password", data=fields, headers=SAME).status_code == 403
        assert logs_in(second, email, FIRST) == 401
        assert logs_in(second, email, SECOND) == 303
    told = mail_to(far_end, email, "Your password was changed")
    assert "with a link" in told["body"]
    assert far_end.got("mail", to=f"un{email}") == []
    logs = "".join(
        path.read_text(errors="replace") for path in (desk.stack.data / "logs").glob("*.log")
    )
    for secret in (invited, forgotten, FIRST, SECOND):
        assert secret not in logs
