"""Teams: who belongs to them, and who leads them."""

from typing import Any

from django.contrib import admin
from django.contrib.admin.widgets import FilteredSelectMultiple
from django.contrib.auth import get_user_model
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from ..models import Team
from .base import ModelAdmin

__all__ = ["TeamAdmin"]


@admin.register(Team)
class TeamAdmin(ModelAdmin[Team]):
    """Teams. Who may change one decides whose calls its leads see."""

    list_display = ["name", "leads_shown", "member_count"]
    search_fields = ["name"]
    fields = ["name", "leads", "members"]
    show_facets = admin.ShowFacets.NEVER

    class Media:
        css = {"all": ["django_voipcti/admin/voipcti.css"]}

    def get_queryset(self, request: HttpRequest) -> QuerySet[Team]:
        members = Count("members", distinct=True)
        return super().get_queryset(request).annotate(_members=members).prefetch_related("leads")

    def get_autocomplete_fields(self, request: HttpRequest) -> list[str]:
        """Choose people by searching, where the host's admin can search them."""
        user_model = get_user_model()
        site = self.admin_site
        searchable = site.is_registered(user_model) and site.get_model_admin(user_model).search_fields
        return ["leads", "members"] if searchable else []

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name not in self.get_autocomplete_fields(request):
            kwargs["widget"] = FilteredSelectMultiple(db_field.verbose_name, is_stacked=False)
        return super().formfield_for_manytomany(db_field, request, **kwargs)

    @admin.display(description=_("leads"))
    def leads_shown(self, team: Team) -> str:
        return ", ".join(lead.get_full_name() or lead.get_username() for lead in team.leads.all())

    @admin.display(description=_("members"), ordering="_members")
    def member_count(self, team: Any) -> int:
        return int(team._members)
