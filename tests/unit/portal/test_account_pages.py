"""Pages of signing in, over the real intake: what people see, and what each leads to."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import httpx
import pyotp
import pytest

from shared.people.sign_in import (
    INVITATIONS,
    SECOND_STEPS,
    invitation_id,
    invitation_in,
    password_link_binding,
)
from shared.signed.links import INVITATION, RESET_PASSWORD, sign
from tests.support.administering import Office
from tests.unit.intake.building import NOW, QUICK, SECRET

pytestmark = pytest.mark.costly

FREE, AGENT, ANN = "free@example.com", "agent@example.com", "ann@shop.example"
OLD, NEW = "an old long password", "a new and longer one"
HASHED = QUICK.hash(OLD)


@pytest.fixture
async def office() -> AsyncIterator[Office]:
    async with Office() as made:
        for email in (FREE, AGENT):
            made.bench.log.holds("credentials", email, {"password_hash": HASHED})
        yield made


async def visits(office: Office, path: str, **fields: str) -> httpx.Response:
    """As somebody who is not logged in; with fields, their form."""
    sent = {"accept": "text/html"}
    if not fields:
        return await office._client.get(path, headers=sent)
    sent["content-type"] = "application/x-www-form-urlencoded"
    return await office._client.post(path, content=urlencode(fields), headers=sent)


def reset_link(office: Office) -> str:
    log = office.bench.log
    page = password_link_binding(log.get("credentials", FREE), log.get("accounts", FREE))
    return sign(SECRET.encode(), RESET_PASSWORD, page, FREE, NOW + timedelta(minutes=30))


async def test_whoever_asks_sees_the_same_page_whatever_the_address(office: Office) -> None:
    shown = [await visits(office, "/login/forgotten", email=who) for who in (FREE, ANN)]
    assert [one.status_code for one in shown] == [202, 202]
    assert shown[0].text.replace(FREE, "") == shown[1].text.replace(ANN, "")
    wrong = await visits(office, "/login/forgotten", email="no address")
    assert wrong.status_code == 422
    assert 'id="email-error"' in wrong.text


async def test_the_link_leads_to_a_password_and_then_to_the_login(office: Office) -> None:
    token = reset_link(office)
    assert FREE in (await visits(office, f"/login/password?token={token}")).text
    apart = await visits(office, "/login/password", token=token, password=NEW, again=OLD)
    assert (apart.status_code, "not the same" in apart.text) == (422, True)
    weak = await visits(office, "/login/password", token=token, password="x", again="x")
    assert 'id="password-error"' in weak.text
    done = await visits(office, "/login/password", token=token, password=NEW, again=NEW)
    assert (done.status_code, done.headers["location"]) == (303, "/login?done=password")
    assert "set-cookie" not in done.headers, "it signs nobody in"
    again = await visits(office, "/login/password", token=token, password=NEW, again=NEW)
    assert again.status_code == 403
    assert "Ask for a new link" in again.text and 'name="password"' not in again.text


async def test_administrators_invite_and_the_invited_come_in(office: Office) -> None:
    path = "/admin/invitations"
    for who in ("agent", "ops", "free"):
        assert (await office.get(path, who)).status_code == 404
    assert "Nobody is invited" in (await office.get(path)).text
    none = await invite(office, kind="staff")
    assert (none.status_code, "at least one role" in none.text) == (422, True)
    known = await invite(office, email=FREE, kind="customer", plan="free")
    assert (known.status_code, 'id="email-error"' in known.text) == (422, True)
    done = await invite(office, kind="staff", **{"role.ops": "yes"})
    assert (done.status_code, done.headers["location"]) == (303, f"{path}?done=invited")
    listed = (await office.get(path)).text
    assert ANN in listed and "Operations" in listed
    found = invitation_in(office.bench.log.get(INVITATIONS, invitation_id(ANN)))
    assert found is not None
    token = sign(SECRET.encode(), INVITATION, found.standing(), ANN, NOW + timedelta(days=7))
    fields = {"token": token, "name": "Ann", "password": NEW, "again": NEW}
    assert ANN in (await visits(office, f"/invitation?token={token}")).text
    into = await visits(office, "/invitation", **fields)
    assert (into.status_code, into.headers["location"]) == (303, "/login?done=invited")
    account = office.bench.log.get("accounts", ANN) or {}
    assert (account["name"], account["roles"]) == ("Ann", ["ops"])
    assert "Nobody is invited" in (await office.get(path)).text


async def test_an_invitation_is_sent_again_and_withdrawn(office: Office) -> None:
    await invite(office, kind="customer", plan="premier")
    path, sent = f"/admin/invitations/{invitation_id(ANN)}", []
    for does, done in (("renew", "?done=renewed"), ("withdraw", "?done=withdrawn"), ("renew", "")):
        found = invitation_in(office.bench.log.get(INVITATIONS, invitation_id(ANN)))
        sent.append(found.sent_at if found else None)
        answer = await office.send(f"{path}/{does}", {})
        assert answer.headers["location"] == f"/admin/invitations{done}"
    first, second, gone = sent
    assert first is not None and second is not None and first < second
    assert gone is None
    assert (await office.send(f"{path}/renew", {}, "ops")).status_code == 404


async def invite(office: Office, **fields: str) -> Any:
    return await office.send("/admin/invitations", {"email": ANN, "name": "", **fields})


async def test_the_second_step_is_shown_as_a_picture_and_as_text(office: Office) -> None:
    page = (await office.get("/account/second-step", "agent")).text
    secret = re.search(r'class="key">([A-Z2-7 ]+)<', page)
    enrolment = re.search(r'name="enrolment" value="([^"]+)"', page)
    assert secret is not None and enrolment is not None
    assert "<svg" in page and 'autocomplete="one-time-code"' in page
    assert office.bench.log.get(SECOND_STEPS, AGENT) is None
    fields = {"enrolment": enrolment.group(1), "current_password": OLD}
    wrong = await office.send("/account/second-step", fields | {"code": "1"}, "agent")
    assert (wrong.status_code, 'id="code-error"' in wrong.text) == (422, True)
    assert enrolment.group(1) in wrong.text, "the same secret: the app has it already"
    code = pyotp.TOTP(secret.group(1).replace(" ", "")).at(NOW)
    assert code not in page
    no_password = fields | {"code": code, "current_password": "another one"}
    refused = await office.send("/account/second-step", no_password, "agent")
    assert 'id="current_password-error"' in refused.text
