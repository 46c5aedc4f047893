"""`make screenshots`: take the documentation's pictures again, from the running demo, in its light and dark dress.

The pages ask for the font Inter and fall back to the system's; the pictures look best where Inter is installed.
"""

import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, WebSocketRoute, expect, sync_playwright

from django_voipcti.enums import CallState, Direction
from django_voipcti.events import Party
from django_voipcti.redaction import PhoneNumber
from tests.browser.dummy_crm import log_line_in, running_crm
from tests.browser.flags import FLAGS
from tests.support.demo import PASSWORD, RunningDemo
from tests.support.processes import ROOT
from tests.support.waiting import eventually

FOLDER = ROOT / "docs" / "_static" / "screenshots"
ANA, BEN, CHRIS = "601", "602", "603"
DEVICE_PIXELS = 1.5

#: Django's admin asks for the system's font, which on a server is seldom one that is made for screens.
FONTS = """<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig><include>/etc/fonts/fonts.conf</include>
<selectfont><rejectfont><pattern><patelt name="family"><string>DejaVu Sans</string></patelt></pattern></rejectfont>
</selectfont></fontconfig>
"""


@contextmanager
def open_page(browser: Browser, scheme: str, width: int, height: int) -> Iterator[Page]:
    """A page in a context of its own."""
    context = browser.new_context(
        locale="en-GB",
        viewport={"width": width, "height": height},
        color_scheme=scheme,  # type: ignore[arg-type]  # "light" or "dark"
        device_scale_factor=DEVICE_PIXELS,
        reduced_motion="reduce",
    )
    yield context.new_page()
    context.close()


def log_in(page: Page, web: str, username: str) -> None:
    """Log a user in by the form."""
    page.goto(f"{web}/login/")
    page.get_by_label("Name").fill(username)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()


class Studio:
    """A demo, a browser, and people who are logged in."""

    def __init__(self, demo: RunningDemo, browser: Browser) -> None:
        self.demo = demo
        self.browser = browser

    @contextmanager
    def page(self, username: str, scheme: str, *, width: int = 1280, height: int = 800) -> Iterator[Page]:
        """A page of a user whose phone is ready."""
        with open_page(self.browser, scheme, width, height) as page:
            log_in(page, self.demo.web, username)
            self.shows(page, "Ready")
            yield page

    def shows(self, page: Page, text: str) -> None:
        """Wait until the panel shows a text."""
        expect(page.locator("voipcti-panel").get_by_text(text).filter(visible=True).first).to_be_visible()

    def quiet(self) -> None:
        """End every call and wait until nobody talks any more."""
        self.demo.quiet()
        eventually(lambda: not self.demo.state()["calls"])


def pop(studio: Studio, page: Page, save: Callable[..., None]) -> None:
    """A contact calls while the agent looks at the dashboard."""
    studio.demo.ring("442079460101", ANA)
    studio.shows(page, "Harriet Blake")
    save("pop")


def choose(studio: Studio, page: Page, save: Callable[..., None]) -> None:
    """The panel alone, while somebody calls on a number that three people share."""
    studio.demo.ring("442079460934", ANA)
    studio.shows(page, "Meena Kapoor")
    save("choose", page.locator("voipcti-panel"))


def unknown(studio: Studio, page: Page, save: Callable[..., None]) -> None:
    """The panel alone, while a record is looked for to which the number of an unknown caller belongs."""
    studio.demo.ring("12025550188", ANA)
    studio.shows(page, "Not in your records")
    page.get_by_role("button", name="Attach to a record…").click()
    page.get_by_role("combobox").fill("grace")
    expect(page.get_by_role("option")).to_have_count(2)
    page.keyboard.press("ArrowDown")
    save("unknown", page.locator("voipcti-panel"))


def answered(studio: Studio, page: Page) -> None:
    """Ana talks to somebody who called her."""
    studio.demo.ring("442079460101", ANA)
    studio.shows(page, "Harriet Blake")
    page.get_by_role("button", name="Answer", exact=True).click()
    studio.shows(page, "Connected")


def note(studio: Studio, page: Page, save: Callable[..., None]) -> None:
    """The panel alone, while a note is written on the call."""
    answered(studio, page)
    form = page.locator("voipcti-panel .note").first
    form.get_by_label("Note on this call").fill(
        "Boiler leaks since Monday. Engineer on site by Thursday, or she cancels."
    )
    form.get_by_label("What came of it?").select_option("Call back")
    form.get_by_label("Follow up on").fill("2026-12-03")
    studio.shows(page, "Draft kept")
    form.get_by_label("Note on this call").focus()
    save("note", page.locator("voipcti-panel"))
    form.get_by_role("button", name="Discard").click()
    expect(form.get_by_label("Note on this call")).to_have_value("")


def idle(studio: Studio, page: Page, save: Callable[..., None]) -> None:
    """The panel alone, while nobody calls."""
    save("panel-idle", page.locator("voipcti-panel"))


def ringing(studio: Studio, page: Page, save: Callable[..., None]) -> None:
    """The panel alone, while a contact calls."""
    studio.demo.ring("441134960164", ANA)
    studio.shows(page, "Daniel Hirst")
    save("panel-ringing", page.locator("voipcti-panel"))


def held(studio: Studio, page: Page, save: Callable[..., None]) -> None:
    """The panel alone, with a call on hold."""
    answered(studio, page)
    studio.demo.phone(ANA, "hold")
    studio.shows(page, "On hold")
    save("panel-held", page.locator("voipcti-panel"))


def two_calls(studio: Studio, page: Page, save: Callable[..., None]) -> None:
    """The panel alone, when somebody calls while another call goes on."""
    answered(studio, page)
    studio.demo.ring("441134960164", ANA)
    studio.shows(page, "Daniel Hirst")
    save("panel-two", page.locator("voipcti-panel"))


def reconnecting(studio: Studio, page: Page, save: Callable[..., None]) -> None:
    """The panel alone, when the server is away during a call."""
    sockets: list[WebSocketRoute] = []

    def accept(socket: WebSocketRoute) -> None:
        if sockets:
            socket.close(code=1013)
        else:
            socket.connect_to_server()
            sockets.append(socket)

    page.route_web_socket("**/ws/voipcti/**", accept)
    page.reload()
    studio.shows(page, "Ready")
    answered(studio, page)
    sockets[0].close(code=1013)
    studio.shows(page, "Reconnecting…")
    save("panel-reconnecting", page.locator("voipcti-panel"))


def reference(studio: Studio, page: Page, save: Callable[..., None]) -> None:
    """The page for the original connector, during a call."""
    page.goto(f"{studio.demo.web}/connector/")
    expect(page.get_by_role("status")).to_have_text("Ready")
    studio.demo.ring("442079460101", ANA)
    page.get_by_role("button", name="Answer").click()
    expect(page.get_by_role("button", name="Ben Okafor")).to_be_visible()
    save("reference")


def preferences(studio: Studio, page: Page, save: Callable[..., None]) -> None:
    """The panel alone, with the settings of how to be told of calls."""
    page.get_by_role("button", name="Notification settings").click()
    expect(page.get_by_label("Do not disturb")).to_be_visible()
    save("panel-preferences", page.locator("voipcti-panel"))


def context(studio: Studio, page: Page, save: Callable[..., None]) -> None:
    """The panel alone, with what the host knows about the caller."""
    studio.demo.ring("441134960157", ANA)
    studio.shows(page, "Cold chain pilot")
    save("context", page.locator("voipcti-panel"))


def confirm(studio: Studio, page: Page, save: Callable[..., None]) -> None:
    """The panel alone, when something speaks against a call."""
    page.goto(f"{studio.demo.web}/contacts/?q=Rory+Sinclair")
    page.get_by_role("link", name="Rory Sinclair", exact=True).click()
    studio.shows(page, "Ready")
    page.locator(".details").get_by_role("link", name="0131 496 0150").click()
    page.get_by_role("alertdialog").get_by_role("textbox").fill("Returns his call of this morning.")
    save("confirm", page.locator("voipcti-panel"))


def panel(studio: Studio, page: Page, save: Callable[..., None]) -> None:
    """The panel alone, while the called party's phone rings."""
    call_from_contact_page(studio, page)
    studio.shows(page, "Ringing…")
    save("panel", page.locator("voipcti-panel"))


def contact(studio: Studio, page: Page, save: Callable[..., None]) -> None:
    """The contact's page during a call with him."""
    call_from_contact_page(studio, page)
    eventually(lambda: studio.demo.state()["outside"])
    studio.demo.outside("answer")
    studio.shows(page, "Connected")
    save("contact")


def lab(studio: Studio, page: Page, save: Callable[..., None]) -> None:
    """The phone lab with a few calls."""
    page.goto(f"{studio.demo.web}/lab/")
    studio.demo.ring("442079460213", BEN)
    studio.demo.phone(BEN, "answer")
    studio.demo.phone(BEN, "hold")
    studio.demo.ring("441314960129", "603")
    expect(page.get_by_role("region", name="Chris Lindqvist’s phone")).to_contain_text("Ringing")
    save("lab")


def team(studio: Studio, page: Page, save: Callable[..., None]) -> None:
    """The supervisor's page."""
    page.goto(f"{studio.demo.web}/team/")
    save("team")


def admin_calls(studio: Studio, page: Page, save: Callable[..., None]) -> None:
    """The call log."""
    page.goto(f"{studio.demo.web}/admin/django_voipcti/call/")
    save("admin-calls")


def admin_call(studio: Studio, page: Page, save: Callable[..., None]) -> None:
    """The page of a call that went through every state."""
    page.goto(f"{studio.demo.web}/admin/django_voipcti/call/?q=0113+496+0157")
    page.locator("#result_list tbody tr").first.locator("th a").click()
    save("admin-call", whole=True)


def admin_missed(studio: Studio, page: Page, save: Callable[..., None]) -> None:
    """Who waits for a call."""
    page.goto(f"{studio.demo.web}/admin/django_voipcti/missedcall/?duty=all")
    studio.shows(page, "Ready")
    # Beside the list, not on it.
    page.locator("voipcti-panel .bar").click()
    expect(page.get_by_role("textbox", name="Number to call")).to_be_hidden()
    save("admin-missed")


def admin_lines(studio: Studio, page: Page, save: Callable[..., None]) -> None:
    """The lines and how they stand."""
    page.goto(f"{studio.demo.web}/admin/django_voipcti/line/")
    save("admin-lines")


def admin_rule(studio: Studio, page: Page, save: Callable[..., None]) -> None:
    """A rule that is tried on the last calls."""
    page.goto(f"{studio.demo.web}/admin/django_voipcti/poprule/add/")
    page.get_by_label("Name").fill("Strangers: open the form")
    page.get_by_label("Records found").select_option("none")
    page.get_by_label("Action").select_option("open_form")
    page.get_by_role("button", name="Try on the last").click()
    page.get_by_role("status").evaluate("element => element.closest('section').scrollIntoView()")
    save("admin-rule")


def admin_contact(studio: Studio, page: Page, save: Callable[..., None]) -> None:
    """A record of the host in the admin, whose number is being called."""
    page.goto(f"{studio.demo.web}/admin/crm/contact/?q=Beth+Ackroyd")
    page.get_by_role("link", name="Beth Ackroyd", exact=True).click()
    studio.shows(page, "Ready")
    page.get_by_role("button", name="Call: phone").click()
    eventually(lambda: any(user["picking_up"] for user in studio.demo.state()["users"]))
    studio.shows(page, "Pick up your phone")
    save("admin-contact")


def admin_dashboard(studio: Studio, page: Page, save: Callable[..., None]) -> None:
    """How the calls of the last weeks went."""
    page.goto(f"{studio.demo.web}/admin/django_voipcti/callfigures/")
    expect(page.locator(".voipcti-picture canvas").first).to_be_visible()
    page.set_viewport_size({"width": 1280, "height": 1500})
    save("dashboard")


def narrow_dashboard(studio: Studio, page: Page, save: Callable[..., None]) -> None:
    """The same in a page of the host, on a telephone."""
    page.goto(f"{studio.demo.web}/calls/")
    expect(page.locator(".voipcti-picture canvas").first).to_be_visible()
    save("dashboard-narrow")


def admin_test(studio: Studio, page: Page, save: Callable[..., None]) -> None:
    """The report of a connection test."""
    page.goto(f"{studio.demo.web}/admin/django_voipcti/line/?q={ANA}")
    page.locator("#result_list tbody tr").first.locator("th a").click()
    page.get_by_role("button", name="Test the connection").click()
    expect(page.get_by_text("Everything works.")).to_be_visible()
    save("admin-test")


#: Who sits at the machine for each picture, how wide it is, and in which dresses it is taken. Those of records come
#: first, before the other pictures add calls that nobody would make.
BOTH = ("light", "dark")
PICTURES = [
    (admin_call, "chris", 1280, BOTH),
    (admin_calls, "chris", 1440, BOTH),
    (admin_missed, "chris", 1440, BOTH),
    (admin_lines, "chris", 1440, ("light",)),
    (admin_rule, "chris", 1280, BOTH),
    (admin_test, "chris", 1280, BOTH),
    (admin_dashboard, "chris", 1280, BOTH),
    (admin_contact, "chris", 1280, BOTH),
    (narrow_dashboard, "chris", 390, BOTH),
    (team, "chris", 1280, ("light",)),
    (pop, "ana", 1280, BOTH),
    (choose, "ana", 1280, BOTH),
    (unknown, "ana", 1280, BOTH),
    (contact, "ana", 1280, BOTH),
    (panel, "ana", 1280, BOTH),
    (confirm, "ana", 1280, BOTH),
    (context, "ana", 1280, BOTH),
    (note, "ana", 1280, BOTH),
    (idle, "ana", 1280, BOTH),
    (ringing, "ana", 1280, BOTH),
    (held, "ana", 1280, BOTH),
    (two_calls, "ana", 1280, BOTH),
    (reconnecting, "ana", 1280, BOTH),
    (preferences, "ana", 1280, BOTH),
    (reference, "ana", 1280, BOTH),
    (lab, "ana", 1280, ("light",)),
]


def call_from_contact_page(studio: Studio, page: Page) -> None:
    """Click on a contact's number and pick the own phone up."""
    page.goto(f"{studio.demo.web}/contacts/?q=Beth+Ackroyd")
    page.get_by_role("link", name="Beth Ackroyd", exact=True).click()
    expect(page.get_by_role("heading", name="Beth Ackroyd", level=1)).to_be_visible()
    studio.shows(page, "Ready")
    page.locator(".details").get_by_role("link", name="0113 496 0157").click()
    eventually(lambda: any(user["picking_up"] for user in studio.demo.state()["users"]))
    studio.demo.phone(ANA, "answer")


def make_a_call_with_everything(studio: Studio) -> None:
    """An outbound call that was held and resumed, long enough to be drawn."""
    with studio.page("ana", "light") as page:
        call_from_contact_page(studio, page)
        page.wait_for_timeout(2500)
        studio.demo.outside("answer")
        page.wait_for_timeout(6000)
        studio.demo.phone(ANA, "hold")
        page.wait_for_timeout(4000)
        studio.demo.phone(ANA, "resume")
        page.wait_for_timeout(9000)
        studio.demo.phone(ANA, "hang_up")
        studio.shows(page, "Ended: completed")


def miss_some_calls(studio: Studio) -> None:
    """Two people call, one of them twice, and give up."""
    for number in ("447700900100", "447700900100", "441134960164"):
        studio.demo.ring(number, CHRIS)
        studio.demo.outside("hang_up")
        eventually(lambda: not studio.demo.state()["calls"])


def consult(browser: Browser, folder: Path) -> None:
    """The panel alone: whom to transfer to, and while he is asked. The demo's provider cannot, the dummy can."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    folder.mkdir()
    with running_crm(folder) as crm:
        with open_page(browser, "light", 1280, 800) as page:
            log_in(page, crm.web, "ben")
            log_line_in(page, BEN)
        for scheme in BOTH:
            with open_page(browser, scheme, 1280, 1120) as page:
                log_in(page, crm.web, "ana")
                log_line_in(page)
                for state in (CallState.RINGING, CallState.CONNECTED):
                    caller = Party(number=PhoneNumber("+442079460101"))
                    crm.says("601", f"call-{scheme}", state, other=caller)
                shown = page.locator("voipcti-panel")
                card = shown.locator(".card").filter(has_text="Harriet Blake").first
                card.get_by_role("button", name="Transfer").click()
                expect(page.get_by_role("button", name="Ask Ben Okafor first")).to_be_visible()
                save(page, f"transfer-{scheme}", shown, False)
                page.get_by_role("button", name="Ask Ben Okafor first").click()
                crm.says("601", f"call-{scheme}", CallState.ON_HOLD)
                asked = shown.locator(".card").filter(has_text="602").first
                expect(asked.get_by_text("Dialling…")).to_be_visible()
                placed = f"dummy-{1 + BOTH.index(scheme)}"
                ben = Party(number=PhoneNumber(BEN), name="Ben Okafor", account=BEN)
                crm.says("601", placed, CallState.CONNECTED, direction=Direction.OUTBOUND, other=ben)
                expect(asked.get_by_role("button", name="Complete the transfer")).to_be_visible()
                shown.locator(".body").evaluate("element => element.scrollTo(0, 0)")
                save(page, f"consult-{scheme}", shown, False)
                crm.says("601", placed, CallState.HANGUP, direction=Direction.OUTBOUND)
                crm.says("601", f"call-{scheme}", CallState.HANGUP)
                expect(card.get_by_text("Ended: completed")).to_be_visible()


def main() -> None:
    """Take every picture in both dresses, or those that are named."""
    chromium = shutil.which("chromium")
    if chromium is None:
        sys.exit("chromium is not installed (.ci/run installs it)")
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, RunningDemo(Path(folder)) as demo, sync_playwright() as playwright:
        fonts = Path(folder) / "fonts.conf"
        fonts.write_text(FONTS)
        browser = playwright.chromium.launch(
            executable_path=chromium, args=FLAGS, env={**os.environ, "FONTCONFIG_FILE": str(fonts)}
        )
        studio = Studio(demo, browser)
        wanted = [picture for picture in PICTURES if picture[0].__name__ in sys.argv[1:] or not sys.argv[1:]]
        if admin_call in (picture[0] for picture in wanted):
            make_a_call_with_everything(studio)
        if admin_missed in (picture[0] for picture in wanted):
            miss_some_calls(studio)
        for take, username, width, schemes in wanted:
            for scheme in schemes:
                with studio.page(username, scheme, width=width) as page:
                    take(studio, page, lambda name, part=None, whole=False: save(page, f"{name}-{scheme}", part, whole))  # noqa: B023  used at once
                studio.quiet()
        if not sys.argv[1:] or consult.__name__ in sys.argv[1:]:
            consult(browser, Path(folder) / "dummy")
        browser.close()


def save(page: Page, name: str, part: object, whole: bool) -> None:
    """Write a picture of the page, the whole of it or a part."""
    path = FOLDER / f"{name}.png"
    page.mouse.move(0, 0)
    page.wait_for_timeout(400)  # transitions come to rest
    if part is None:
        page.screenshot(path=path, full_page=whole)
    else:
        part.screenshot(path=path)  # type: ignore[attr-defined]
    print(f"{path.relative_to(ROOT)}  {path.stat().st_size // 1024} kB")  # noqa: T201  the command's output


if __name__ == "__main__":
    main()
