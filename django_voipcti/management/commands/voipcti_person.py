"""``manage.py voipcti_person``: hand out, or erase, what is kept of one person."""

import json
import sys
from argparse import ArgumentParser
from typing import Any

from django.apps import apps
from django.core.exceptions import ObjectDoesNotExist, ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.core.serializers.json import DjangoJSONEncoder
from django.utils.translation import gettext as _

from ...calllog import person
from ...phonebook import numbers


class Command(BaseCommand):
    """Export or erase everything about a telephone number or a record."""

    help = "Export or erase what the call log keeps of one person: a telephone number, or app.model:pk."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """What to do, with whom."""
        parser.add_argument("action", choices=["export", "erase"])
        parser.add_argument("who", help='A telephone number ("+44 20 7946 0123"), or a record ("crm.contact:17").')
        parser.add_argument("--region", default="", help="Country code by which a national number is read.")
        parser.add_argument("--yes", action="store_true", help="Erase without asking.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Find the person and do it."""
        who = self._person(options["who"], options["region"])
        if options["action"] == "export":
            for kind, row in person.export(who):
                self.stdout.write(json.dumps({"kind": kind, **row}, cls=DjangoJSONEncoder, ensure_ascii=False))
            return
        if not options["yes"]:
            self._confirm(who)
        for kind, count in person.erase(who).items():
            self.stdout.write(f"{kind}: {count}")

    def _person(self, text: str, region: str) -> person.Person:
        label, colon, key = text.rpartition(":")
        if colon and "." in label:
            try:
                record = apps.get_model(label)._default_manager.get(pk=key)
            except (LookupError, ValueError, ValidationError, ObjectDoesNotExist) as error:
                raise CommandError(_("There is no record %(text)s.") % {"text": text}) from error
            return person.Person(record=record)
        if not numbers.parse(text, region).e164:
            raise CommandError(
                _("“%(text)s” is no telephone number. Write +44 20 7946 0123, or crm.contact:17 for a record.")
                % {"text": text}
            )
        return person.Person(number=text, region=region)

    def _confirm(self, who: person.Person) -> None:
        if not sys.stdin.isatty():
            raise CommandError(_("Erasing cannot be undone: add --yes."))
        question = _("%(count)d calls will tell no more who the other party was. Type “yes” to go on: ")
        if input(question % {"count": who.calls().count()}) != "yes":
            raise CommandError(_("Nothing was erased."))
