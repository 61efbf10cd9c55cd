"""Acknowledging by a reply, or by a pressed key: whose it is, which page it means, and that a
repeat changes nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest

from services.intake.app import build
from services.intake.contacts.phone import SentPage, choose_page, find_names_at, signature_of
from services.intake.http.door import Allowance
from shared.errors import Unavailable
from shared.events import Acknowledge
from shared.policy import OnCallPolicy
from shared.signed import links
from shared.signed.reply_code import code_of
from tests.unit.intake.building import NOW, POLICIES, SECRET, Bench, KnownTickets

pytestmark = pytest.mark.costly

TOKEN = "an auth token"
NUMBER = "+15550100"
PAGE = "lane_aaaaaaaaaaaaaaaaaaaaaaaaaa.bcdefghijklmnopqrstuvwxyz2"
OTHER = "lane_bbbbbbbbbbbbbbbbbbbbbbbbbb.bcdefghijklmnopqrstu777777"
FIRST, SECOND = SentPage(PAGE, "Checkout is down"), SentPage(OTHER, "Login <is> down")


class OpenPages(KnownTickets):
    """The view with the open pages of the primary."""

    def __init__(self) -> None:
        super().__init__()
        self.waiting: list[SentPage] = [FIRST]

    async def list_waiting_pages(self, names: Collection[str]) -> list[SentPage]:
        if self.trouble:
            raise self.trouble
        return self.waiting if "primary" in names else []


def on_call_document() -> dict[str, Any]:
    document = OnCallPolicy.model_validate(POLICIES["on-call"]).model_dump(mode="json")
    document["people"]["primary"]["methods"] += [
        {"name": "text", "channel": "sms", "address": NUMBER, "verified": True},
        {"name": "old", "channel": "sms", "address": "+15550177", "verified": False},
    ]
    return document


@pytest.fixture
def view() -> OpenPages:
    return OpenPages()


@pytest.fixture
def bench(view: OpenPages) -> Bench:
    made = Bench()
    made.intake = replace(
        made.intake, view=view, phone_token=TOKEN, portal_url="https://support.example/"
    )
    made.log.publishes("on-call", 9, on_call_document())
    made.app = build(made.intake, made.door, {}, accounts=made.accounts)
    return made


async def gateway(
    bench: Bench,
    path: str,
    form: Mapping[str, str],
    *,
    signature: str | None = None,
    token: str = TOKEN,
) -> httpx.Response:
    """As Twilio calls us: form-encoded, signed over the public address."""
    url = f"https://support.example{path}"
    good = signature_of(token, url, {name: [value] for name, value in form.items()})
    headers = {
        "content-type": "application/x-www-form-urlencoded",
        "x-twilio-signature": good if signature is None else signature,
    }
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=bench.app), base_url="http://intake"
    ) as client:
        return await client.post(path, content=urlencode(form), headers=headers)


def said(body: str, sid: str = "SM1", number: str = NUMBER) -> dict[str, str]:
    return {"From": number, "To": "+15550199", "Body": body, "MessageSid": sid}


def acknowledged(bench: Bench) -> list[Acknowledge]:
    return [request for request in bench.log.on("requests") if isinstance(request, Acknowledge)]


def test_the_signature_is_twilios_own_example() -> None:
    """From twilio.com, "Security": its URL, its parameters, its token, and what they give."""
    form = {
        "CallSid": ["CA1234567890ABCDE"],
        "Caller": ["+12349013030"],
        "Digits": ["1234"],
        "From": ["+12349013030"],
        "To": ["+18005551212"],
    }
    assert (
        signature_of("12345", "https://mycompany.com/myapp.php?foo=1&bar=2", form)
        == "0/KCTR6DLpKmkAf8muzZqo1nDgQ="
    )


async def test_a_reply_acknowledges_the_page_whose_code_it_names(
    bench: Bench, view: OpenPages
) -> None:
    view.waiting = [FIRST, SECOND]
    answer = await gateway(bench, "/v1/channels/twilio/sms", said(f"ack {code_of(OTHER)}"))
    assert answer.status_code == 200 and answer.headers["content-type"].startswith("text/xml")
    assert "<Message>Acknowledged: Login &lt;is&gt; down" in answer.text
    (request,) = acknowledged(bench)
    assert (request.key, request.actor.email, request.via_link) == (
        OTHER,
        "primary@example.com",
        False,
    )


async def test_a_repeat_of_the_message_is_the_same_request(bench: Bench) -> None:
    for _ in range(2):
        assert (await gateway(bench, "/v1/channels/twilio/sms", said("ACK"))).status_code == 200
    first, again = acknowledged(bench)
    assert first.id == again.id, "the pager has seen it, and does nothing"


@pytest.mark.parametrize(
    ("form", "words"),
    [
        (said("STOP"), "Reply ACK and the code"),
        (said("ACK zzzzzz"), "No page of yours is open with the code zzzzzz."),
        (said("ACK", number="+15550123"), "This number is not known here"),
        (said("ACK", number="+15550177"), "This number is not known here"),
        (said("ACK", number=""), "This number is not known here"),
    ],
)
async def test_what_acknowledges_nothing_is_answered_with_what_to_do(
    bench: Bench, form: dict[str, str], words: str
) -> None:
    answer = await gateway(bench, "/v1/channels/twilio/sms", form)
    assert answer.status_code == 200 and words in answer.text
    assert acknowledged(bench) == []


async def test_two_open_pages_need_the_code(bench: Bench, view: OpenPages) -> None:
    view.waiting = [FIRST, SECOND]
    answer = await gateway(bench, "/v1/channels/twilio/sms", said("ACK"))
    assert f"ACK {code_of(PAGE)} for Checkout is down" in answer.text and acknowledged(bench) == []


async def test_with_the_view_away_the_link_is_what_is_left(bench: Bench, view: OpenPages) -> None:
    view.trouble = Unavailable("mongodb", "away")
    answer = await gateway(bench, "/v1/channels/twilio/sms", said("ACK"))
    assert "Use the link" in answer.text and acknowledged(bench) == []


@pytest.mark.parametrize(
    "path", ["/v1/channels/twilio/sms", f"/v1/channels/twilio/voice?page={PAGE}&token=x"]
)
@pytest.mark.parametrize("signature", ["", "0/KCTR6DLpKmkAf8muzZqo1nDgQ="])
async def test_whoever_is_not_twilio_is_refused(bench: Bench, path: str, signature: str) -> None:
    answer = await gateway(bench, path, said("ACK"), signature=signature)
    assert answer.status_code == 401 and acknowledged(bench) == []


async def test_strangers_use_up_nothing_of_what_acknowledgements_need(bench: Bench) -> None:
    bench.door = replace(bench.door, allowance=Allowance("3/minute"))
    bench.app = build(bench.intake, bench.door, {}, accounts=bench.accounts)
    path = "/v1/channels/twilio/sms"
    codes = [(await gateway(bench, path, said("ACK"), signature="")).status_code for _ in range(5)]
    assert codes == [401] * 3 + [429] * 2
    assert (await gateway(bench, path, said("ACK"))).status_code == 200
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=bench.app), base_url="http://intake"
    ) as client:
        guess = await client.post(f"/v1/pages/{PAGE}/acknowledge", json={"token": "guessed"})
        link = links.sign(
            SECRET.encode(), links.ACKNOWLEDGE, PAGE, "primary", NOW + timedelta(hours=1)
        )
        linked = await client.post(f"/v1/pages/{PAGE}/acknowledge", json={"token": link})
    assert (guess.status_code, linked.status_code) == (429, 202)


async def test_a_form_that_was_changed_is_refused(bench: Bench) -> None:
    good = signature_of(
        TOKEN,
        "https://support.example/v1/channels/twilio/sms",
        {name: [value] for name, value in said("STOP").items()},
    )
    assert (
        await gateway(bench, "/v1/channels/twilio/sms", said("ACK"), signature=good)
    ).status_code == 401


async def test_without_an_account_nothing_is_taken(bench: Bench) -> None:
    bench.intake = replace(bench.intake, phone_token=None)
    bench.app = build(bench.intake, bench.door, {}, accounts=bench.accounts)
    assert (
        await gateway(bench, "/v1/channels/twilio/sms", said("ACK"), token="")
    ).status_code == 401


async def test_a_pressed_one_acknowledges_for_whom_the_call_was(bench: Bench) -> None:
    token = links.sign(
        SECRET.encode(), links.ACKNOWLEDGE, PAGE, "secondary", NOW + timedelta(days=1)
    )
    path = f"/v1/channels/twilio/voice?page={PAGE}&token={token}"
    assert (
        "Not acknowledged" in (await gateway(bench, path, {"Digits": "2", "CallSid": "CA1"})).text
    )
    assert acknowledged(bench) == []
    assert (
        "<Say>Acknowledged" in (await gateway(bench, path, {"Digits": "1", "CallSid": "CA1"})).text
    )
    (request,) = acknowledged(bench)
    assert (request.key, request.actor.email, request.via_link) == (
        PAGE,
        "secondary@example.com",
        True,
    )


async def test_a_token_for_another_page_presses_nothing(bench: Bench) -> None:
    token = links.sign(
        SECRET.encode(), links.ACKNOWLEDGE, OTHER, "secondary", NOW + timedelta(days=1)
    )
    answer = await gateway(
        bench,
        f"/v1/channels/twilio/voice?page={PAGE}&token={token}",
        {"Digits": "1", "CallSid": "CA1"},
    )
    assert answer.status_code == 401 and acknowledged(bench) == []


def test_a_number_is_somebodys_only_where_it_is_verified() -> None:
    policy = OnCallPolicy.model_validate(on_call_document())
    assert find_names_at(policy, NUMBER) == {"primary"}
    assert find_names_at(policy, "+15550177") == frozenset() == find_names_at(None, NUMBER)


@pytest.mark.parametrize(
    ("text", "page"),
    [
        ("ack", None),
        (f"ACK {code_of(PAGE)}", PAGE),
        (f"ok {code_of(OTHER).upper()}", OTHER),
        ("no", None),
        ("ack 777777", OTHER),
    ],
)
def test_which_of_two_pages_a_reply_means(text: str, page: str | None) -> None:
    assert choose_page(text, [FIRST, SECOND])[0] == page


async def test_where_people_are_reached_is_shown_to_admins_only(bench: Bench) -> None:
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=bench.app), base_url="http://intake"
    ) as client:
        shown = {
            who: (
                await client.get(
                    "/v1/policies/on-call", headers={"authorization": f"Bearer demo-{who}"}
                )
            ).text
            for who in ("admin", "agent")
        }
    assert NUMBER in shown["admin"] and NUMBER not in shown["agent"]
    assert '"channel":"sms"' in shown["agent"] and "/pager/" not in shown["agent"]
