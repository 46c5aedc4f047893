"""The host's admin: a record with its calls."""

from django.contrib import admin

from django_voipcti.admin.inline import CallsInline
from django_voipcti.admin.phone import PhoneFieldsMixin
from tests.testapp.models import Contact


@admin.register(Contact)
class ContactAdmin(PhoneFieldsMixin, admin.ModelAdmin):
    """Contacts whose numbers call, each with its calls."""

    list_display = ["name", "phone", "mobile"]
    fields = ["name", "phone", "mobile"]
    inlines = [CallsInline]
