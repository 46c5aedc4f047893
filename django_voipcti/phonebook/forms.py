"""A form field that takes telephone numbers in any spelling."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from . import numbers

__all__ = ["NumberField"]


class NumberField(forms.CharField):
    """A telephone number: E.164 in the cleaned data, national or international form in the box.

    Args:
        region: country code by which national numbers are read and shown; default ``VOIPCTI["DEFAULT_REGION"]``.
        allow_short: whether an extension such as ``101`` will do; its digits are the cleaned value then.
    """

    default_error_messages = {
        "invalid_number": _("This is not a telephone number. Check the digits, or write it as +44 20 7946 0000."),
        "several_numbers": _("These are several numbers. Enter one."),
    }

    def __init__(self, *, region: str = "", allow_short: bool = False, **options: Any) -> None:
        options.setdefault("widget", forms.TextInput(attrs={"type": "tel", "autocomplete": "tel"}))
        super().__init__(**options)
        self.region = region
        self.allow_short = allow_short

    def prepare_value(self, value: Any) -> Any:
        """Show a number as people write it; what is no number stays as it was typed."""
        return numbers.display(value, self.region) if isinstance(value, str) and value else value

    def clean(self, value: Any) -> Any:
        """Return E.164, with ``;ext=`` and the extension if there is one."""
        text = super().clean(value)
        if text in self.empty_values:
            return text
        found = numbers.parse_all(text, self.region)
        if len(found) > 1:
            raise ValidationError(self.error_messages["several_numbers"], code="invalid_number")
        number = found[0]
        if number.e164:
            return f"{number.e164};ext={number.extension}" if number.extension else number.e164
        if self.allow_short and number.kind == "short":
            return number.national
        raise ValidationError(self.error_messages["invalid_number"], code="invalid_number")
