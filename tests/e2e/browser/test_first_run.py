"""From nothing to a working desk: an empty stack, the printed link, and a browser. Nothing is
written to a file and no command is run; docs/getting-started.md tells the same way.
"""

from __future__ import annotations

import re
import smtplib
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import pytest
from playwright.sync_api import Page, expect

from tests.support.posting import written
from tests.support.relay import Relay, relay
from tests.support.stack import Stack, running
from tests.support.visiting import Visit
from tests.support.waiting import eventually

pytestmark = pytest.mark.long

ADMIN, ENGINEER = "ann@acme.test", "eve@acme.test"
CUSTOMER, PROVIDER = "bob@shop.test", "pat@redisco.test"
SUPPORT, SECRET = "help@acme.test", "correct horse battery"
PHONE = {"width": 390, "height": 844}
ZONE = """\
shop.test:
  TXT: ["v=spf1 ip4:127.0.0.0/8 -all"]
_dmarc.shop.test:
  TXT: ["v=DMARC1; p=reject"]
"""


@pytest.fixture(scope="module")
def post_office() -> Iterator[Relay]:
    with relay() as keeping:
        yield keeping


@pytest.fixture(scope="module")
def empty(post_office: Relay, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """All services and no document. Outside it there are a relay, and DNS for the customer."""
    zone: Path = tmp_path_factory.mktemp("dns") / "zone.yaml"
    zone.write_text(ZONE)
    env = {
        "SIGNALBOX_SUPPORT_ADDRESS": SUPPORT,
        "SIGNALBOX_RELAY_HOST": "127.0.0.1",
        "SIGNALBOX_RELAY_PORT": str(post_office.port),
        "SIGNALBOX_DNS_ZONE": str(zone),
    }
    with running(demo=False, clock=False, env=env) as up:
        yield up


def test_from_the_printed_link_to_a_working_desk(
    empty: Stack, post_office: Relay, visit: Visit
) -> None:
    office = visit(empty.portal, None, empty.set_up, allow=("503",))
    become_administrator(office)
    name_the_desk(office)
    try_mail(office, post_office)
    add_provider(office)
    invite(office, ENGINEER, "staff", "agent", "on-call", "ops")
    invite(office, PROVIDER, "provider")
    add_customer_and_app(office)

    engineer = accept(visit, empty, post_office, ENGINEER, "Eve", **PHONE)
    prove_a_way(office, engineer, post_office)
    make_a_rota(office)
    office.goto("/admin/on-call")
    office.get_by_role("button", name="Send eve a test page").click()
    expect(office.get_by_text("Only eve is called")).to_be_visible()
    acknowledge(engineer, post_office, "URGENT: Test page")
    expect(office.get_by_text("It works:")).to_be_visible()

    customer_writes(empty)
    acknowledge(engineer, post_office, "URGENT: The shop is down")

    desk = visit(empty.portal, None, "/login")
    log_in(desk, ENGINEER)
    ticket = give_to_provider(desk, "The cache forgets everything")
    provider = accept(visit, empty, post_office, PROVIDER, "Pat")
    solve(provider, ticket)

    open_incident(desk)
    outside = visit(empty.portal, None, "/status")

    def is_told() -> bool:
        outside.reload()
        return outside.get_by_role("link", name="Routing errors").count() > 0

    eventually(is_told, within=30, what="the incident is on the status page")


def fill(page: Page, **fields: str) -> None:
    """The fields of the one form that has them, by their names."""
    for name, value in fields.items():
        page.locator(f"main [name='{name}']").fill(value)


def tick(page: Page, name: str, value: str = "yes") -> None:
    """A box or a choice, at its label, as people do."""
    page.locator(f"main label:has([name='{name}'][value='{value}'])").click()


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def become_administrator(office: Page) -> None:
    """With our hours and targets, and woken until there is a rota: both boxes stay ticked."""

    def is_in() -> bool:
        """Where the machine is slow the page says so, and one does it once more."""
        if office.url.endswith("/admin"):
            return True
        fill(office, email=ADMIN, name="Ann", password=SECRET, again=SECRET)
        with office.expect_navigation():
            press(office, "Set up")
        expect(office.locator("[role=alert]").or_(office.locator(".steps")).first).to_be_visible()
        return office.url.endswith("/admin")

    eventually(is_in, within=90, what="the administrator is made")


def apply(office: Page) -> None:
    """From a form to a policy in force: what would change is looked at first."""
    press(office, "Show what would change")
    office.get_by_role("button", name=re.compile(r"^(Apply|Publish)$")).click()
    expect(office.get_by_text("Applied.")).to_be_visible()


def name_the_desk(office: Page) -> None:
    office.goto("/admin/policies/brand/form")
    fill(office, desk="Acme Support")
    apply(office)


def try_mail(office: Page, post_office: Relay) -> None:
    office.goto("/admin/mail")
    expect(office.get_by_text("Both are set.")).to_be_visible()
    press(office, "Send a test mail")
    post_office.newest(ADMIN, "A test mail")


def add_provider(office: Page) -> None:
    office.goto("/admin/new/providers")
    fill(
        office,
        id="redisco",
        name="Redisco",
        agent_email="desk@redisco.test",
        support_email="help@redisco.test",
    )
    press(office, "Add the provider")
    expect(office.get_by_text("Made.")).to_be_visible()


def invite(office: Page, email: str, kind: str, *roles: str) -> None:
    office.goto("/admin/invitations")
    fill(office, email=email)
    tick(office, "kind", kind)
    for role in roles:
        tick(office, f"role.{role}")
    press(office, "Send the invitation")
    expect(office.get_by_role("button", name=f"Withdraw the invitation of {email}")).to_be_visible()


def add_customer_and_app(office: Page) -> None:
    """The customer has an account without a password: mail is all they need."""
    office.goto("/admin/new/accounts")
    fill(office, id=CUSTOMER, name="Bob")
    office.locator("#plan").select_option("premier")
    tick(office, "roles.requester")
    press(office, "Add the person")
    expect(office.get_by_text("Made.")).to_be_visible()
    office.goto("/admin/new/apps")
    fill(office, id="shop", owner=CUSTOMER, addons="redisco")
    office.locator("#stage").select_option("production")
    press(office, "Add the app")
    expect(office.get_by_text("Made.")).to_be_visible()


def accept(
    visit: Visit, empty: Stack, post_office: Relay, email: str, name: str, **size: int
) -> Page:
    """Signed in, by the link of the invitation."""
    link = post_office.link(email, "You are invited", "/invitation")
    page = visit(empty.portal, None, link, **size)
    fill(page, name=name, password=SECRET, again=SECRET)
    press(page, "Accept the invitation")
    log_in(page, email)
    return page


def log_in(page: Page, email: str) -> None:
    fill(page, email=email, password=SECRET)
    press(page, "Log in")
    expect(page).not_to_have_url(re.compile("/login"))


def prove_a_way(office: Page, engineer: Page, post_office: Relay) -> None:
    office.goto("/admin/on-call/people")
    fill(office, name="eve", email=ENGINEER)
    apply(office)
    office.goto("/admin/on-call")
    press(office, "Send eve a code by mail")
    expect(office.get_by_text("A code is on its way.")).to_be_visible()
    code = re.search(r"[0-9]{8}", post_office.newest(ENGINEER, "Your Signalbox code"))
    assert code is not None
    engineer.goto("/account/on-call")
    fill(engineer, code=code[0])
    press(engineer, "Confirm mail")
    expect(engineer.get_by_text("Verified", exact=True)).to_be_visible()


def make_a_rota(office: Page) -> None:
    """Eve has the duty, and takes the administrator's place in both escalations."""
    office.goto("/admin/on-call/schedules")
    fill(office, **{"name": "support-primary", "1.people": "eve"})
    apply(office)
    for name in ("support", "ops"):
        office.goto(f"/admin/on-call/escalation?name={name}")
        office.locator("[id='1.whom']").select_option("schedule:support-primary")
        office.locator("#fallback").select_option("eve")
        apply(office)


def customer_writes(empty: Stack) -> None:
    """From the customer's own address, to the mail door."""
    host, _, port = empty.smtp.rpartition(":")
    urgent = "App: shop\nPriority: urgent\n\nNobody can buy anything since 9:00 UTC."
    plain = "App: shop\n\nRedisco loses our keys after a minute."
    with smtplib.SMTP(host, int(port), timeout=30) as door:
        for subject, body in (
            ("The shop is down", urgent),
            ("The cache forgets everything", plain),
        ):
            door.sendmail(CUSTOMER, [SUPPORT], written(CUSTOMER, subject, body, to=SUPPORT))


def acknowledge(engineer: Page, post_office: Relay, about: str) -> None:
    """With one thumb, on the page that the mail leads to."""
    engineer.goto(post_office.link(ENGINEER, about, "/ack"))
    assert engineer.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    press(engineer, "Acknowledge: I have it")
    expect(engineer.get_by_text("You have it.")).to_be_visible()


def give_to_provider(desk: Page, subject: str) -> str:
    """The path of the ticket, which is Redisco's then."""

    def found() -> bool:
        desk.goto(f"/search?{urlencode({'q': subject})}")
        return desk.get_by_role("link", name=subject).count() > 0

    eventually(found, within=60, what=f"a ticket {subject!r}")
    desk.get_by_role("link", name=subject).first.click()
    expect(desk.get_by_role("heading", name=subject)).to_be_visible()
    with_whom = desk.locator("#ticket-side dd b").first
    if with_whom.inner_text() != "Redisco":
        desk.locator("#ticket-acts summary", has_text=re.compile(r"^Assign$")).click()
        desk.locator("#assign-to").select_option("provider:redisco")
        press(desk, "Assign")
    expect(with_whom).to_have_text("Redisco")
    return urlsplit(desk.url).path


def solve(provider: Page, ticket: str) -> None:
    provider.goto(ticket)
    fill(provider, body="An eviction policy was wrong. It is noeviction now.")
    press(provider, "Reply and solve")
    expect(provider.locator(".title").get_by_text("Solved")).to_be_visible()


def open_incident(desk: Page) -> None:
    desk.goto("/ops/incidents/new")
    fill(desk, title="Routing errors", body="One in ten requests fails. We look into it.")
    desk.locator("#production").select_option("yellow")
    press(desk, "Open it")
    expect(desk.get_by_role("heading", name="Routing errors")).to_be_visible()
