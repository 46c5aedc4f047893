"""``manage.py voipcti_rotate_keys``: encrypt all line credentials with the newest key."""

from typing import Any

from django.core.management.base import BaseCommand
from django.utils.translation import gettext as _

from ... import credentials
from ...models import Line


class Command(BaseCommand):
    """Re-encrypts line by line, so it can be stopped and run again; bridges keep their connections."""

    help = "Encrypt all stored line credentials with the first key, so that older keys can be removed."

    def handle(self, *args: Any, **options: Any) -> None:
        """Rotate every line that has credentials; a line whose key is gone stops the run with a hint."""
        count = 0
        for line in Line.objects.exclude(secrets="").only("pk", "secrets").iterator():
            count += Line.objects.filter(pk=line.pk, secrets=line.secrets).update(
                secrets=credentials.rotate(line.secrets)
            )
        self.stdout.write(_("Credentials of %(count)d lines are encrypted with the first key now.") % {"count": count})
