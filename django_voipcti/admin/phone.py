"""Numbers that can be called in the host's own admin: ``class ContactAdmin(PhoneFieldsMixin, admin.ModelAdmin)``.

They belong to the host and are shown as he keeps them: masking is for the numbers of calls. What places the call is the
panel, which the host puts on every page of the admin once, in ``admin/base_site.html`` (docs/howto/click-to-call.md).
"""

from collections.abc import Callable, Collection, Iterable
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.db import models
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext

from .. import html
from ..phonebook.paths import Path
from ..phonebook.registry import registry

__all__ = ["PhoneFieldsMixin", "PhoneInput", "phone_column"]


class PhoneInput(forms.TextInput):
    """A field for a number with a button beside it that calls what stands there, saved or not.

    For ``CharField`` and the form field of django-phonenumber-field. The button shows on pages with the panel only.

    Args:
        label: what is called, e.g. "switchboard", to tell the buttons of a page apart by ear.
    """

    input_type = "tel"

    class Media:
        css = {"all": ["django_voipcti/admin/voipcti.css"]}

    def __init__(self, attrs: dict[str, Any] | None = None, *, label: Any = "") -> None:
        super().__init__({"class": "vTextField", **(attrs or {})})
        self.label = label

    def format_value(self, value: Any) -> str | None:
        # A number of django-phonenumber-field, which a host may lack: the form that is read alike in every region.
        if getattr(value, "as_international", None) and value.is_valid():
            value = value.as_international
        text: str | None = super().format_value(value)
        return text

    def render(self, name: str, value: Any, attrs: dict[str, Any] | None = None, renderer: Any = None) -> SafeString:
        field = super().render(name, value, attrs, renderer)
        key = self.build_attrs(self.attrs, attrs).get("id")
        if not key:
            return field
        call = gettext("Call")
        return format_html(
            '<span class="voipcti-phone">{}<button type="button" class="button" data-voipcti-field="{}"'
            ' aria-label="{}">{}</button></span>',
            field,
            key,
            f"{call}: {self.label}" if self.label else call,
            call,
        )


def phone_column(path: str, *, description: Any = None, region: str = "") -> Callable[[Any], SafeString | None]:
    """A column of links that call, for ``list_display`` and ``readonly_fields``.

    Args:
        path: from the record to the number: ``"phone"``, ``"company__phone"``.
        description: heading of the column; by default made of the path.
        region: country code by which national numbers are read; default ``VOIPCTI["DEFAULT_REGION"]``.

    Such a column is sorted by what the database holds. A field of the record itself adds no query; for one behind a
    relation, name the relation in ``list_select_related``.
    """
    steps = path.split("__")

    @admin.display(description=description or capfirst(steps[-1].replace("_", " ")), ordering=path)
    def column(record: Any) -> SafeString | None:
        value = record
        for step in steps:
            value = getattr(value, step, None)
        return html.click_to_call(value, region=region) if value else None  # None is the admin's dash

    column.__name__ = f"{path}_call"  # the class of its cells, so that a page may style them
    return column


if TYPE_CHECKING:
    _Admin = admin.ModelAdmin[Any]
else:
    _Admin = object


class PhoneFieldsMixin(_Admin):
    """For a ``ModelAdmin`` or an inline: number fields get a button that calls, their columns become links that do.

    Which ones these are is known from the phonebook; ``phone_fields`` names them for other models. Columns in
    ``list_editable`` and those that lead to the record stay as they are.
    """

    phone_fields: Collection[str] | None = None
    """Names of the model's own fields; None for those that it is registered with at the phonebook."""
    phone_region = ""
    """Country code by which the columns read national numbers; default ``VOIPCTI["DEFAULT_REGION"]``."""

    def get_phone_fields(self) -> Collection[str]:
        """Which fields hold numbers. Asked for each page: the phonebook is filled after the admin is."""
        if self.phone_fields is not None:
            return self.phone_fields
        try:
            readers = registry.of(self.model).numbers
        except LookupError:
            return ()
        return [reader.text for reader in readers if isinstance(reader, Path) and len(reader.steps) == 1]

    def formfield_for_dbfield(self, db_field: "models.Field[Any, Any]", request: HttpRequest, **options: Any) -> Any:
        if isinstance(db_field, models.CharField) and not db_field.choices and db_field.name in self.get_phone_fields():
            options["widget"] = PhoneInput(label=db_field.verbose_name)
        return super().formfield_for_dbfield(db_field, request, **options)

    def get_list_display(self, request: HttpRequest) -> Any:
        columns = super().get_list_display(request)
        leading = self.get_list_display_links(request, columns) or ()
        as_they_are = {*leading, *self.list_editable}
        return [self._callable_column(column, as_they_are) for column in columns]

    def _callable_column(self, column: Any, as_they_are: Iterable[Any]) -> Any:
        if column in as_they_are or column not in self.get_phone_fields():
            return column
        description = self.model._meta.get_field(column).verbose_name
        return phone_column(column, description=description, region=self.phone_region)
