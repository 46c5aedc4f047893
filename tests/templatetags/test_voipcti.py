"""The template tags: what a template gets from them. What they do is specified in tests/test_html.py."""

from types import SimpleNamespace

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AnonymousUser
from django.template import Context, Template

from django_voipcti import html, journal
from django_voipcti.models import Line
from tests.journal.conftest import said
from tests.testapp.models import Contact


def render(source, **values):
    return Template("{% load voipcti %}" + source).render(Context(values))


def test_panel_for_the_user_of_the_page():
    ana = get_user_model()(username="ana")
    assert render("{% voipcti_panel %}", user=ana) == html.panel(ana)
    assert render("{% voipcti_panel %}", request=SimpleNamespace(user=ana)) == html.panel(ana)
    assert render("{% voipcti_panel theme='dark' inline=True %}", user=ana) == html.panel(
        ana, theme="dark", inline=True
    )


def test_panel_for_nobody_is_empty():
    assert render("{% voipcti_panel %}", user=AnonymousUser()) == ""
    assert render("{% voipcti_panel %}") == ""


def test_panel_is_written_once_a_page_though_a_base_template_asks_for_it_too():
    ana = get_user_model()(username="ana")
    for _page in range(2):
        twice = render("{% voipcti_panel %}{% voipcti_panel %}", request=SimpleNamespace(user=ana))
        assert twice == html.panel(ana)


def test_panel_takes_the_nonce_of_the_request_or_of_the_context():
    ana = get_user_model()(username="ana")
    with_nonce = html.panel(ana, nonce="n0nce")
    assert render("{% voipcti_panel %}", user=ana, csp_nonce="n0nce") == with_nonce
    assert render("{% voipcti_panel %}", request=SimpleNamespace(user=ana, csp_nonce="n0nce")) == with_nonce


def test_compat_takes_the_nonce_of_the_request_or_of_the_context():
    assert render("{% voipcti_compat %}") == html.compat()
    assert render("{% voipcti_compat %}", csp_nonce="n0nce") == html.compat(nonce="n0nce")


def test_click_to_call():
    assert render("{% click_to_call n region='GB' %}", n="020 7946 0123") == html.click_to_call(
        "+442079460123", region="GB"
    )
    assert ">Ring Ada</a>" in render("{% click_to_call n label='Ring Ada' %}", n="+442079460123")
    assert render("{% click_to_call missing %}") == ""


def test_click_to_call_numbers_escapes_once():
    assert render("{{ text|click_to_call_numbers }}", text="a < b") == "a &lt; b"
    assert "<a " in render("{{ text|click_to_call_numbers:'GB' }}", text="020 7946 0123")


def test_click_to_call_numbers_goes_before_filters_that_make_markup():
    assert render("{{ text|click_to_call_numbers|linebreaksbr }}", text="+44 20 7946 0123\nbye").endswith("</a><br>bye")


@pytest.mark.django_db
def test_call_history_for_the_user_of_the_page():
    ana = get_user_model().objects.create_user("ana")
    Line.objects.create(provider="default", account="601", label="Ana", region="GB", user=ana)
    contact = Contact.objects.create(name="Grace Hopper", phone="+442079460123")
    journal.record([said("RINGING", 0), said("HANGUP", 9)])
    assert render("{% call_history contact limit=5 %}", contact=contact, user=ana) == html.call_history(contact, ana)
    assert "No calls yet." in render("{% call_history contact %}", contact=contact, user=AnonymousUser())


def test_phone_number_is_written_as_people_do():
    assert render("{{ number|phone_number:'DE' }}", number="+4989123456") == "089 123456"
    assert render("{{ number|phone_number:'GB' }}", number="+4989123456") == "+49 89 123456"
    assert render("{{ number|phone_number }}", number="ask Anna") == "ask Anna"
    assert render("{{ number|phone_number }}", number=None) == ""
