"""Small pieces of the CRM's pages."""

from django import template
from django.contrib.auth.models import AbstractBaseUser
from django.templatetags.static import static
from django.utils.html import format_html
from django.utils.safestring import SafeString

from crm.models import AVATAR_COLOURS, Contact
from django_voipcti.models import Call
from django_voipcti.phonebook import numbers

register = template.Library()


@register.simple_tag
def icon(name: str) -> SafeString:
    """Draw one symbol of the sprite; it takes the colour of the text around it."""
    return format_html(
        '<svg class="icon" aria-hidden="true" focusable="false"><use href="{}#{}"/></svg>',
        static("crm/icons.svg"),
        name,
    )


@register.simple_tag
def call_label(name: str) -> SafeString:
    """A telephone instead of the number, with the person's name for those who cannot see it."""
    return format_html('{}<span class="visually-hidden">Call {}</span>', icon("phone"), name)


@register.simple_tag
def other_party(call: Call) -> str:
    """Who was at the other end: a name, or the number as people write it."""
    if call.contact_label or call.other_name:
        return call.display_name
    known = call.other_e164 or call.other_number
    if numbers.parse(known).kind == "withheld":
        return "Withheld number"
    return numbers.display(known, call.line.effective_region)


@register.simple_tag
def avatar(person: Contact | AbstractBaseUser | None, size: str = "") -> SafeString:
    """Draw a person's initials on the person's colour."""
    if person is None:
        initials, colour = "?", AVATAR_COLOURS
    elif isinstance(person, Contact):
        initials, colour = person.initials, person.colour
    else:
        name = person.get_full_name() or person.get_username()
        initials, colour = "".join(word[0] for word in name.split()[:2]).upper(), person.pk * 3 % AVATAR_COLOURS
    return format_html('<span class="avatar avatar-{} {}" aria-hidden="true">{}</span>', colour, size, initials)
