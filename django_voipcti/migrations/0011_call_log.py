from django.db import migrations, models


def index_words(apps, schema_editor):
    """Let PostgreSQL find calls by the words of names. Its own full text search: no extension is needed."""
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(
            "CREATE INDEX voipcti_call_words ON django_voipcti_call USING gin "
            "(to_tsvector('simple', contact_label || ' ' || other_name || ' ' || contact_company))"
        )


def unindex_words(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("DROP INDEX voipcti_call_words")


class Migration(migrations.Migration):
    dependencies = [
        ("contenttypes", "0002_remove_content_type_name"),
        ("django_voipcti", "0010_notes"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="call",
            index=models.Index(
                fields=["end_reason", "-started_at", "-id", "direction", "answered_at", "context", "line"],
                name="voipcti_call_reason",
            ),
        ),
        migrations.AddIndex(
            model_name="call",
            index=models.Index(
                condition=models.Q(("context", ""), _negated=True),
                fields=["context", "-started_at", "-id", "direction", "end_reason", "answered_at", "line"],
                name="voipcti_call_context",
            ),
        ),
        migrations.AddIndex(
            model_name="call",
            index=models.Index(
                condition=models.Q(("other_e164", "")), fields=["other_number", "-id"], name="voipcti_call_short"
            ),
        ),
        migrations.RunPython(index_words, unindex_words),
    ]
