"""A day at the desk: thirty tickets by keyboard, beside a colleague and ten customers who write."""

from __future__ import annotations

import secrets
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.browser.test_desk import listens
from tests.support.desk import Desk, Person
from tests.support.visiting import Visit
from tests.support.waiting import eventually

CUSTOMERS, EACH = 10, 3
MOST_KEYS = 6
"""Key actions for one ticket, besides the text (issue 16)."""
MINE, THEIRS = "Please restart it.", "It is a known fault, and mended now."
COLLEAGUE_EVERY = 5
"""The colleague is faster with every fifth ticket: they answer while one writes."""


class Keyboard:
    """The only way in which this agent does anything; counts what is pressed."""

    def __init__(self, page: Page) -> None:
        self.page, self.actions = page, 0

    def press(self, key: str) -> None:
        self.actions += 1
        self.page.keyboard.press(key)

    def write(self, text: str) -> None:
        self.page.keyboard.type(text)


@contextmanager
def busy(customers: list[Person], word: str) -> Iterator[None]:
    """Customers write to tickets of theirs, and open new ones, all the while."""
    over, troubles = threading.Event(), []

    def write() -> None:
        beside = [each.submits(f"{word} beside", app=f"{each.name}-app") for each in customers]
        while not over.wait(0.4):
            each = secrets.randbelow(len(customers))
            try:
                customers[each].replies(beside[each], "Is anybody there?")
            except AssertionError as error:
                if "429" not in str(error):  # so many an hour, and no more
                    troubles.append(error)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(30)
    assert not troubles, troubles


@pytest.mark.long
def test_thirty_tickets_by_keyboard_and_nobody_is_answered_twice_unwarned(
    visit: Visit, origin: str, desk: Desk
) -> None:
    agent = visit(origin, "agent", allow=("409",))
    word = f"day{secrets.token_hex(3)}"
    customers = [desk.new_customer("premium") for _ in range(CUSTOMERS)]
    opened = {
        each.submits(f"{word} {n}", app=f"{each.name}-app"): each
        for each in customers
        for n in range(EACH)
    }
    for ticket, customer in opened.items():
        customer.ticket(ticket, status="new")
    agent.goto(f"/queue?q={word}")
    expect(agent.locator(".row")).to_have_count(len(opened))
    order = agent.locator(".row").evaluate_all("rows => rows.map((row) => row.dataset.key)")
    keys, warned = Keyboard(agent), set()

    with busy([desk.new_customer("free") for _ in range(CUSTOMERS)], f"beside{word}"):
        listens(agent)
        keys.press("j")
        keys.press("Enter")
        for place, ticket in enumerate(order):
            shown = agent.locator("[data-ticket]")
            expect(shown).to_have_attribute("data-ticket", ticket)  # nothing has shifted
            listens(agent)
            keys.press("r")
            keys.write(MINE)
            if place % COLLEAGUE_EVERY:
                keys.press("Control+Shift+Enter")
                continue
            desk.person("agent2").replies(ticket, THEIRS)
            warning = agent.locator("[data-meanwhile]")
            expect(warning).to_be_visible()
            expect(warning).to_contain_text("Look first")
            warned.add(ticket)
            keys.press("Escape")
            keys.press("j")

    assert keys.actions <= MOST_KEYS * len(order), keys.actions
    assert len(warned) == len(order) / COLLEAGUE_EVERY

    def answers() -> dict[str, Counter[str]]:
        return {
            ticket: Counter(
                reply["body"]
                for reply in desk.agent.get(f"/v1/tickets/{ticket}")["replies"]
                if reply["side"] == "staff"
            )
            for ticket in order
        }

    wanted = {ticket: Counter([THEIRS if ticket in warned else MINE]) for ticket in order}
    eventually(lambda: answers() == wanted, every=1.0, what="each answered once, by one of us")
