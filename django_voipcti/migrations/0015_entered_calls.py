from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("django_voipcti", "0014_rare_calls"),
    ]

    operations = [
        migrations.AlterField(
            model_name="callevent",
            name="source",
            field=models.CharField(
                choices=[
                    ("sip", "SIP event"),
                    ("webhook", "webhook"),
                    ("rest", "REST answer"),
                    ("cdr", "provider's history"),
                    ("command", "command"),
                    ("manual", "entered by hand"),
                ],
                max_length=8,
                verbose_name="source",
            ),
        ),
    ]
