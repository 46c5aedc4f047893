"""Who is calling, on the running demo: one record, several, none, a withheld number, and what the rules say."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.axe import findings
from tests.browser.test_demo import ANA, BEN, button, open_as, panel, shows
from tests.support.waiting import eventually

pytestmark = pytest.mark.browser

SALES = "700"
#: The telephone at home of Anjali, Dev and Meena Kapoor.
FAMILY = "442079460934"
KAPOORS = ["Anjali Kapoor", "Dev Kapoor", "Meena Kapoor"]


@pytest.fixture(autouse=True)
def quiet(demo):
    """Nobody talks when a test begins, nor when it ends."""
    demo.quiet()
    yield
    demo.quiet()


@pytest.fixture
def ana(page, demo):
    """Ana's page, with her phone ready."""
    return open_as(page, demo, "ana")


def card(page):
    """The card of the call that goes on."""
    return panel(page).locator("[data-call]").first


def rings(page, demo, number, to=ANA):
    """Let somebody call, wait for the pop, and return its card."""
    demo.ring(number, to)
    expect(card(page).locator(".state")).to_have_text("Incoming call")
    return card(page)


def ends(page, demo):
    """Let everybody hang up, and take the card away."""
    demo.quiet()
    expect(card(page)).to_have_attribute("data-phase", "ended")
    card(page).get_by_role("button", name="Dismiss").click()
    expect(card(page)).to_have_count(0)


def names(call):
    return [item.inner_text().split("\n")[0] for item in call.locator(".matches > li").all()]


def test_one_record_is_shown_with_the_reason_and_nothing_is_asked(ana, demo):
    call = rings(ana, demo, "442079460101")
    expect(call.get_by_role("heading", name="Harriet Blake")).to_be_visible()
    expect(call.locator(".why")).to_contain_text("The same number")
    for name in ("This is the caller", "Attach to a record…", "Forget"):
        expect(call.get_by_role("button", name=name)).to_have_count(0)
    expect(call.get_by_role("link", name="Open record")).to_be_visible()


def test_one_of_three_is_chosen_comes_first_the_next_time_and_is_forgotten(ana, demo):
    call = rings(ana, demo, FAMILY)
    expect(call.locator(".matches > li")).to_have_count(3)
    assert sorted(names(call)) == KAPOORS
    call.get_by_role("button", name="This is the caller: Meena Kapoor").click()
    expect(call.get_by_role("heading", name="Meena Kapoor")).to_be_visible()
    expect(call.get_by_text("Remembered for this number", exact=True)).to_be_visible()
    assert sorted(names(call)) == KAPOORS[:2]
    ends(ana, demo)

    # The next call shows her at once; to Ben, who has chosen nobody, too, but he has nothing to forget.
    call = rings(ana, demo, FAMILY)
    expect(call.get_by_role("heading", name="Meena Kapoor")).to_be_visible()
    call.get_by_role("button", name="Forget").click()
    expect(call.get_by_text("Remembered for this number", exact=True)).to_be_hidden()
    expect(call.locator(".matches > li")).to_have_count(3)
    ends(ana, demo)
    call = rings(ana, demo, FAMILY)
    expect(call.locator(".matches > li")).to_have_count(3)


def test_somebody_else_than_the_one_who_has_the_number_is_found_chosen_and_forgotten(ana, demo):
    call = rings(ana, demo, "442920180388")
    expect(call.get_by_role("heading", name="Gareth Pugh")).to_be_visible()
    call.get_by_role("button", name="It is somebody else…").press("Enter")
    call.get_by_role("combobox").press_sequentially("cerys")
    expect(call.get_by_role("option")).to_have_count(1)
    for key in ("ArrowDown", "Enter", "Enter"):
        ana.keyboard.press(key)
    expect(call.get_by_role("heading", name="Cerys Bevan")).to_be_visible()
    expect(call.get_by_text("Remembered for this number", exact=True)).to_be_visible()
    assert names(call) == ["Gareth Pugh"]
    call.get_by_role("button", name="Forget").press("Enter")
    expect(call.get_by_role("heading", name="Gareth Pugh")).to_be_visible()


def test_a_switchboard_is_shared_by_its_people_and_their_company(ana, demo):
    call = rings(ana, demo, "442079460150")
    expect(call.locator(".matches > li")).to_have_count(3)
    assert names(call)[2] == "Brightwater Dental"


def test_a_choice_shows_in_every_tab(ana, demo):
    other = ana.context.new_page()
    other.goto(f"{demo.web}/companies/")
    shows(other, "Ready")
    call = rings(ana, demo, FAMILY)
    expect(card(other)).to_be_visible()
    card(other).get_by_role("button", name="This is the caller: Dev Kapoor").click()
    for page in (ana, other):
        expect(card(page).get_by_role("heading", name="Dev Kapoor")).to_be_visible()
        expect(card(page).get_by_text("Remembered for this number", exact=True)).to_be_visible()
    call.get_by_role("button", name="Forget").click()
    expect(card(other).get_by_text("Remembered for this number", exact=True)).to_be_hidden()
    other.close()


def test_nobody_becomes_a_new_contact_and_the_pop_shows_who_it_is(ana, demo):
    call = rings(ana, demo, "442079460966")
    expect(call.get_by_text("Not in your records")).to_be_visible()
    expect(call.locator(".why")).to_contain_text("London, United Kingdom")
    expect(call.locator(".why")).to_contain_text("fixed line")
    expect(call.locator(".why").get_by_text(re.compile(r"^\d+:\d\d there$"))).to_be_visible()
    call.get_by_role("link", name="New contact").click()
    expect(ana.locator("#id_phone")).to_have_value("+442079460966")
    expect(card(ana).get_by_text("Not in your records")).to_be_visible()

    # A second tab learns of it by the message alone.
    other = ana.context.new_page()
    other.goto(f"{demo.web}/companies/")
    expect(card(other).get_by_text("Not in your records")).to_be_visible()
    ana.locator("#id_name").fill("Nadia Newcomer")
    ana.get_by_role("button", name="Save").click()
    for page in (ana, other):
        expect(card(page).get_by_role("heading", name="Nadia Newcomer")).to_be_visible()
        expect(card(page).get_by_role("link", name="New contact")).to_be_hidden()
    assert "/contacts/new/" not in ana.url
    other.close()


def test_nobody_is_attached_to_a_record_by_keyboard_and_earlier_calls_are_linked(ana, demo):
    for _earlier in range(2):
        rings(ana, demo, "442079460967")
        ends(ana, demo)
    call = rings(ana, demo, "442079460967")
    call.get_by_role("button", name="Attach to a record…").press("Enter")
    field = call.get_by_role("combobox")
    expect(field).to_be_focused()
    field.press_sequentially("imogen")
    expect(call.get_by_role("option")).to_have_count(1)
    for key in ("ArrowDown", "Enter", "Enter"):
        ana.keyboard.press(key)
    expect(
        call.get_by_text("The number belongs to Imogen Price now. Earlier calls that are being linked: 2.")
    ).to_be_visible()
    expect(call.get_by_role("heading", name="Imogen Price")).to_be_visible()
    expect(call.locator(".why")).to_contain_text("The number was attached to this record.")

    call.get_by_role("link", name="Open record").click()
    expect(ana.get_by_role("heading", name="Imogen Price", level=1)).to_be_visible()
    expect(ana.locator(".details")).to_contain_text("Also calls from")
    expect(ana.locator(".details").get_by_role("link", name="020 7946 0967")).to_be_visible()
    rows = ana.locator("table.voipcti-history tbody tr", has_text="020 7946 0967")
    # The earlier ones are linked by a task.
    eventually(lambda: ana.reload() and rows.count() == 3, describe="all three calls stand in the history")


def test_a_directory_names_who_is_in_no_record(ana, demo):
    call = rings(ana, demo, "442079460961")
    expect(call.get_by_role("heading", name="Kestrel Couriers")).to_be_visible()
    expect(call.get_by_text("From the directory “suppliers”")).to_be_visible()
    expect(call.get_by_text("Not in your records")).to_be_visible()


def test_a_withheld_number_says_so_and_offers_nothing_that_cannot_work(ana, demo):
    call = rings(ana, demo, "anonymous")
    expect(call.get_by_role("heading", name="Withheld number")).to_be_visible()
    expect(call.get_by_text("The caller withheld the number")).to_be_visible()
    for name in ("Attach to a record…", "This is the caller", "Call back"):
        expect(call.get_by_role("button", name=name)).to_have_count(0)
    expect(call.get_by_role("link")).to_have_count(0)
    button(ana, "Decline").click()
    expect(card(ana)).to_have_attribute("data-phase", "ended")


def test_a_rule_opens_the_record_of_who_calls_the_sales_group(ana, demo):
    demo.ring("442079460101", SALES)
    expect(ana.get_by_role("heading", name="Harriet Blake", level=1)).to_be_visible()
    expect(card(ana).get_by_role("heading", name="Harriet Blake")).to_be_visible()


def test_a_rule_opens_the_form_for_somebody_new_who_calls_the_sales_group(ana, demo):
    demo.ring("442079460968", SALES)
    expect(ana.get_by_role("heading", name="New contact", level=1)).to_be_visible()
    expect(ana.locator("#id_phone")).to_have_value("+442079460968")


def test_an_ignored_number_is_only_logged(ana, demo):
    demo.ring("447700900951", ANA)
    demo.ring("442079460101", BEN)
    expect(panel(ana).locator("[data-call]")).to_have_count(0)
    demo.quiet()
    ana.reload()
    expect(ana.locator(".row", has_text="07700 900951").first).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("number", [FAMILY, "12025550188"])
def test_axe_has_no_finding_in_the_colours_of_the_host(chromium, demo, number, scheme):
    # Without the page's policy, which axe-core's own probing of colours would violate.
    context = chromium.new_context(locale="en-GB", color_scheme=scheme, bypass_csp=True)
    try:
        page = open_as(context.new_page(), demo, "ana")
        call = rings(page, demo, number)
        if number != FAMILY:
            call.get_by_role("button", name="Attach to a record…").click()
            call.get_by_role("combobox").fill("grace")
            expect(call.get_by_role("option")).to_have_count(2)
            page.keyboard.press("ArrowDown")
        assert findings(page, "voipcti-panel") == []
    finally:
        context.close()
