"""Journeys J1, J4 and J7 through the pages, on the whole stack: what somebody does in one window
shows in the others by itself.
"""

from __future__ import annotations

import re
import secrets

import pytest
from playwright.sync_api import Page, expect

from tests.support.visiting import Visit
from tests.support.waiting import eventually


def submit(
    page: Page,
    subject: str,
    body: str,
    *,
    app: str = "",
    addon: str = "",
    priority: str = "",
    **urgent: str,
) -> str:
    """Fill in the form and send it; gives the ticket's id."""
    page.goto("/tickets/new")
    page.fill("#subject", subject)
    page.fill("#body", body)
    if app:
        page.select_option("#app", app)
    if addon:
        page.select_option("#addon", addon)
    if priority:
        page.check(f"[name=priority][value={priority}]")
    for name, text in urgent.items():
        page.fill(f"[name='urgent.{name}']", text)
    page.get_by_role("button", name="Submit ticket").click()
    expect(page.locator("h1")).to_have_text(subject)
    found = re.search(r"/tickets/(tkt_[a-z2-7]+)", page.url)
    assert found
    return found[1]


def unique(text: str) -> str:
    return f"{text} {secrets.token_hex(3)}"


def act(page: Page, label: str, fields: dict[str, str], button: str) -> None:
    """Open an action beside the ticket, fill it in, press its button."""
    part = page.locator("details.act", has=page.locator("summary", has_text=label))
    part.locator("summary").click()
    for name, value in fields.items():
        field = part.locator(f"[name={name}]")
        if field.evaluate("el => el.tagName") == "SELECT":
            field.select_option(value)
        else:
            field.fill(value)
    part.get_by_role("button", name=button).click()


def acknowledge_what_is_open(on_call: Page, app: str) -> None:
    """Pages of this app that other tests left open: a new urgent ticket would join them."""
    left = on_call.locator(".page-card.is-open", has_text=app)
    while left.count():
        left.locator("button.big").first.click()
        expect(on_call.locator(".page-card.is-acknowledged")).to_be_visible()
        on_call.goto("/pages")


def test_j1_a_free_customer_is_in_the_agents_queue_at_once(visit: Visit, origin: str) -> None:
    subject = unique("Cannot deploy since this morning")
    agent = visit(
        origin, "agent", f"/queue?q={subject.split()[-1]}"
    )  # other tests' tickets fill the first screen
    customer = visit(origin, "free")

    submit(customer, subject, "The build ends without a word.", app="free-production")

    expect(customer.locator(".say")).to_contain_text("Received.")
    expect(agent.get_by_role("link", name=subject)).to_be_visible(timeout=20_000)
    agent.get_by_role("link", name=subject).click()
    agent.fill("textarea[data-reply]", "Which buildpack is it?")
    agent.get_by_role("button", name="Send").click()
    expect(customer.locator(".line")).to_contain_text("Which buildpack is it?")
    expect(customer.locator("#live-body .title")).to_contain_text("Waiting for you")
    expect(customer.locator("#ticket-side")).to_contain_text("answered")


def test_a_mistake_is_said_at_its_field_and_nothing_is_lost(visit: Visit, origin: str) -> None:
    customer = visit(origin, "free", "/tickets/new", allow=("422",))
    customer.fill("#body", "I forgot the subject.")
    customer.get_by_role("button", name="Submit ticket").click()

    expect(customer.locator("#subject-error")).to_be_visible()
    expect(customer.locator("#body")).to_have_value("I forgot the subject.")


@pytest.mark.long
def test_two_clicks_make_one_ticket(visit: Visit, origin: str) -> None:
    customer = visit(origin, "premium", "/tickets/new")
    subject = unique("Twice")
    customer.fill("#subject", subject)
    customer.fill("#body", "I am in a hurry.")
    form = customer.locator("form[data-draft=new-ticket]").evaluate(
        "form => Object.fromEntries(new FormData(form))"
    )

    places = [
        customer.request.post("/tickets", form=form, max_redirects=0).headers["location"]
        for _ in range(2)
    ]

    assert len({place.partition("?")[0] for place in places}) == 1
    customer.goto(places[-1])
    expect(customer.locator("h1")).to_have_text(subject)


def test_j4_an_urgent_ticket_wakes_the_engineer_who_acknowledges_with_one_tap(
    visit: Visit, origin: str
) -> None:
    primary = visit(origin, "primary", "/pages", width=320, height=640)
    acknowledge_what_is_open(primary, "premier-production")
    customer = visit(origin, "premier")
    subject = unique("Checkout is down")

    ticket = submit(
        customer,
        subject,
        "Every request times out.",
        app="premier-production",
        priority="urgent",
        users_affected="all",
        began_at="2026-11-22 02:29:00 UTC",
    )

    card = primary.locator(".page-card", has_text=subject)
    button = card.get_by_role("button", name="Acknowledge")
    expect(button).to_be_visible(timeout=20_000)
    width, height = button.evaluate("element => [element.offsetWidth, element.offsetHeight]")
    assert (width, height) >= (200, 48)
    button.click()
    expect(card).to_contain_text("primary@example.com has it since")
    expect(primary.locator("main")).to_contain_text("Exactly one")
    expect(customer.locator("#paging")).to_contain_text("An engineer has it since")

    primary.goto(f"/tickets/{ticket}")
    expect(primary.locator("#ticket-side")).to_contain_text("First answer")
    primary.fill("textarea[data-reply]", "I am on it.")
    primary.get_by_role("button", name="Send").click()
    expect(customer.locator(".line")).to_contain_text("First answer given in time")


def test_j4_the_link_in_the_page_asks_before_it_acknowledges(visit: Visit, origin: str) -> None:
    acknowledge_what_is_open(visit(origin, "primary", "/pages"), "legacy-production")
    customer = visit(origin, "legacy")
    subject = unique("Data is being lost")
    submit(customer, subject, "Rows vanish.", app="legacy-production", priority="urgent")

    phone = visit(origin, None, "/demo/outbox?kind=page", width=320)
    row = phone.locator("details.out", has_text=subject)
    row.locator("summary").click()
    row.get_by_role("link", name="Acknowledge, as the person paged would").click()
    expect(phone.locator("h1")).to_have_text(subject)
    expect(phone.locator(".badge")).to_have_text("Not acknowledged")
    phone.get_by_role("button", name="Acknowledge").click()

    expect(phone.get_by_role("status").first).to_contain_text("You have it.")
    refused = visit(origin, None, "/pages/lane_x.y/ack?token=forged", allow=("403",))
    expect(refused.locator("main")).to_contain_text("This link is not valid")


def test_j7_an_addon_ticket_goes_to_its_provider_and_back(visit: Visit, origin: str) -> None:
    subject = unique("Connections refused")
    # New rows wait behind a button while others are on screen; here there are none yet.
    provider = visit(origin, "redisco", f"/tickets?q={subject.rpartition(' ')[2]}")
    stranger = visit(origin, "mailgrid", "/tickets", allow=("404",))
    customer = visit(origin, "enterprise")

    ticket = submit(
        customer, subject, "ECONNREFUSED since noon.", app="enterprise-production", addon="redisco"
    )
    expect(customer.locator("#ticket-side")).to_contain_text("Redisco")
    expect(provider.get_by_role("link", name=subject)).to_be_visible(timeout=20_000)
    stranger.goto(f"/tickets/{ticket}")
    expect(stranger.locator("h1")).to_have_text("There is nothing here")

    provider.get_by_role("link", name=subject).click()
    provider.fill("textarea[data-reply]", "A replica kept its old address; fixed.")
    provider.get_by_role("button", name="Send").click()
    expect(customer.locator(".line")).to_contain_text("A replica kept its old address; fixed.")

    agent = visit(origin, "agent", f"/tickets/{ticket}")
    agent.get_by_text("Staff note").click()
    agent.fill("textarea[data-reply]", "Third time this week.")
    agent.get_by_role("button", name="Add note").click()
    expect(agent.locator(".msg.for-staff")).to_contain_text("Third time this week.")
    act(provider, "Solve", {"resolution": "The replica has its new address."}, "Mark as solved")
    expect(customer.locator("#live-body .title")).to_contain_text("Solved")
    for page in (provider, customer):
        expect(page.locator("main")).not_to_contain_text("Third time this week.")


@pytest.mark.long
def test_a_reply_waits_in_the_browser_and_goes_out_once_with_what_it_does(
    visit: Visit, origin: str
) -> None:
    subject = unique("Waiting reply")
    customer, agent = visit(origin, "premium"), visit(origin, "agent", "/queue")
    ticket = submit(customer, subject, "Is it **down**?", app="premium-production")
    other = submit(visit(origin, "premium"), unique("The next one"), "Hello?")

    agent.goto(f"/tickets/{ticket}")
    expect(agent.locator(".msg strong")).to_have_text("down")
    agent.locator("[data-composer]").evaluate("form => { form.dataset.undo = '2'; }")
    agent.fill("textarea[data-reply]", "Try `heroku ps`.")
    agent.locator("textarea[data-reply]").press("Control+Enter")
    expect(agent.get_by_role("button", name="Undo")).to_be_visible()
    agent.goto(f"/tickets/{other}")  # another page of ours sends it
    expect(customer.locator(".msg code")).to_have_text("heroku ps", timeout=20_000)
    expect(customer.locator(".msg")).to_have_count(2)
    kept = "Object.keys(localStorage).filter((key) => key.startsWith('outgoing:')).length"
    eventually(lambda: agent.evaluate(kept) == 0, what="nothing waits any more")

    agent.goto(f"/tickets/{ticket}")
    agent.locator("[data-composer]").evaluate("form => { form.dataset.undo = '1'; }")
    agent.fill("textarea[data-reply]", "It is up again.")
    agent.get_by_role("button", name="Reply and solve").click()
    expect(customer.locator("#live-body .title")).to_contain_text("Solved", timeout=20_000)
    expect(agent.locator("#live-body")).to_contain_text("It is up again.")


def test_j7_a_suggestion_is_confirmed_with_one_click(visit: Visit, origin: str) -> None:
    customer = visit(origin, "premium")
    subject = unique("Mails through mailgrid are late")
    submit(customer, subject, "Three hours late.", app="premium-production")
    agent = visit(origin, "agent", f"/queue?q={subject.rpartition(' ')[2]}")
    expect(agent.locator(".row")).to_contain_text("Mailgrid?")

    agent.get_by_role("link", name=subject).click()
    agent.get_by_role("button", name="Yes, assign").click()

    expect(agent.locator("#ticket-side")).to_contain_text("Mailgrid")
    expect(customer.locator("#ticket-side")).to_contain_text("Mailgrid")


@pytest.mark.long
def test_staff_change_a_priority_with_a_reason_that_the_customer_reads(
    visit: Visit, origin: str
) -> None:
    customer = visit(origin, "premium")
    ticket = submit(
        customer, unique("Slow since yesterday"), "Everything takes a second.", priority="high"
    )
    agent = visit(origin, "reviewer", f"/tickets/{ticket}")

    act(
        agent,
        "Change priority",
        {"priority": "normal", "reason": "There is a workaround."},
        "Change",
    )

    expect(agent.locator(".say.good")).to_contain_text("Priority changed.")
    expect(customer.locator(".line")).to_contain_text("There is a workaround.")


@pytest.mark.long
def test_the_dashboard_moves_by_itself(visit: Visit, origin: str) -> None:
    ops = visit(origin, "ops", "/ops")
    live = ops.locator(".tile", has_text="Opened, last hour").locator(".of")
    before = live.inner_text()

    submit(visit(origin, "free"), unique("One more"), "Hello.")

    expect(live).not_to_have_text(before, timeout=20_000)


@pytest.mark.long
def test_what_is_half_written_stays_while_the_page_moves_on(visit: Visit, origin: str) -> None:
    customer = visit(origin, "premium")
    ticket = submit(customer, unique("Still thinking"), "It is slow.")
    agent = visit(origin, "agent", f"/tickets/{ticket}")
    agent.locator("details.act summary", has_text="Solve").click()
    agent.fill("#solve-how", "Half a sentence")
    agent.fill("textarea[data-reply]", "Half a reply")

    customer.fill("textarea[data-reply]", "One more thing.")
    customer.get_by_role("button", name="Send").click()

    expect(agent.locator(".line")).to_contain_text("One more thing.")
    expect(agent.locator("#solve-how")).to_have_value("Half a sentence")
    expect(agent.locator("textarea[data-reply]")).to_have_value("Half a reply")


def test_a_provider_declares_and_explains_and_support_links_a_ticket(
    visit: Visit, origin: str
) -> None:
    customer, title = visit(origin, "premium"), unique("Redisco is disturbed")
    ticket = submit(
        customer, unique("Redisco refuses connections"), "Since noon.", app="premium-production"
    )
    provider = visit(origin, "redisco", "/add-on/incidents/new")
    provider.fill("#title", title)
    provider.fill("#body", "New connections are refused. We are failing over.")
    provider.get_by_role("button", name="Tell everybody").click()
    expect(provider.locator("h1")).to_have_text(title)

    agent = visit(origin, "agent", f"/tickets/{ticket}")
    agent.get_by_role("button", name=f"Yes, link to {title}").click()
    expect(agent.locator(".say[role=status]").first).to_contain_text("Linked.")
    expect(customer.locator("#ticket-side")).to_contain_text(title)
    act(agent, "It is not about the incident", {}, "Take it off")
    expect(customer.locator("#ticket-side")).not_to_contain_text(title)

    act(provider, "Resolve", {"body": "All connections are back."}, "It is over")
    expect(provider.locator("#live-body")).to_contain_text("Resolved")
    provider.goto("/add-on/incidents")
    owed = provider.locator(".say", has_text=title)
    owed.get_by_role("link", name="Write it").click()
    provider.get_by_role("button", name="Publish").click()
    expect(provider.locator(".say[role=status]").first).to_contain_text("Published.")
    provider.goto("/add-on/incidents")
    expect(owed).to_have_count(0)
