"""Numbers in the host's own admin, on the running demo: a button beside each field, links in the list."""

import pytest
from playwright.sync_api import expect

from tests.browser.axe import findings
from tests.browser.test_demo import open_as, own_phone_rings, shows
from tests.support.waiting import eventually

pytestmark = pytest.mark.browser

CHRIS = "603"


@pytest.fixture(autouse=True)
def quiet(demo):
    """Nobody talks when a test begins, nor when it ends."""
    demo.quiet()
    yield
    demo.quiet()


@pytest.fixture
def complaints(page):
    """What the browser says against the page: the policy, above all."""
    found = []

    def heard(message):
        # The admin has no icon, for which Chromium asks by itself.
        if message.type == "error" and not message.location["url"].endswith("/favicon.ico"):
            found.append(f"{message.text} {message.location['url']}")

    page.on("console", heard)
    return found


@pytest.fixture
def beth(page, demo, complaints):
    """The supervisor, on a contact's page in the admin."""
    open_as(page, demo, "chris")
    page.goto(f"{demo.web}/admin/crm/contact/?q=Beth+Ackroyd")
    page.get_by_role("link", name="Beth Ackroyd", exact=True).click()
    shows(page, "Ready")
    yield page
    assert complaints == []


def is_picking_up(demo):
    """Whether a phone rings that places a call when it is picked up."""
    return any(user["picking_up"] for user in demo.state()["users"] if user["extension"] == CHRIS)


def called(demo):
    """Whom the telephone system calls outside."""
    return [party["number"] for party in demo.state()["outside"]]


def test_the_button_rings_the_own_phone_first_and_then_the_number(beth, demo):
    beth.get_by_role("button", name="Call: phone").click()
    own_phone_rings(beth)
    eventually(lambda: is_picking_up(demo))
    assert called(demo) == []
    demo.phone(CHRIS, "answer")
    eventually(lambda: called(demo) == ["441134960157"])
    shows(beth, "Beth Ackroyd")


def test_what_is_typed_is_called_before_it_is_saved_and_the_page_stays(beth, demo):
    beth.get_by_label("Mobile:").fill("020 7946 0777 ext. 12")
    beth.get_by_role("button", name="Call: mobile").press("Enter")
    eventually(lambda: is_picking_up(demo))
    demo.phone(CHRIS, "answer")
    eventually(lambda: called(demo) == ["442079460777"])
    expect(beth.get_by_label("Mobile:")).to_have_value("020 7946 0777 ext. 12")
    beth.reload()
    expect(beth.get_by_label("Mobile:")).not_to_have_value("020 7946 0777 ext. 12")


def test_a_button_of_an_empty_field_leads_to_the_field(beth, demo):
    beth.get_by_label("Mobile:").fill("")
    beth.get_by_role("button", name="Call: mobile").click()
    expect(beth.get_by_label("Mobile:")).to_be_focused()
    assert not is_picking_up(demo)


def test_numbers_of_the_list_call(beth, demo):
    beth.goto(f"{demo.web}/admin/crm/contact/?q=Beth+Ackroyd")
    shows(beth, "Ready")
    beth.locator("#result_list").get_by_role("link", name="0113 496 0157").click()
    eventually(lambda: is_picking_up(demo))


def test_a_popup_has_no_panel_and_no_button(beth, demo):
    address = beth.url.partition("?")[0]
    beth.goto(f"{address}?_popup=1")
    expect(beth.get_by_label("Phone:")).to_be_visible()
    expect(beth.get_by_role("button", name="Call: phone")).to_be_hidden()
    expect(beth.locator("voipcti-panel")).to_have_count(0)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 320])
def test_nothing_is_found_wrong_with_the_fields(beth, complaints, scheme, width):
    beth.emulate_media(color_scheme=scheme)
    beth.set_viewport_size({"width": width, "height": 800})
    expect(beth.get_by_role("button", name="Call: phone")).to_be_visible()
    assert complaints == []
    assert findings(beth, ".field-phone") == []
    complaints.clear()  # what axe-core itself tries is against the policy
    box = beth.locator(".field-phone .voipcti-phone").bounding_box()
    assert box["x"] + box["width"] <= width
