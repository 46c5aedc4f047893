"""Numbers in the host's own admin: the field with its button, columns of links, and the panel that places the call."""

import re

import pytest
from django import forms
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.db import connection
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext
from django.utils import translation
from phonenumber_field.phonenumber import PhoneNumber

from django_voipcti import html
from django_voipcti.admin.phone import PhoneFieldsMixin, PhoneInput, phone_column
from tests.testapp.models import Company, Contact, Customer, Person, VipPerson

LONDON = "+442079460123"


class ContactAdmin(PhoneFieldsMixin, admin.ModelAdmin):
    list_display = ["name", "phone", "mobile"]


class CustomerAdmin(PhoneFieldsMixin, admin.ModelAdmin):
    phone_fields = ["phone"]


@pytest.fixture
def request_of_boss(db):
    request = RequestFactory().get("/")
    request.user = get_user_model()(is_staff=True, is_superuser=True, is_active=True)
    return request


def form_of(model_admin, request, **options):
    return model_admin.get_form(request, **options)


class TestPhoneInput:
    def test_a_button_calls_what_stands_in_the_field(self):
        field = PhoneInput(label="switchboard").render("phone", "020 7946 0123", {"id": "id_phone"})
        assert 'type="tel"' in field
        assert 'value="020 7946 0123"' in field
        assert 'data-voipcti-field="id_phone"' in field
        assert 'aria-label="Call: switchboard">Call</button>' in field
        assert "<script" not in field
        assert "style=" not in field
        assert "onclick" not in field

    def test_the_button_sends_no_form(self):
        assert '<button type="button"' in PhoneInput().render("phone", "", {"id": "id_phone"})

    def test_label_and_value_are_escaped(self):
        field = PhoneInput(label="<b>").render("phone", '"><i>', {"id": "id_phone"})
        assert "<b>" not in field
        assert "<i>" not in field

    def test_a_field_that_cannot_be_found_has_no_button(self):
        assert "<button" not in PhoneInput().render("phone", LONDON)

    def test_it_is_translated_when_it_is_shown(self):
        widget = PhoneInput(label="x")
        with translation.override("de"):
            assert f">{translation.gettext('Call')}</button>" in widget.render("phone", "", {"id": "id_phone"})

    def test_its_styles_come_with_it(self):
        assert "django_voipcti/admin/voipcti" in str(PhoneInput().media)

    @pytest.mark.parametrize("typed", ["+49 89 123456", "089 123456", "+49 89 123456 ext. 12"])
    def test_a_number_of_phonenumber_field_is_shown_so_that_it_is_read_alike(self, typed, request_of_boss):
        form_class = form_of(CustomerAdmin(Customer, admin.site), request_of_boss, fields=["name", "phone"])
        number = PhoneNumber.from_string(typed, region="DE")
        form = form_class(instance=Customer(name="A", phone=number))
        shown = re.search(r'value="([^"]*)"', str(form["phone"]))[1]
        assert shown.startswith("+49 89 123456")
        sent = form_class({"name": "A", "phone": shown}, instance=Customer(name="A", phone=number))
        assert sent.is_valid(), sent.errors
        assert sent.cleaned_data["phone"] == number
        assert "phone" not in sent.changed_data

    def test_what_phonenumber_field_cannot_read_stays_as_it_was_typed(self, request_of_boss):
        form_class = form_of(CustomerAdmin(Customer, admin.site), request_of_boss, fields=["name", "phone"])
        assert 'value="ask Anna"' in str(form_class({"name": "A", "phone": "ask Anna"})["phone"])


class TestPhoneColumn:
    def test_each_cell_is_a_link_that_calls(self):
        column = phone_column("phone")
        assert column(Contact(phone=LONDON)) == html.click_to_call(LONDON)

    def test_what_is_no_number_stays_text_and_nothing_is_a_dash(self):
        column = phone_column("phone")
        assert column(Contact(phone="ask <Anna>")) == "ask &lt;Anna&gt;"
        assert column(Contact(phone="")) is None

    def test_a_path_leads_over_relations_that_may_be_empty(self):
        column = phone_column("company__phone", description="switchboard")
        assert column(Contact(company=Company(phone=LONDON))) == html.click_to_call(LONDON)
        assert column(Contact()) is None
        assert (column.short_description, column.admin_order_field) == ("switchboard", "company__phone")

    def test_national_numbers_are_read_by_the_region(self):
        assert 'data-voipcti-number="+4989123456"' in phone_column("phone", region="DE")(Contact(phone="089 123456"))

    def test_numbers_of_phonenumber_field(self):
        number = PhoneNumber.from_string(LONDON)
        assert f'data-voipcti-number="{LONDON}"' in phone_column("phone")(Customer(phone=number))


class TestPhoneFieldsMixin:
    def test_fields_of_the_phonebook_get_the_button_and_others_do_not(self, request_of_boss):
        form = form_of(ContactAdmin(Contact, admin.site), request_of_boss, fields=["name", "phone", "mobile"])()
        assert isinstance(form.fields["phone"].widget, PhoneInput)
        assert isinstance(form.fields["mobile"].widget, PhoneInput)
        assert not isinstance(form.fields["name"].widget, PhoneInput)
        assert 'aria-label="Call: mobile"' in str(form["mobile"])

    def test_a_model_that_the_phonebook_does_not_know_names_its_fields(self, request_of_boss):
        class ByName(PhoneFieldsMixin, admin.ModelAdmin):
            phone_fields = ["phone"]

        fields = {"fields": ["name", "phone"]}
        assert isinstance(
            form_of(ByName(Company, admin.site), request_of_boss, **fields)().fields["phone"].widget, PhoneInput
        )
        unnamed = type("Unnamed", (PhoneFieldsMixin, admin.ModelAdmin), {})(Company, admin.site)
        assert not isinstance(form_of(unnamed, request_of_boss, **fields)().fields["phone"].widget, PhoneInput)
        assert unnamed.get_phone_fields() == ()

    def test_columns_of_numbers_call(self, request_of_boss):
        name, phone, mobile = ContactAdmin(Contact, admin.site).get_list_display(request_of_boss)
        assert name == "name"
        assert phone(Contact(phone=LONDON)) == html.click_to_call(LONDON)
        assert (mobile.short_description, mobile.admin_order_field) == ("mobile", "mobile")

    def test_what_leads_to_the_record_or_is_edited_in_the_list_stays(self, request_of_boss):
        class First(PhoneFieldsMixin, admin.ModelAdmin):
            list_display = ["phone", "mobile", "name"]
            list_editable = ["mobile"]

        assert First(Contact, admin.site).get_list_display(request_of_boss) == ["phone", "mobile", "name"]

    def test_paths_of_the_phonebook_over_relations_are_no_fields(self, phonebook_of_people, request_of_boss):
        for model in (Person, VipPerson):
            assert list(ContactAdmin(model, admin.site).get_phone_fields()) == ["phone"]

    def test_it_works_for_inlines(self, request_of_boss):
        class People(PhoneFieldsMixin, admin.TabularInline):
            model = Contact
            fields = ["name", "phone"]

        formset = People(Company, admin.site).get_formset(request_of_boss)
        assert isinstance(formset.form.base_fields["phone"].widget, PhoneInput)

    def test_a_list_costs_no_more_queries(self, boss_client):
        Contact.objects.create(name="Ada", phone=LONDON, mobile="ask Anna")
        address = "/admin/testapp/contact/"
        boss_client.get(address)
        with CaptureQueriesContext(connection) as one:
            page = boss_client.get(address).content.decode()
        assert f'data-voipcti-number="{LONDON}"' in page
        assert "column-phone_call" in page
        Contact.objects.bulk_create([Contact(name=f"C{number}", phone=LONDON) for number in range(20)])
        with CaptureQueriesContext(connection) as many:
            boss_client.get(address)
        assert len(many) == len(one)

    def test_the_change_page_brings_the_styles_and_saves_what_was_typed(self, boss_client):
        ada = Contact.objects.create(name="Ada", phone=LONDON)
        address = f"/admin/testapp/contact/{ada.pk}/change/"
        page = boss_client.get(address).content.decode()
        assert 'data-voipcti-field="id_phone"' in page
        assert "django_voipcti/admin/voipcti" in page
        management = {"django_voipcti-call-contact_type-contact_id-TOTAL_FORMS": 0}
        management["django_voipcti-call-contact_type-contact_id-INITIAL_FORMS"] = 0
        sent = boss_client.post(address, {"name": "Ada", "phone": "020 7946 0199 x5", "mobile": "", **management})
        assert sent.status_code == 302
        ada.refresh_from_db()
        assert ada.phone == "020 7946 0199 x5"


@pytest.fixture
def phonebook_of_people():
    """People with numbers on several ways."""
    from django_voipcti import phonebook

    phonebook.register(Person, numbers=["phone", "spouse__phone", lambda person: person.numbers], label="name")
    yield
    phonebook.unregister(Person)


def test_a_form_of_the_host_takes_the_widget_too():
    class ContactForm(forms.Form):
        phone = forms.CharField(widget=PhoneInput(label="phone"))

    assert 'data-voipcti-field="id_phone"' in str(ContactForm()["phone"])
