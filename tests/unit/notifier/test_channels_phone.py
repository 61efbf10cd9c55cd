"""Text messages, calls and Apprise: what is sent, what the answers mean, and that no address is
told.
"""

from __future__ import annotations

import asyncio
import logging
from base64 import b64encode
from collections.abc import AsyncIterator
from dataclasses import replace
from urllib.parse import parse_qs
from xml.etree import ElementTree

import aiohttp
import pytest
from aiohttp import web
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import SecretStr

from services.intake.contacts import phone
from shared.channels import (
    Accepted,
    ChannelContext,
    Outcome,
    Rejected,
    TryLater,
    Unknown,
    apprise,
    sms,
    twilio,
    voice,
)
from shared.channels.guard import connector
from shared.channels.line import Twilio, twilio_of
from shared.settings import PagingSettings
from shared.signed.reply_code import code_of, read_acknowledged_code
from tests.unit.notifier.test_channels import NOW, STAND_DOWN, SUMMONS

pytestmark = pytest.mark.costly

ACCOUNT = "AC" + "0" * 32
NUMBER = "+15550100"
PAGE = "lane_aaaaaaaaaaaaaaaaaaaaaaaaaa.bcdefghijklmnopqrstuvwxyz2"
CALLED = replace(
    SUMMONS, page_id=PAGE, ack_url=f"https://p.example/pages/{PAGE}/ack?token=dG9rZW4.1.mac"
)


class Gateway:
    """Twilio, or an Apprise service: answers `status` with `said` after `pause`; `got` is (path,
    headers, form).
    """

    def __init__(self) -> None:
        self.status, self.said, self.pause = (
            201,
            '{"sid": "SM1", "status": "queued", "to": "+15550100"}',
            0.0,
        )
        self.got: list[tuple[str, dict[str, str], dict[str, list[str]]]] = []
        self.url = ""

    async def take(self, request: web.Request) -> web.Response:
        form = parse_qs(await request.text())
        self.got.append((request.path, {k.lower(): v for k, v in request.headers.items()}, form))
        await asyncio.sleep(self.pause)
        return web.Response(status=self.status, text=self.said, content_type="application/json")


@pytest.fixture
async def gateway() -> AsyncIterator[Gateway]:
    gateway, app = Gateway(), web.Application()
    app.router.add_post("/{path:.*}", gateway.take)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    gateway.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield gateway
    await runner.cleanup()


@pytest.fixture
async def line(gateway: Gateway) -> AsyncIterator[ChannelContext]:
    async with aiohttp.ClientSession(connector=connector(allow_private=True)) as http:
        ours = Twilio(ACCOUNT, SecretStr("token"), "+15550199", gateway.url)
        yield ChannelContext(
            http,
            lambda: NOW,
            b"secret",
            "http://unused.example",
            "127.0.0.1",
            1,
            "pager@signalbox.example",
            ours,
        )


async def test_a_text_message_names_the_code_and_the_link(
    gateway: Gateway, line: ChannelContext
) -> None:
    assert await sms.send(line, NUMBER, CALLED) == Accepted("201 SM1")
    ((path, headers, form),) = gateway.got
    assert path == f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json"
    assert headers["authorization"] == f"Basic {b64encode(f'{ACCOUNT}:token'.encode()).decode()}"
    assert form["To"] == [NUMBER] and form["From"] == ["+15550199"]
    (text,) = form["Body"]
    assert f"ACK {code_of(PAGE)}" in text and CALLED.ack_url in text


async def test_a_messaging_service_sends_by_its_id_and_cannot_call(
    gateway: Gateway, line: ChannelContext
) -> None:
    assert line.twilio is not None
    service = replace(line, twilio=replace(line.twilio, sender="MG" + "1" * 32))
    await sms.send(service, NUMBER, CALLED)
    assert (
        gateway.got[0][2]["MessagingServiceSid"] == ["MG" + "1" * 32]
        and "From" not in gateway.got[0][2]
    )
    assert isinstance(await voice.send(service, NUMBER, CALLED), Rejected)


async def test_a_call_reads_the_subject_and_takes_a_one_for_an_acknowledgement(
    gateway: Gateway, line: ChannelContext
) -> None:
    hostile = replace(CALLED, subject='Down</Say><Dial>+1900</Dial> & "more"')
    assert isinstance(await voice.send(line, NUMBER, hostile), Accepted)
    ((path, _, form),) = gateway.got
    assert path.endswith("/Calls.json")
    said = ElementTree.fromstring(form["Twiml"][0])
    (gather,) = said
    assert (
        gather.attrib["action"]
        == f"https://p.example/v1/channels/twilio/voice?page={PAGE}&token=dG9rZW4.1.mac"
    )
    assert {word.tag for word in gather} == {"Say", "Pause"} and "+1900" in (gather[0].text or "")


async def test_nobody_is_rung_up_to_be_told_that_nothing_is_needed(
    gateway: Gateway, line: ChannelContext
) -> None:
    await voice.send(line, NUMBER, STAND_DOWN)
    ((path, _, form),) = gateway.got
    assert path.endswith("/Messages.json") and form["Body"] == ["No longer needed: Down"]


@pytest.mark.parametrize(
    ("status", "said", "kind"),
    [
        (
            400,
            '{"code": 21211, "message": "The \'To\' number +15550100 is not a valid phone number."}',
            Rejected,
        ),
        (429, '{"code": 20429}', TryLater),
        (503, "<html>", TryLater),
        (401, '{"code": 20003}', Rejected),
    ],
)
async def test_what_twilio_refuses_is_told_by_its_code_and_never_with_the_number(
    gateway: Gateway, line: ChannelContext, status: int, said: str, kind: type[Outcome]
) -> None:
    gateway.status, gateway.said = status, said
    outcome = await sms.send(line, NUMBER, CALLED)
    assert type(outcome) is kind
    assert NUMBER not in repr(outcome) and "token" not in repr(outcome)


async def test_an_answer_that_does_not_come_is_unknown_for_there_is_no_key(
    gateway: Gateway, line: ChannelContext
) -> None:
    gateway.pause = 5
    assert isinstance(await sms.send(line, NUMBER, CALLED), Unknown)
    assert len(gateway.got) == 1


@pytest.mark.parametrize(
    "address",
    ["15550100", "+0123456789", "+1555 0100", "+1555010a", "tel:+15550100", "+15550100\n"],
)
async def test_what_is_no_number_is_refused_unsent(
    gateway: Gateway, line: ChannelContext, address: str
) -> None:
    assert isinstance(await sms.send(line, address, CALLED), Rejected)
    assert isinstance(await voice.send(line, address, CALLED), Rejected)
    assert gateway.got == []


async def test_without_an_account_the_next_method_is_tried_at_once(line: ChannelContext) -> None:
    assert isinstance(await sms.send(replace(line, twilio=None), NUMBER, CALLED), Rejected)


def test_half_an_account_is_none() -> None:
    whole = PagingSettings(
        twilio_account=ACCOUNT, twilio_token=SecretStr("t"), twilio_from="+15550199"
    )
    assert twilio_of(whole) == Twilio(
        ACCOUNT, SecretStr("t"), "+15550199", "https://api.twilio.com"
    )
    assert twilio_of(whole.model_copy(update={"twilio_from": ""})) is None
    assert twilio_of(whole.model_copy(update={"twilio_token": None})) is None


def test_an_answer_without_json_is_still_an_answer() -> None:
    assert twilio.judge_answer(201, "created") == Accepted("201")
    assert isinstance(twilio.judge_answer(404, "[]"), Rejected)


async def test_apprise_delivers_by_the_service_of_its_address(
    gateway: Gateway, line: ChannelContext
) -> None:
    gateway.status = 200
    outcome = await apprise.send(
        line, gateway.url.replace("http://", "json://user:hidden@") + "/hook", CALLED
    )
    assert outcome == Accepted("Apprise: JSON")
    assert gateway.got[0][0] == "/hook"


@pytest.mark.parametrize(("status", "pause"), [(500, 0.0), (200, 5.0)])
async def test_what_apprise_could_not_deliver_is_unknown_and_its_address_is_told_nobody(
    gateway: Gateway,
    line: ChannelContext,
    caplog: pytest.LogCaptureFixture,
    status: int,
    pause: float,
) -> None:
    gateway.status, gateway.pause = status, pause
    with caplog.at_level(logging.DEBUG):
        outcome = await apprise.send(
            line, gateway.url.replace("http://", "json://user:hidden@") + "/secret-path", CALLED
        )
    assert isinstance(outcome, Unknown)
    told = repr(outcome) + "".join(
        record.getMessage() for record in caplog.records if record.name.startswith("apprise")
    )
    assert "hidden" not in told and "secret-path" not in told


@pytest.mark.parametrize("address", ["nothing", "unknownscheme://x", "json://", ""])
async def test_an_address_apprise_does_not_know_is_refused(
    line: ChannelContext, address: str
) -> None:
    assert isinstance(await apprise.send(line, address, CALLED), Rejected)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("ACK uvwxy2", "uvwxy2"),
        ("ack", ""),
        (" Ack: UVWXY2. ", "uvwxy2"),
        ("ok", ""),
        ("yes!", ""),
        ("STOP", None),
        ("", None),
        ("nack", None),
        ("ack uvwxy2 but later", None),
        ("I will not ack", None),
    ],
)
def test_which_replies_acknowledge(text: str, code: str | None) -> None:
    assert read_acknowledged_code(text) == code


@given(st.text(st.characters(codec="utf-8"), max_size=300))
@example('\x1b[31mERROR\x1b[0m \ufffe\x00 <Hangup/> & "')
def test_what_is_said_on_the_phone_is_xml_whatever_the_subject_is(subject: str) -> None:
    """A gateway refuses TwiML that is not well-formed: the call would not be made."""
    root = ElementTree.fromstring(voice.twiml_of(replace(CALLED, subject=subject)))
    assert [one.tag for one in root.iter()] == ["Response", "Gather", *["Say", "Pause"] * 2]
    for raw in (phone.answer_to_text(subject), phone.answer_to_call(subject)):
        assert ElementTree.fromstring(raw).tag == "Response"
