"""People, apps and providers by form: what is wrong is said beside its field, what is meant stays,
and nothing that somebody else changed is undone.
"""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import pytest

from services.portal.admin.forms import FORMS, document_of, values_of
from services.portal.admin.webhooks_page import new_key
from tests.support.administering import Office

pytestmark = pytest.mark.costly

PEOPLE = "/admin/directory/accounts"


def fields_in(page: str) -> dict[str, str]:
    """The values of a page's first form, as a browser would send them."""
    form = page[page.index('class="panel"') :]
    form = form[: form.index("</form>")]
    found = dict(re.findall(r'<input[^>]*\bname="([^"]+)"[^>]*\bvalue="([^"]*)"', form))
    found |= dict(re.findall(r'<textarea[^>]*name="([^"]+)"[^>]*>([^<]*)', form))
    for name, options in re.findall(r'<select[^>]*name="([^"]+)"[^>]*>(.*?)</select>', form, re.S):
        chosen = re.search(r'<option value="([^"]*)" selected', options)
        found[name] = chosen[1] if chosen else ""
    for name in re.findall(r'type="checkbox" name="([^"]+)"[^>]*?>', form):
        tick = re.search(rf'name="{re.escape(name)}" value="yes"( checked)?', form)
        if not (tick and tick[1]):
            found.pop(name, None)
    return {name: unescape(value) for name, value in found.items()}


@pytest.mark.parametrize("kind", FORMS)
async def test_a_document_survives_its_own_form(kind: str) -> None:
    async with Office() as office:
        log = office.bench.log
        for doc_id in log.ids(kind):
            standing = log.get(kind, doc_id)
            assert standing is not None
            form = FORMS[kind]
            assert document_of(form, doc_id, values_of(form, standing), standing) == {
                **{one.name: [] for one in form.fields if one.shape in ("lines", "ticks")},
                **standing,
            }


async def test_somebody_is_made_changed_and_removed() -> None:
    async with Office() as office:
        log = office.bench.log
        made = await office.send(
            "/admin/new/accounts",
            {"id": "Gus@Shop.example", "name": "Gus", "plan": "free", "roles.agent": "yes"},
        )
        assert made.headers["location"] == f"{PEOPLE}/gus@shop.example?done=made"
        assert (log.get("accounts", "gus@shop.example") or {})["roles"] == ["agent"]

        page = (await office.get(f"{PEOPLE}/gus@shop.example")).text
        changed = await office.send(
            f"{PEOPLE}/gus@shop.example", {**fields_in(page), "name": "Gustav"}
        )
        assert changed.headers["location"].endswith("?done=saved")
        assert (log.get("accounts", "gus@shop.example") or {})["name"] == "Gustav"
        assert "Gustav" in (await office.get(f"{PEOPLE}?q=gustav&role=staff")).text
        assert "Gustav" not in (await office.get(f"{PEOPLE}?q=gustav&role=ops")).text

        form = {"does": "remove", "confirm": "gus"}
        unsure = await office.send(f"{PEOPLE}/gus@shop.example", form)
        assert (unsure.status_code, "Type gus@shop.example" in unsure.text) == (422, True)
        form["confirm"] = "gus@shop.example"
        gone = await office.send(f"{PEOPLE}/gus@shop.example", form)
        assert gone.headers["location"] == f"{PEOPLE}?done=removed"
        assert (await office.get(f"{PEOPLE}/gus@shop.example")).status_code == 404


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"id": "", "plan": "free"}, "Please fill this in."),
        ({"id": "agent@example.com", "plan": "free"}, "There is a person with it already."),
        ({"id": "no address", "plan": "free"}, "This is no e-mail address."),
        ({"id": "a@b.example", "plan": "gold"}, "Please choose free, premium"),
    ],
)
async def test_a_mistake_is_said_beside_its_field(fields: dict[str, str], said: str) -> None:
    async with Office() as office:
        answer = await office.send("/admin/new/accounts", fields)

        assert (answer.status_code, office.bench.log.on("directory")) == (422, [])
        assert said in answer.text, re.findall('class="error".*', answer.text)


async def test_what_is_named_and_not_there_is_warned_of_once() -> None:
    app = {"id": "shop", "owner": "nobody@shop.example", "stage": "production"}
    async with Office() as office:
        answer = await office.send("/admin/new/apps", app)
        assert "nobody@shop.example: there is no such account" in answer.text
        assert office.bench.log.on("directory") == []

        answer = await office.send("/admin/new/apps", app | {"anyway": "yes"})
        assert answer.status_code == 303


async def test_the_last_administrator_stays_and_it_is_said_why() -> None:
    path = f"{PEOPLE}/admin@example.com"
    async with Office() as office:
        page = (await office.get(path)).text
        fields = fields_in(page)
        fields.pop("roles.admin")
        for form in (
            fields,
            {"does": "deactivate"},
            {"does": "remove", "confirm": "admin@example.com"},
        ):
            answer = await office.send(path, form)
            assert answer.status_code == 409
            assert "This is the last administrator." in answer.text
        assert office.bench.log.on("directory") == []


async def test_deactivated_and_active_again() -> None:
    path = f"{PEOPLE}/agent@example.com"
    async with Office() as office:
        assert (await office.get("/queue/none", "agent")).status_code == 404
        await office.post(path, does="deactivate")
        page = (await office.get(path)).text
        assert ("Deactivated" in page, "Activate again" in page) == (True, True)
        assert (await office.get("/admin", "agent")).headers["location"].startswith("/login")

        await office.post(path, does="activate")
        assert (await office.get("/admin", "agent")).status_code == 404


async def test_what_somebody_else_changed_meanwhile_is_shown_and_not_undone() -> None:
    path = f"{PEOPLE}/agent@example.com"
    async with Office() as office:
        mine = fields_in((await office.get(path)).text)
        theirs = {**mine, "name": "Ada Lovelace"}
        assert (await office.send(path, theirs)).status_code == 303

        answer = await office.send(path, {**mine, "name": "Ada A."})

        assert answer.status_code == 409
        assert ("Somebody else changed this" in answer.text, "Ada Lovelace" in answer.text) == (
            True,
            True,
        )
        again = fields_in(answer.text)
        assert again["name"] == "Ada A."
        assert (await office.send(path, again)).status_code == 303
        standing: Any = office.bench.log.get("accounts", "agent@example.com")
        assert standing["name"] == "Ada A."


async def test_a_webhooks_secret_is_neither_shown_nor_lost() -> None:
    path = "/admin/directory/providers/redisco"
    async with Office() as office:
        known: Any = office.bench.log.get("providers", "redisco")
        secret = new_key()
        known = known | {"webhook_url": "https://hooks.redisco.example/in"}
        office.bench.log.holds("providers", "redisco", known | {"webhook_secret": secret})

        page = (await office.get(path)).text
        assert secret not in page
        answer = await office.send(path, {**fields_in(page), "name": "Redis Company"})

        assert answer.status_code == 303, answer.text
        kept: Any = office.bench.log.get("providers", "redisco")
        assert (kept["name"], kept["webhook_secret"]) == ("Redis Company", secret)


async def test_what_ends_with_an_account_is_said_before() -> None:
    async with Office() as office:
        primary = (await office.get(f"{PEOPLE}/primary@example.com")).text
        premier = (await office.get(f"{PEOPLE}/premier@example.com")).text

    assert "“primary” of the on-call document" in primary
    assert "They own premier-development, premier-production, premier-staging" in premier
