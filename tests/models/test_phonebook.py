"""The index answers by its indexes, on both databases."""

import pytest
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.test.utils import CaptureQueriesContext

from django_voipcti import phonebook
from django_voipcti.models import Line, PhonebookEntry

pytestmark = [pytest.mark.django_db, pytest.mark.database_matrix]


def fill(count: int = 3000) -> None:
    content_type = ContentType.objects.get_for_model(Line)
    PhonebookEntry.objects.bulk_create(
        PhonebookEntry(
            content_type=content_type,
            object_id=str(index),
            kind="valid" if index % 10 else "possible",
            e164=f"+4989{index:06}" if index % 10 else "",
            national=f"89{index:06}",
            reversed=f"4989{index:06}"[::-1] if index % 10 else f"89{index:06}"[::-1],
            fingerprint=index,
        )
        for index in range(count)
    )


@pytest.mark.parametrize("number", ["+4989001234", "22 12 34 56 78 90", "101"])
def test_a_lookup_reads_indexes_and_never_the_table(number: str) -> None:
    fill()
    with CaptureQueriesContext(connection) as queries:
        phonebook.lookup(number, region="DE")
    sql = queries[0]["sql"]
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("ANALYZE django_voipcti_phonebookentry")
            cursor.execute(f"EXPLAIN {sql}")
        else:
            cursor.execute(f"EXPLAIN QUERY PLAN {sql}")
        plan = "\n".join(str(row) for row in cursor.fetchall())
    assert "voipcti_phonebook_" in plan
    assert "Seq Scan" not in plan
    assert "SCAN django_voipcti" not in plan


def test_an_entry_says_whose_it_is() -> None:
    assert str(PhonebookEntry(label="Anna", kind="valid")) == "Anna (valid number)"
