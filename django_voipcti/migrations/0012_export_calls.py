from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("django_voipcti", "0011_call_log"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="call",
            options={
                "ordering": ("-id",),
                "permissions": (
                    ("view_full_number", "Can see complete phone numbers"),
                    ("play_recordings", "Can play recordings of calls"),
                    ("export_calls", "Can export calls"),
                ),
                "verbose_name": "call",
                "verbose_name_plural": "calls",
            },
        ),
    ]
