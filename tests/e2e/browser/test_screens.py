"""The screens themselves, over sample facts: every page is accessible, fits, works without a
script, and behaves.
"""

from __future__ import annotations

import re
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.support.showcase_incidents import DRAFT, OPEN, OVER, PLANNED
from tests.support.visiting import Visit

pytestmark = pytest.mark.long

SCREENS = [
    (None, "/help"),
    ("premier", "/help?q=too+many+conections"),
    (None, "/help?q=qqqqxxxx"),
    ("premium", "/help/redis-connections"),
    (None, "/help/platform-error-codes"),
    ("free", "/help/scheduler/thanks"),
    (None, "/changelog"),
    ("premier", "/resources"),
    (None, "/problems"),
    (None, "/problems/kafka-unavailable"),
    (None, "/status"),
    (None, "/login"),
    (None, "/login/forgotten"),
    (None, "/login/password?token=ZnJlZUBleGFtcGxlLmNvbQ.1.b"),
    (None, "/invitation?token=ZnJlZUBleGFtcGxlLmNvbQ.1.b"),
    (None, "/setup?token=a.1.b"),
    ("admin", "/admin/invitations"),
    ("premier", "/tickets/new"),
    ("free", "/tickets/new"),
    ("premium", "/tickets"),
    ("stranger", "/tickets"),
    ("agent", "urgent"),
    ("premier", "urgent"),
    ("redisco", "/tickets"),
    ("agent", "/queue"),
    ("agent", "/queue?home=mine"),
    ("agent", "/queue?home=appeals"),
    ("agent", "/queue?q=nothing+like+this"),
    ("agent", "ticket"),
    ("agent", "merge"),
    ("agent", "/people/premium%40example.com"),
    ("agent", "/people/stranger%40example.com"),
    ("premium", "ticket"),
    ("reviewer", "appeal"),
    ("premium", "appeal"),
    ("stranger", "/share/tkt_x.y.z"),
    ("primary", "/pages"),
    ("primary", "page"),
    ("agent", "/on-call"),
    ("primary", "/on-call"),
    ("primary", "/on-call/ask?schedule=support-primary"),
    ("primary", "/account/on-call"),
    ("ops", "/ops"),
    ("ops", "/reports"),
    ("redisco", "/reports?days=90"),
    ("ops", "/ops/attention"),
    (None, "/offline"),
    ("ops", "/ops/ledger?person=primary%40example.com"),
    ("free", "/no/such/page"),
    ("admin", "/account"),
    ("ops", "/ops/incidents"),
    ("ops", "/ops/incidents/new"),
    ("ops", "/ops/incidents/new?what=maintenance"),
    ("ops", f"/ops/incidents/{OPEN}"),
    ("ops", f"/ops/incidents/{DRAFT}"),
    ("ops", f"/ops/incidents/{PLANNED}"),
    ("ops", f"/ops/incidents/{OVER}/postmortem"),
    (None, f"/status/incidents/{OPEN}"),
    (None, f"/status/incidents/{OVER}"),
    ("redisco", "/add-on/incidents"),
    ("redisco", "/add-on/incidents/new"),
    ("redisco", f"/add-on/incidents/{PLANNED}"),
    ("redisco", "/announce"),
    ("enterprise", "/account/notifications"),
    (None, "/status/subscribe"),
]
EACH_TIME = {
    (None, "/help"),
    (None, "/problems"),
    (None, "/login"),
    ("premier", "/tickets/new"),
    ("premium", "/tickets"),
    ("agent", "/queue"),
    ("agent", "ticket"),
    ("premium", "ticket"),
    ("primary", "/pages"),
    ("agent", "/on-call"),
    ("ops", "/ops"),
    ("admin", "/account"),
}
"""The screens that `make test` looks at; `make long` looks at all of them."""
Look = tuple[int, Literal["light", "dark"]]
FIRST: list[Look] = [(320, "dark")]
OTHERS: list[Look] = [(1440, "light"), (1440, "dark"), (320, "light")]
"""Each look of each page takes seconds of the processor: `make test` has one, `make long` the rest."""


def show(visit: Visit, preview: str, who: str | None, path: str) -> Page:
    starts = {
        "ticket": "/queue?q=redis" if who == "agent" else "/tickets",
        "urgent": "/queue?q=checkout" if who == "agent" else "/tickets?q=checkout",
        "appeal": "/queue?q=libpq" if who == "reviewer" else "/tickets?q=libpq",
        "page": "/pages",
        "merge": "/queue?q=redis",
    }
    start = starts.get(path, path)
    page = visit(
        preview,
        who,
        start,
        reduced_motion="reduce",
        allow=("404",) if "no/such" in path else ("410",) if "/share/" in path else (),
    )
    if path in ("ticket", "appeal", "urgent", "merge"):
        page.locator(".row .subject").first.click()
        page.wait_for_selector(".line")
        if who == "agent" and path != "merge":
            page.locator("#why summary").click()
    if path == "merge":
        page.get_by_role("link", name="Merge into another ticket").click()
        page.locator("ul.brief a").first.click()
        page.wait_for_selector(".cards")
    if path == "page":
        page.locator(".page-card h3 a").first.click()
    if path == "/tickets/new" and who == "premier":
        page.check("[name=priority][value=urgent]")
    return page


@pytest.mark.parametrize(
    "looks", [FIRST, pytest.param(OTHERS, marks=pytest.mark.long)], ids=["first", "others"]
)
@pytest.mark.parametrize(
    ("who", "path"),
    [
        pytest.param(*screen, marks=[] if screen in EACH_TIME else pytest.mark.long)
        for screen in SCREENS
    ],
)
def test_every_screen_is_accessible_and_fits(
    visit: Visit, preview: str, who: str | None, path: str, looks: list[Look]
) -> None:
    page = show(visit, preview, who, path)
    assert page.locator("h1").count() == 1

    for width, scheme in looks:
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        wrong = [
            f"{found['id']} ({found['impact']}): {[node['html'][:120] for node in found['nodes'][:3]]}"
            for found in Axe().run(page).response["violations"]
            if found["impact"] in ("serious", "critical")
        ]
        assert not wrong, (width, scheme)
        assert (
            page.evaluate(
                "document.documentElement.scrollWidth - document.documentElement.clientWidth"
            )
            == 0
        ), f"at {width}"


def test_nothing_inline_may_run(visit: Visit, preview: str) -> None:
    page = visit(preview, "agent", "/queue")

    policy = page.request.get("/queue").headers["content-security-policy"]

    assert "default-src 'self'" in policy
    assert "unsafe" not in policy


def test_the_queue_is_in_its_order_and_walked_by_keyboard(visit: Visit, preview: str) -> None:
    page = visit(preview, "agent", "/queue")
    subjects = page.locator(".row .subject")
    expect(subjects.first).to_have_text("Checkout is down: every request ends in H12")

    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("k")
    expect(subjects.first).to_be_focused()
    page.keyboard.press("j")
    wanted = subjects.nth(1).inner_text()
    page.keyboard.press("o")

    expect(page.locator("h1")).to_have_text(wanted)
    expect(page.locator("#live-state")).to_have_text("Live")  # its scripts run: keys are heard
    page.keyboard.press("r")
    expect(page.locator("textarea[data-reply]")).to_be_focused()


def test_question_mark_shows_the_shortcuts(visit: Visit, preview: str) -> None:
    page = visit(preview, "agent", "/queue")

    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")

    expect(page.get_by_role("dialog")).to_be_hidden()


def test_tabs_count_and_filter(visit: Visit, preview: str) -> None:
    page = visit(preview, "agent", "/queue")

    page.get_by_role("link", name=re.compile("With providers 3")).click()

    expect(page.locator(".row")).to_have_count(3)
    page.select_option("select[name=queue]", "provider:redisco")
    expect(page.get_by_role("link", name=re.compile("With providers 1"))).to_be_visible()
    expect(page.locator(".row .subject")).to_have_text("Redis connections refused after failover")
    page.select_option("select[name=queue]", "provider:mailgrid")
    expect(page.get_by_role("heading", name="Nothing matches")).to_be_visible()
    expect(page.get_by_role("link", name=re.compile("With providers 0"))).to_be_visible()


def test_a_reviewer_lands_on_appeals_and_an_architect_on_theirs(visit: Visit, preview: str) -> None:
    reviewer = visit(preview, "reviewer", "/queue")
    expect(reviewer.locator("h1")).to_have_text("Appeals and reviews")
    expect(reviewer.locator(".row")).to_contain_text("Appeal")
    architect = visit(preview, "csa", "/queue")
    expect(architect.locator("select[name=queue]")).to_have_value("csa")


def test_the_theme_is_remembered(visit: Visit, preview: str) -> None:
    page = visit(preview, "agent", "/queue", color_scheme="light")
    button = page.locator("#theme-form button")

    button.click()
    with page.expect_response("**/theme"):
        button.click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.reload()

    expect(page.locator("html")).to_have_attribute("data-theme", "dark")


def test_a_draft_survives_a_reload_and_is_the_persons_own(visit: Visit, preview: str) -> None:
    page = visit(preview, "premier", "/tickets/new")
    page.fill("#subject", "Half a thought")
    page.check("[name=priority][value=high]")
    page.reload()

    expect(page.locator("#subject")).to_have_value("Half a thought")
    expect(page.locator("[name=priority][value=high]")).to_be_checked()
    page.locator(".who summary").click()
    page.get_by_role("button", name="Log out").click()
    assert (
        page.evaluate("Object.keys(localStorage).filter((key) => key.startsWith('draft:')).length")
        == 0
    )


def test_priority_is_for_plans_that_may_choose_one_and_urgent_says_who_is_woken(
    visit: Visit, preview: str
) -> None:
    free = visit(preview, "free", "/tickets/new")
    assert free.locator("[name=priority]").count() == 0

    premier = visit(preview, "premier", "/tickets/new")
    expect(premier.locator(".guide")).to_be_hidden()
    premier.check("[name=priority][value=urgent]")
    expect(premier.locator(".guide summary")).to_have_text(
        "This wakes the on-call engineer, at once, at any hour"
    )
    assert premier.locator(".guide :is(input, textarea)").count() == 10

    premium = visit(preview, "premium", "/tickets/new")
    premium.check("[name=priority][value=urgent]")
    expect(premium.locator(".guide")).to_contain_text("nobody is paged")


def test_it_works_without_a_script(visit: Visit, preview: str) -> None:
    page = visit(preview, "agent", "/queue", java_script_enabled=False)

    page.select_option("select[name=priority]", "urgent")
    page.get_by_role("button", name="Show").click()
    assert page.locator(".row").count() == 1
    page.locator(".row .subject").first.click()

    expect(page.locator("h1")).to_have_text("Checkout is down: every request ends in H12")
    assert "UTC" in page.locator(".line time").first.inner_text()
    page.locator(".act summary", has_text="Change priority").click()
    expect(page.locator("#review-why")).to_be_visible()


def test_a_provider_reads_reports_of_its_own_tickets_and_nobody_elses(
    visit: Visit, preview: str
) -> None:
    page = visit(preview, "redisco", "/tickets")
    page.get_by_role("link", name="Reports").click()
    expect(page.get_by_role("heading", name="Take-backs")).to_be_visible()
    expect(page.get_by_role("heading", name="Backlog")).to_have_count(0)
    expect(page.get_by_role("heading", name="Promises kept")).to_have_count(0)
    expect(page.get_by_role("img", name="Volume")).to_be_visible()
    came = page.request.get("/reports/volume.csv?days=90")
    assert came.headers["content-type"].startswith("text/csv")
    assert sum(int(line.split(",")[1]) for line in came.text().splitlines()[1:]) > 0
    assert page.request.get("/reports/backlog.csv").status == 404, "it is the desk's"
    other = visit(preview, "mailgrid", "/reports?days=90")
    theirs = other.request.get("/reports/volume.csv?days=90")
    assert theirs.text() != came.text()
    customer = visit(preview, "free", "/tickets")
    assert customer.request.get("/reports").status == 404
    assert customer.request.get("/reports/volume.csv").status == 404


def test_rows_are_picked_by_keyboard_and_the_outcome_is_said(visit: Visit, preview: str) -> None:
    page = visit(preview, "agent", "/queue", width=1440)
    count, said = page.locator("[data-bulk-count]"), page.locator("[data-bulk-said]")
    expect(page.locator("#bulk")).to_be_hidden()
    page.keyboard.press("j")
    page.keyboard.press("x")
    expect(count).to_have_text("1 picked")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("Shift+X")
    expect(count).to_have_text("3 picked")
    page.get_by_role("button", name="Pick none").click()
    expect(page.locator("#bulk")).to_be_hidden()
    page.locator(".row .pick").first.check()
    page.get_by_role("button", name="Do it").click()
    # Intake is away in this preview: each ticket says so, and stays picked.
    expect(said).to_contain_text("0 done, 1 refused: we cannot take it just now")
    expect(count).to_have_text("1 picked")


def test_rows_are_picked_without_a_script(visit: Visit, preview: str) -> None:
    page = visit(preview, "agent", "/queue", java_script_enabled=False, allow=("422",))
    page.get_by_role("button", name="Do it").click()
    expect(page.locator("h1")).to_have_text("Nothing was sent")
    expect(page.get_by_text("Pick at least one ticket.")).to_be_visible()
    page.get_by_role("button", name="Back to the list").click()
    page.locator(".row .pick").nth(0).check()
    page.locator(".row .pick").nth(1).check()
    page.get_by_role("button", name="Do it").click()
    expect(page.get_by_text("0 done, 2 refused").first).to_be_visible()


def test_times_are_local_with_utc_at_hand(visit: Visit, preview: str) -> None:
    page = visit(preview, "agent", "/queue?q=redis", timezone_id="Asia/Tokyo", locale="en-GB")
    page.locator(".row .subject").first.click()
    shown = page.locator(".line time").first

    assert "UTC" in (shown.get_attribute("title") or "")
    expect(shown).not_to_contain_text("UTC")


def test_a_provider_sees_no_note_and_no_word_for_staff(visit: Visit, preview: str) -> None:
    page = visit(preview, "redisco", "/tickets")
    page.locator(".row .subject").click()

    expect(page.locator(".line")).to_contain_text("we are moving you over")
    expect(page.locator(".line")).to_contain_text("is it the eu-2 cluster again?")
    expect(page.locator("main")).not_to_contain_text("up for renewal")
    assert page.locator("#why").count() == 0


def test_what_is_not_yours_is_not_there(visit: Visit, preview: str) -> None:
    agent = visit(preview, "agent", "/queue?q=redis")
    path = agent.locator(".row .subject").first.get_attribute("href") or ""

    for who in ("stranger", "mailgrid"):
        page = visit(preview, who, path, allow=("404",))
        expect(page.locator("h1")).to_have_text("There is nothing here")
    for path in ("/queue", "/ops", "/pages", "/on-call"):
        page = visit(preview, "free", path, allow=("404",))
        expect(page.locator("h1")).to_have_text("There is nothing here")


def test_a_visitor_is_sent_to_the_login_and_back(visit: Visit, preview: str) -> None:
    page = visit(preview, None, "/tickets/new?app=premier-staging")
    page.locator("form:has(input[value='premier@example.com']) button").click()

    expect(page.locator("#app")).to_have_value("premier-staging")


def test_a_wrong_password_is_said_at_the_form(visit: Visit, preview: str) -> None:
    page = visit(preview, None, "/login", allow=("401",))
    page.fill("#email", "agent@example.com")
    page.fill("#password", "not it")
    page.get_by_role("button", name="Log in", exact=True).click()

    expect(page.get_by_role("alert")).to_contain_text("do not fit together")
    expect(page.locator("#email")).to_have_value("agent@example.com")


def test_intake_away_keeps_what_was_written(visit: Visit, preview: str) -> None:
    page = visit(preview, "premier", "/tickets/new", allow=("503",))
    page.fill("#subject", "Is anybody there?")
    page.fill("#body", "Hello.")
    page.get_by_role("button", name="Submit ticket").click()

    expect(page.get_by_role("alert")).to_contain_text("was not sent")
    expect(page.locator("#subject")).to_have_value("Is anybody there?")
