"""The CRM: pages, search, notes, who may see what, and the policy under which all of it works."""

import re
import subprocess

import httpx2
import pytest

from tests.support.demo import environment, manage
from tests.support.processes import ROOT
from tests.support.waiting import eventually


@pytest.fixture(scope="module")
def ana(demo):
    """An agent's browser without scripts."""
    client = demo.client("ana")
    yield client
    client.close()


@pytest.fixture(scope="module")
def chris(demo):
    """The supervisor's browser without scripts."""
    client = demo.client("chris")
    yield client
    client.close()


def path_of(client, name):
    """Where a contact's page is."""
    found = client.get("/contacts/", params={"q": name}).text
    return re.search(rf'href="(/contacts/\d+/)">{name}<', found)[1]


class TestPages:
    @pytest.mark.parametrize("path", ["/", "/contacts/", "/contacts/new/", "/companies/", "/companies/1/", "/lab/"])
    def test_each_is_served_without_inline_scripts_or_styles(self, ana, path):
        page = ana.get(path)
        assert page.status_code == 200
        policy = page.headers["Content-Security-Policy"]
        assert "script-src 'self';" in policy
        assert "style-src 'self';" in policy
        assert "unsafe" not in policy
        assert " style=" not in page.text
        assert "<style" not in page.text
        assert all("src=" in tag or "application/json" in tag for tag in re.findall(r"<script[^>]*>", page.text))

    @pytest.mark.parametrize("path", ["/crm.css", "/icons.svg", "/logo.svg"])
    def test_static_files_are_served(self, ana, path):
        assert ana.get(f"/static/crm{path}").status_code == 200

    def test_every_icon_exists(self, ana):
        symbols = set(re.findall(r'<symbol id="(\w+)"', ana.get("/static/crm/icons.svg").text))
        templates = [path.read_text() for path in (ROOT / "example_project").rglob("*.html")]
        used = {name for text in templates for name in re.findall(r'{% icon "(\w+)"', text)}
        assert used <= symbols

    def test_strangers_are_asked_to_log_in(self, demo):
        for path in ("/", "/contacts/", "/lab/", "/lab/phones/", "/team/"):
            answer = httpx2.get(f"{demo.web}{path}")
            assert answer.status_code == 302
            assert answer.headers["Location"].startswith("/login/")

    def test_the_team_is_for_the_supervisor(self, ana, chris):
        assert ana.get("/team/").status_code == 403
        assert 'href="/team/"' not in ana.get("/").text
        page = chris.get("/team/").text
        assert "Ana Ruiz" in page
        assert "Ben Okafor" in page
        assert page.count(">Ready<") == 3


class TestSearch:
    @pytest.mark.parametrize(
        "text",
        [
            "Harriet",
            "blake",
            "Brightwater Harriet",
            "harriet.blake@",
            "020 7946 0101",
            "+44 (0)20 79460101",
            "0044 20 7946-0101",
        ],
    )
    def test_a_contact_is_found_by_name_company_address_and_number(self, ana, text):
        assert ">Harriet Blake<" in ana.get("/contacts/", params={"q": text}).text

    def test_a_shared_number_finds_everybody_who_has_it(self, ana):
        page = ana.get("/contacts/", params={"q": "020 7946 0150"}).text
        assert ">Priya Nair<" in page
        assert ">Samuel Whitfield<" in page

    def test_nobody_is_found_by_a_strangers_number(self, ana):
        assert "Nobody matches" in ana.get("/contacts/", params={"q": "020 7946 0999"}).text

    def test_mine_are_mine(self, ana):
        page = ana.get("/contacts/", params={"mine": "1"}).text
        owners = re.findall(r'<td class="optional muted">(\w+)</td>', page)
        assert set(owners) == {"Ana"}


class TestContact:
    def test_every_number_is_a_link(self, ana):
        page = ana.get(path_of(ana, "Harriet Blake")).text
        assert 'href="tel:+442079460101"' in page
        assert 'href="tel:+447700900100"' in page

    def test_a_note_is_kept_with_its_author_and_its_numbers_are_links(self, ana, demo):
        path = path_of(ana, "Oliver Grant")
        demo.post(ana, path, text="Call back on 0113 496 0171 <soon>")
        page = ana.get(path).text
        assert 'href="tel:+441134960171"' in page
        assert "&lt;soon&gt;" in page
        assert "Ana Ruiz" in page

    def test_an_empty_note_is_refused(self, ana, demo):
        assert "This field is required." in demo.post(ana, path_of(ana, "Oliver Grant"), text=" ").text

    def test_an_unknown_caller_becomes_a_contact_that_is_found_at_once(self, ana, demo):
        form = ana.get("/contacts/new/", params={"phone": "+442079460888"}).text
        assert 'value="+442079460888"' in form
        demo.post(ana, "/contacts/new/", name="Nora Newcomer", phone="+442079460888")
        assert ">Nora Newcomer<" in ana.get("/contacts/", params={"q": "020 7946 0888"}).text


class TestLab:
    def test_it_works_without_scripts(self, ana, demo):
        demo.quiet()
        demo.post(ana, "/lab/do/", kind="ring", number="020 7946 0101", to="602")

        def bens_phone():
            return ana.get("/lab/").text.partition("Ben Okafor’s phone")[2].partition("</section>")[0]

        phone = bens_phone()
        assert "Harriet Blake" in phone
        assert "Ringing" in phone
        call = re.search(r'name="call" value="(\d+)"', phone)[1]
        user = re.search(r'name="user" value="(\d+)"', phone)[1]
        demo.post(ana, "/lab/do/", kind="phone", user=user, call=call, action="decline")
        eventually(
            lambda: "Quiet." in ana.get("/lab/").text.partition("Ben Okafor’s phone")[2].partition("</section>")[0]
        )

    def test_news_come_when_something_changes(self, ana, demo):
        demo.quiet()
        revision = re.search(r'data-revision="(\d+)"', ana.get("/lab/").text)[1]
        demo.ring("442079460101", "602")
        news = ana.get("/lab/phones/", params={"since": revision})
        assert int(news.headers["X-Revision"]) > int(revision)
        assert "Harriet Blake" in news.text
        demo.quiet()

    @pytest.mark.parametrize(
        "fields",
        [
            {"kind": "phone", "user": "602", "action": "configure"},
            {"kind": "phone", "user": "602", "action": "answer"},
            {"kind": "ring", "number": "020 7946 0101", "to": "699"},
            {"kind": "nonsense"},
        ],
    )
    def test_what_cannot_be_done_is_said(self, ana, demo, fields):
        demo.quiet()
        assert 'class="error"' in demo.post(ana, "/lab/do/", **fields).text


class TestCommands:
    def test_seeding_again_changes_nothing(self, tmp_path):
        def seed(*arguments):
            done = subprocess.run(
                manage("seed_demo", "--no-lines", *arguments),
                env=environment(tmp_path),
                capture_output=True,
                text=True,
                timeout=120,
                check=True,
            )
            return done.stdout

        assert seed("--migrate") == seed() == "3 users, 14 companies, 63 contacts, 0 lines\n"

    def test_deployment_checks_are_clean(self, tmp_path):
        done = subprocess.run(
            manage("check", "--deploy", "--fail-level", "WARNING"),
            env=environment(tmp_path),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr

    def test_the_secret_key_is_made_once_and_only_for_its_owner(self, tmp_path):
        for _ in range(2):
            subprocess.run(manage("check"), env=environment(tmp_path), capture_output=True, timeout=120, check=True)
        key = tmp_path / "secret-key"
        assert key.stat().st_mode & 0o777 == 0o600
        assert len(key.read_text()) >= 50
        assert [path.name for path in tmp_path.iterdir()] == ["secret-key"]
