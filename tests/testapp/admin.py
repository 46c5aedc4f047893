"""The host's admin: a record with its calls."""

from django.contrib import admin

from django_voipcti.admin.inline import CallsInline
from tests.testapp.models import Contact


@admin.register(Contact)
class ContactAdmin(admin.ModelAdmin):
    """Contacts, each with its calls."""

    fields = ["name", "phone", "mobile"]
    inlines = [CallsInline]
