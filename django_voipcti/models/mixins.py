"""For the host's models: their calls as an attribute. Needs no migration in the host."""

from typing import Any

from django.contrib.contenttypes.fields import GenericRelation
from django.db import models

__all__ = ["CallsMixin", "CallsRelation"]


class CallsRelation(GenericRelation):
    """The calls that are linked to a record. To read: only the journal writes calls.

    Unlike Django's relation it does not delete: a call outlives the record, with the names that the record had.
    Conditions across it (``filter(calls__...)``) compare text with the record's key, which PostgreSQL refuses for keys
    that are no text; ask ``Call.objects.for_object(record)`` or ``record.calls`` instead.
    """

    def __init__(self, **kwargs: Any) -> None:
        options = {"content_type_field": "contact_type", "object_id_field": "contact_id"}
        super().__init__("django_voipcti.Call", **(options | kwargs))

    def bulk_related_objects(self, objs: Any, using: str = "default") -> Any:
        """Nothing that goes with the record."""
        return []


class CallsMixin(models.Model):
    """Gives ``record.calls``, with every method of ``Call.objects``: ``record.calls.missed().not_called_back()``."""

    calls = CallsRelation()

    class Meta:
        abstract = True
