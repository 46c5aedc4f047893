"""The CRM in Django's admin."""

from django.contrib import admin

from django_voipcti.admin.phone import PhoneFieldsMixin

from .models import Company, Contact, Deal, Note


@admin.register(Company)
class CompanyAdmin(PhoneFieldsMixin, admin.ModelAdmin):
    list_display = ["name", "industry", "city", "country", "phone"]
    search_fields = ["name", "city"]


@admin.register(Contact)
class ContactAdmin(PhoneFieldsMixin, admin.ModelAdmin):
    list_display = ["name", "role", "company", "phone", "mobile", "owner"]
    list_select_related = ["company", "owner"]
    list_filter = ["owner"]
    search_fields = ["name", "company__name", "email"]
    autocomplete_fields = ["company"]


@admin.register(Deal)
class DealAdmin(admin.ModelAdmin):
    list_display = ["title", "company", "stage", "value", "closes_on", "owner"]
    list_select_related = ["company", "owner"]
    list_filter = ["stage", "owner"]


@admin.register(Note)
class NoteAdmin(admin.ModelAdmin):
    list_display = ["created_at", "contact", "author", "text"]
    list_select_related = ["contact", "author"]
