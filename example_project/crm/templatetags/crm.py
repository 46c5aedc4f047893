"""Small pieces of the CRM's pages."""

from django import template
from django.contrib.auth.models import AbstractBaseUser
from django.templatetags.static import static
from django.utils.html import format_html
from django.utils.safestring import SafeString

from crm.models import AVATAR_COLOURS, Contact

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
