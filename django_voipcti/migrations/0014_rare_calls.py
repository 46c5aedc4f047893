from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("contenttypes", "0002_remove_content_type_name"),
        ("django_voipcti", "0013_missed_open"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="call",
            index=models.Index(
                condition=models.Q(("end_reason__in", ["failed", "rejected", "unreachable"])),
                fields=["-started_at", "-id", "direction", "answered_at"],
                name="voipcti_call_failed",
            ),
        ),
        migrations.AddIndex(
            model_name="call",
            index=models.Index(
                condition=models.Q(
                    ("answered_at__isnull", False),
                    models.Q(("end_reason__in", ["completed", "transferred"]), _negated=True),
                ),
                fields=["end_reason", "-started_at", "-id"],
                name="voipcti_call_odd_talked",
            ),
        ),
        migrations.AddIndex(
            model_name="call",
            index=models.Index(
                condition=models.Q(("answered_at__isnull", True), ("end_reason__in", ["completed", "transferred"])),
                fields=["end_reason", "-started_at", "-id"],
                name="voipcti_call_odd_untalked",
            ),
        ),
        migrations.AddIndex(
            model_name="call",
            index=models.Index(
                condition=models.Q(("direction", "OUTBOUND"), ("end_reason__in", ["answered_elsewhere", "missed"])),
                fields=["end_reason", "-started_at", "-id"],
                name="voipcti_call_odd_outbound",
            ),
        ),
    ]
