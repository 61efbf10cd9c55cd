"""A provider's key is changed without losing a delivery: the old one signs on until it is ended."""

from __future__ import annotations

import re
from typing import Any

from services.intake.world.portal_view import SentNotice
from tests.support.administering import Office

HERE = "/admin/webhooks/redisco"


def provider(office: Office) -> dict[str, Any]:
    return dict(office.bench.log.get("providers", "redisco") or {})


async def test_a_key_is_changed_in_two_steps_and_shown_once() -> None:
    async with Office() as office:
        public = {"webhook_url": "https://hooks.redisco.example/in"}
        plain = {name: held for name, held in provider(office).items() if "secret" not in name}
        office.bench.log.holds("providers", "redisco", plain | public)

        first = await office.post(HERE, does="rotate")
        key = re.search(r'value="(whsec_[^"]+)"', first.text)
        assert key is not None, first.text
        assert provider(office)["webhook_secret"] == key[1].replace("&#43;", "+")
        assert "webhook_secret_previous" not in provider(office)
        assert key[1] not in (await office.get(HERE)).text

        old = provider(office)["webhook_secret"]
        await office.post(HERE, does="rotate")
        assert provider(office)["webhook_secret_previous"] == old
        assert provider(office)["webhook_secret"] != old

        ended = await office.post(HERE, does="end")
        assert ended.headers["location"] == f"{HERE}?done=ended"
        assert "webhook_secret_previous" not in provider(office)


async def test_it_is_for_administrators() -> None:
    async with Office() as office:
        for who in ("redisco", "agent", "ops"):
            assert (await office.get(HERE, who)).status_code == 404
            assert (await office.post(HERE, who, does="rotate")).status_code == 404
        assert (await office.get("/admin/webhooks/none")).status_code == 404


async def test_a_delivery_is_asked_for_once_more() -> None:
    failed, unknown = "ntc_" + "a" * 26, "ntc_" + "b" * 26
    async with Office() as office:
        office.bench.view.notices[failed] = SentNotice("provider:redisco", "webhook", "failed")

        asked = await office.post(HERE, does="redeliver", notice=failed)
        assert asked.headers["location"] == f"{HERE}?done=redelivered"
        assert [event.key for event in office.bench.log.on("requests")] == [failed]

        for other in (unknown, "../x"):
            assert (await office.post(HERE, does="redeliver", notice=other)).status_code == 404
