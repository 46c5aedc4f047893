"""The quickstart does what it says: its files, taken from the page, are a project that works."""

import os
import re
import subprocess
import sys

import pytest

from tests.support.processes import ROOT

TEXT = (ROOT / "docs/tutorial/quickstart.md").read_text()
FILES = [
    *("contacts/models.py", "contacts/apps.py", "contacts/templates/base.html"),
    *("contacts/templates/contacts/contact_list.html", "contacts/templates/contacts/contact_detail.html"),
    *("office/asgi.py", "office/celery.py", "office/__init__.py", "office/urls.py"),
]

LOOK = """
from django.contrib.auth import get_user_model
from django.test import Client
from contacts.models import Contact
from django_voipcti import phonebook

client = Client(headers={"host": "localhost"})
client.force_login(get_user_model().objects.create_superuser("ana"))
contact = Contact.objects.create(name="Harriet Blake", phone="020 7946 0101")
for path in ("/", contact.get_absolute_url()):
    page = client.get(path).content.decode()
    assert 'href="tel:+442079460101"' in page, page
    assert "<voipcti-panel" in page, page
assert "No calls yet." in page, page
assert [match.label for match in phonebook.lookup("+44 20 7946 0101")] == ["Harriet Blake"]
print("it works")
"""


def shown_after(words):
    """The first block of code behind some words."""
    return re.search(r"```(?:python|django)\n(.*?)```", TEXT[TEXT.index(words) :], re.DOTALL)[1]


@pytest.fixture
def run(tmp_path):
    """Return `run(...)`: run Python in the project's folder; returns what it printed."""
    environment = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}

    def run_python(*arguments):
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=tmp_path,
            env={**environment, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run_python


def test_its_project_works(run, tmp_path):
    run("-m", "django", "startproject", "office", ".")
    run("manage.py", "startapp", "contacts")
    for name in FILES:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(shown_after(f"`{name}`"))
    settings = tmp_path / "office/settings.py"
    text = settings.read_text().replace("INSTALLED_APPS = [", "INSTALLED_APPS = [\n    'daphne',", 1)
    text = text.replace("    'django.contrib.messages',", "    'django.contrib.messages',\n    'channels',", 1)
    text = text.replace("    'channels',", "    'channels',\n    'django_voipcti',\n    'contacts',", 1)
    settings.write_text(text + shown_after("At the end of the file:"))
    run("manage.py", "makemigrations", "contacts")
    run("manage.py", "migrate", "--verbosity", "0")
    assert "no issues" in run("manage.py", "check")
    assert run("manage.py", "shell", "--verbosity", "0", "-c", LOOK).endswith("it works\n")


def test_the_pages_that_it_links_to_exist():
    links = re.findall(r"\]\((\.\./[^)#]+)", TEXT)
    assert links
    assert [link for link in links if not (ROOT / "docs/tutorial" / link).exists()] == []


def test_the_readme_links_to_pages_and_pictures_that_exist():
    text = (ROOT / "README.md").read_text()
    links = re.findall(r"\]\((docs/[^)#]+)|(?:src|srcset)=\"([^\"]+)\"", text)
    assert len(links) > 8
    assert [link for pair in links for link in pair if link and not (ROOT / link).exists()] == []
