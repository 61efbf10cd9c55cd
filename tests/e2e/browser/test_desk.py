"""Several agents at one desk, on the whole stack: who has a ticket, lists that stay still, ten tabs
of one browser, two people who answer at once.
"""

from __future__ import annotations

import re
import secrets

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.browser.test_journeys import unique
from tests.support.desk import Desk
from tests.support.visiting import Visit
from tests.support.waiting import eventually

pytestmark = pytest.mark.long


def post(page: Page, path: str, who: str, body: dict[str, str]) -> dict[str, str]:
    """A write by the API, and what was answered, once the views hold it."""
    token = {"Authorization": f"Bearer demo-{who}"}
    answer = page.request.post(
        path, headers={**token, "Idempotency-Key": secrets.token_hex(8)}, data=body
    )
    assert answer.status == 202, answer.text()
    said: dict[str, str] = answer.json()
    seen = f"/v1/tickets/{said['ticket_id']}?after={said['request_id']}"
    eventually(lambda: page.request.get(seen, headers=token).status == 200, what="it is seen")
    return said


def opens(page: Page, subject: str, who: str = "free", **fields: str) -> str:
    """A new ticket by the API; gives its id."""
    body = {"subject": subject, "body": "It does not work.", **fields}
    return post(page, "/v1/tickets", who, body)["ticket_id"]


def replies(page: Page, ticket: str, who: str, body: str) -> None:
    post(page, f"/v1/tickets/{ticket}/replies", who, {"body": body})


def test_an_agent_knows_the_person_and_opens_a_ticket_for_them(
    visit: Visit, origin: str, desk: Desk
) -> None:
    agent = visit(origin, "agent", width=1440)
    caller = desk.new_customer("premium")  # the panel shows the first few of a person's tickets
    first, second = unique("Deploys hang"), unique("They called")
    ticket = caller.submits(first, app=f"{caller.name}-app")
    caller.ticket(ticket, status="new")
    agent.goto(f"/tickets/{ticket}")
    panel = agent.locator("#person")
    expect(panel).to_contain_text(caller.email)
    expect(panel).to_contain_text(f"{caller.name}-app")
    panel.locator(".name a").click()
    expect(agent.locator(".rows").first).to_contain_text(first)
    agent.get_by_role("button", name="Open a ticket for them").click()
    agent.fill("#subject", second)
    agent.fill("#body", "The build of the app hangs, they say.")
    agent.get_by_role("button", name="Submit ticket").click()
    expect(agent.locator(".say.good")).to_contain_text("Opened for them.")
    expect(agent.locator(".title")).to_contain_text("by you for")
    expect(agent.locator("#person")).to_contain_text(first)

    token = {"Authorization": f"Bearer {caller.token}"}
    customer = visit(origin, None, "/tickets", extra_http_headers=token)
    customer.get_by_role("link", name=second).click()
    expect(customer.locator(".msg header").first).to_contain_text("for you")
    expect(customer.locator("main")).not_to_contain_text("agent@example.com")
    expect(customer.locator("#person")).to_have_count(0)
    said = f'opened the ticket "{second}" for you'

    def is_told() -> bool:
        mails = agent.request.get("/demo/outbox?kind=mail").json()
        return any(said in " ".join(mail["body"].split()) for mail in mails)

    eventually(is_told, what="they are told")


def test_two_tickets_about_one_matter_are_merged_without_a_script(
    visit: Visit, origin: str, desk: Desk
) -> None:
    caller = desk.new_customer("premium")
    first, second = unique("Deploys hang"), unique("Still hanging")
    goes_on = caller.submits(first, app=f"{caller.name}-app")
    ends = caller.submits(second, body="It is the same as before.", app=f"{caller.name}-app")
    for ticket in (goes_on, ends):
        caller.ticket(ticket, queue="platform")
    desk.agent.replies(goes_on, "Which build is it?")
    caller.ticket(goes_on, status="pending")

    agent = visit(origin, "agent", f"/tickets/{ends}", width=1440, java_script_enabled=False)
    agent.get_by_role("link", name="Merge into another ticket").click()
    agent.get_by_label("The ticket it should go on in").fill("zzzzzzzz")
    agent.get_by_role("button", name="Show both").click()
    expect(agent.locator("#into-error")).to_contain_text("There is no ticket with this id.")
    agent.get_by_label("The ticket it should go on in").fill(goes_on[4:12])
    agent.get_by_role("button", name="Show both").click()
    expect(agent.locator(".cards")).to_contain_text(first)
    expect(agent.locator(".cards")).to_contain_text(second)
    expect(agent.locator(".say.warn")).to_have_count(0)
    agent.get_by_role("button", name="Merge, for good").click()
    expect(agent.locator(".say.good")).to_contain_text("Merged.")
    expect(agent.locator("#merged a")).to_have_text(first)

    # the other one waits for us again, and quotes for staff what was asked here
    caller.ticket(goes_on, status="open")
    agent.locator("#merged a").click()
    expect(agent.locator(".line")).to_contain_text("It is the same as before.")
    expect(agent.locator(".title").get_by_role("link", name=second)).to_be_visible()
    became = desk.agent.outcome(desk.agent.acts(ends, "merge", into=goes_on)["request_id"])
    assert (became["state"], became["code"]) == ("refused", "not-in-this-state")

    token = {"Authorization": f"Bearer {caller.token}"}
    customer = visit(origin, None, f"/tickets/{ends}", extra_http_headers=token)
    expect(customer.locator("#merged a")).to_have_text(first)
    expect(customer.locator("main")).not_to_contain_text("agent@example.com")
    customer.goto(f"/tickets/{goes_on}")
    expect(customer.locator("main")).not_to_contain_text("It is the same as before.")

    def is_told() -> bool:
        mails = agent.request.get("/demo/outbox?kind=mail").json()
        return any(
            second in mail["body"]
            and "We go on in your other ticket" in " ".join(mail["body"].split())
            for mail in mails
        )

    eventually(is_told, what="they are told where it goes on")


def test_many_tickets_are_tagged_and_taken_at_once_and_each_outcome_is_said(
    visit: Visit, origin: str
) -> None:
    agent = visit(origin, "agent", width=1440)
    word = f"kestrel{secrets.token_hex(4)}"
    first, second = (opens(agent, f"{word} {number}") for number in ("one", "two"))
    agent.goto(f"/search?q={word}")
    for box in agent.locator(".row .pick").all():
        box.check()
    agent.get_by_label("With the picked tickets").select_option("tag")
    agent.get_by_label("Tags", exact=True).fill(f"Needs Info, {word}")
    agent.get_by_role("button", name="Do it").click()
    expect(agent.locator("[data-bulk-said]")).to_have_text("2 done.")

    agent.goto(f"/search?q=tag:{word}")
    expect(agent.locator(".row")).to_have_count(2)
    expect(agent.locator(".row .tag", has_text="needs-info")).to_have_count(2)
    for box in agent.locator(".row .pick").all():
        box.check()
    agent.get_by_label("With the picked tickets").select_option("tag")
    agent.get_by_label("Tags", exact=True).fill("by mistake")
    agent.get_by_role("button", name="Do it").click()
    said = agent.locator("[data-bulk-said]")
    expect(said).to_have_text("2 done.")
    agent.get_by_role("button", name="Undo").click()
    expect(said).to_have_text("2 undone.")
    expect(agent.locator("[data-bulk-undo]")).to_be_hidden()
    agent.goto(f"/search?q=tag:{word}")
    expect(agent.locator(".row .tag", has_text="needs-info")).to_have_count(2)
    expect(agent.locator(".row .tag", has_text="by-mistake")).to_have_count(0)
    customer = visit(origin, "free", f"/search?q=tag:{word}")
    expect(customer.locator(".row")).to_have_count(0)
    customer.goto(f"/tickets/{first}")
    expect(customer.locator("body")).not_to_contain_text("needs-info")

    agent.goto(f"/tickets/{first}")
    agent.get_by_role("button", name="Take off the tag needs-info").click()
    expect(agent.locator("#tags")).not_to_contain_text("needs-info")
    expect(agent.locator(".line", has_text="took off")).to_contain_text("needs-info")

    post(agent, f"/v1/tickets/{second}/take", "agent2", {})
    agent.goto(f"/search?q=tag:{word}")
    for box in agent.locator(".row .pick").all():
        box.check()
    agent.get_by_role("button", name="Do it").click()
    expect(agent.locator("[data-bulk-said]")).to_contain_text(
        "1 done, 1 refused: Abel Agent has it"
    )


def test_what_was_done_to_many_is_taken_back_without_a_script_and_not_what_moved_on(
    visit: Visit, origin: str
) -> None:
    agent = visit(origin, "agent", width=1440, java_script_enabled=False)
    word = f"plover{secrets.token_hex(4)}"
    first, second = (opens(agent, f"{word} {number}") for number in ("one", "two"))
    agent.goto(f"/search?q={word}")
    for box in agent.locator(".row .pick").all():
        box.check()
    agent.get_by_label("With the picked tickets").select_option("solve")
    agent.get_by_label("What solved them").fill("We restarted it.")
    agent.get_by_role("button", name="Do it").click()
    expect(agent.locator("p.say")).to_contain_text("2 done.")

    hidden = agent.locator("form[action='/queue/bulk/undo'] input").all()
    form = {str(each.get_attribute("name")): each.input_value() for each in hidden}
    replies(agent, second, "free", "It is not solved at all.")
    agent.get_by_role("button", name="Undo").click()

    left_alone = "1 undone, 1 left alone: It was reopened meanwhile"
    expect(agent.locator("p.say")).to_contain_text(left_alone)
    expect(agent.get_by_role("link", name=second[4:12])).to_be_visible()
    again = agent.request.post(
        "/queue/bulk/undo",
        form=form,
        headers={"Origin": origin, "Accept": "application/json"},
    )
    assert again.json()["said"].startswith(left_alone), "sent twice, done once"
    agent.goto(f"/tickets/{first}")
    expect(agent.locator(".line", has_text="reopened")).to_have_count(1)


def test_a_ticket_is_taken_handed_over_and_released(visit: Visit, origin: str) -> None:
    agent = visit(origin, "agent")
    subject = unique("Builds hang")
    ticket = opens(agent, subject)
    agent.goto(f"/tickets/{ticket}")
    other = visit(origin, "agent2", f"/tickets/{ticket}")
    expect(other.locator("#owner")).to_contain_text("Nobody has it")

    agent.keyboard.press("t")

    expect(agent.locator("#owner")).to_contain_text("You have it")
    expect(other.locator("#owner")).to_contain_text("Ada Agent has it")
    expect(other.locator(".line")).to_contain_text("Ada Agent took it")
    agent.goto("/queue?home=mine")
    expect(agent.get_by_role("link", name=subject)).to_be_visible()
    other.goto("/queue?home=mine")
    expect(other.get_by_role("link", name=subject)).to_have_count(0)

    listens(other)
    agent.goto(f"/tickets/{ticket}")
    part = agent.locator("details.act", has=agent.locator("summary", has_text="Hand over"))
    part.locator("summary").click()
    part.locator("select").select_option(label="Abel Agent")
    part.locator("textarea").fill("You know this app.")
    part.get_by_role("button", name="Hand over").click()

    handed = other.get_by_role("link", name=subject)
    waits = other.get_by_role("button", name=re.compile("new, show"))
    expect(handed.or_(waits)).to_have_count(1)
    if waits.is_visible():  # he had other tickets: his list has stayed still
        waits.click()
    expect(handed).to_be_visible()
    customer = visit(origin, "free", f"/tickets/{ticket}")
    expect(customer.locator("main")).not_to_contain_text("You know this app.")
    expect(customer.locator("main")).not_to_contain_text("Abel")


def listens(page: Page) -> None:
    """Wait until the page's scripts run: a key that is pressed before is nobody's."""
    expect(page.locator("#live-state")).to_have_text("Live")


def test_a_list_stays_still_and_one_comes_back_to_the_same_row(visit: Visit, origin: str) -> None:
    agent = visit(origin, "agent")
    word = f"still{secrets.token_hex(3)}"
    tickets = [opens(agent, f"{word} {n}") for n in range(3)]
    agent.goto(f"/queue?q={word}")
    expect(agent.locator(".row")).to_have_count(3)
    before = agent.locator(".row").evaluate_all("rows => rows.map((row) => row.dataset.key)")

    opens(agent, f"{word} urgent", "premium", priority="urgent", app="premium-production")

    expect(agent.get_by_role("button", name="1 new, show it")).to_be_visible()
    now = agent.locator(".row").evaluate_all("rows => rows.map((row) => row.dataset.key)")
    assert now == before, "nothing has moved"
    agent.keyboard.press(".")
    expect(agent.locator(".row")).to_have_count(4)
    expect(agent.locator(".row .subject").first).to_have_text(f"{word} urgent")

    agent.keyboard.press("j")
    agent.keyboard.press("j")
    agent.keyboard.press("Enter")
    expect(agent.locator("[data-ticket]")).to_have_attribute("data-ticket", before[0])
    listens(agent)
    agent.keyboard.press("j")
    expect(agent.locator("[data-ticket]")).to_have_attribute("data-ticket", before[1])
    listens(agent)
    replies(agent, before[1], "free", "Still so.")
    expect(agent.locator(".line")).to_contain_text("Still so.")  # the ticket is drawn anew
    agent.keyboard.press("u")
    expect(agent.locator(".row.is-at")).to_have_attribute("data-key", before[1])
    assert word in agent.url, "the same filter"

    replies(agent, tickets[0], "agent2", "We look.")
    row = agent.locator(f"[data-key={tickets[0]}]")
    expect(row).to_contain_text("Waiting for customer")
    expect(row).to_contain_text("Abel Agent wrote")
    expect(row).to_contain_text("Not read yet")


def test_ten_tabs_of_one_browser_are_all_live(visit: Visit, origin: str) -> None:
    first = visit(origin, "agent")
    tabs, names = [first], []
    for n in range(9):
        names.append(opens(first, unique(f"Tab {n}")))
    for ticket in names:
        tab = first.context.new_page()
        tab.goto(f"/tickets/{ticket}")
        expect(tab.locator("#live-state")).to_have_text("Live")
        tabs.append(tab)
    first.goto("/queue?home=needs-us")

    for ticket in names:
        replies(first, ticket, "free", "Still so.")

    for tab in tabs[1:]:
        expect(tab.locator(".line")).to_contain_text("Still so.")
    assert first.evaluate("typeof SharedWorker") == "function"


def test_whoever_answers_what_was_answered_meanwhile_looks_first(visit: Visit, origin: str) -> None:
    agent = visit(origin, "agent", allow=("409",))
    subject = unique("Which stack")
    ticket = opens(agent, subject)
    agent.goto(f"/tickets/{ticket}")
    other = visit(origin, "agent2", f"/tickets/{ticket}")
    expect(other.locator("[data-presence]")).to_have_text("Ada Agent is looking at it.")

    agent.fill("textarea[data-reply]", "Use the newer stack.")
    expect(other.locator("[data-presence]")).to_have_text("Ada Agent is writing an answer.")
    other.fill("textarea[data-reply]", "It is a known fault.")
    other.get_by_role("button", name="Send").click()
    expect(other.locator(".line")).to_contain_text("It is a known fault.")

    expect(agent.locator("[data-meanwhile]")).to_contain_text("Look first")
    agent.get_by_role("button", name="Send", exact=True).click()
    expect(agent.locator("[data-meanwhile]")).to_contain_text("It is a known fault.")
    expect(agent.locator("textarea[data-reply]")).to_have_value("Use the newer stack.")
    expect(other.locator(".line")).not_to_contain_text("Use the newer stack.")

    agent.get_by_role("button", name="Send anyway").click()
    expect(other.locator(".line")).to_contain_text("Use the newer stack.")


def test_tickets_are_answered_one_after_the_other_by_keyboard(visit: Visit, origin: str) -> None:
    """At most six key actions a ticket besides the text, while a customer goes on writing."""
    agent = visit(origin, "agent")
    word = f"day{secrets.token_hex(3)}"
    tickets = [opens(agent, f"{word} {n}") for n in range(4)]
    agent.goto(f"/queue?q={word}")
    expect(agent.locator(".row")).to_have_count(4)
    listens(agent)
    actions, done = 0, []

    def press(key: str) -> None:
        nonlocal actions
        actions += 1
        agent.keyboard.press(key)

    press("j")
    press("Enter")
    for _ in tickets:
        shown = agent.locator("[data-ticket]")
        if done:
            expect(shown).not_to_have_attribute("data-ticket", done[-1])
        listens(agent)
        done.append(str(shown.get_attribute("data-ticket")))
        others = [ticket for ticket in tickets if ticket not in done]
        if others:
            replies(agent, others[-1], "free", "Is anybody there?")
        press("r")
        agent.keyboard.type("Please restart it.")
        press("Control+Shift+Enter")
    agent.wait_for_load_state()
    assert sorted(done) == sorted(tickets), "each once, though the list has changed meanwhile"
    assert actions <= 6 * len(tickets)
    token = {"Authorization": "Bearer demo-agent"}
    for ticket in tickets:
        path = f"/v1/tickets/{ticket}"
        eventually(
            lambda path=path: (
                [  # type: ignore[misc]
                    reply["body"]
                    for reply in agent.request.get(path, headers=token).json()["replies"]
                    if reply["side"] == "staff"
                ]
                == ["Please restart it."]
            ),
            what="one answer",
        )
