"""What somebody types and has not sent; how a visit's contact was made, and words on it."""

from pathlib import Path

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

SQL = Path(__file__).parent / "sql"


class Migration(migrations.Migration):
    dependencies = [("registry", "0008_speed")]

    operations = [
        migrations.CreateModel(
            name="Draft",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("key", models.CharField(max_length=120)),
                ("page", models.CharField(max_length=500)),
                ("form", models.UUIDField()),
                ("version", models.PositiveIntegerField(null=True)),
                ("payload", models.JSONField(null=True)),
                ("stored_as", models.CharField(blank=True, max_length=64)),
                ("saved_at", models.DateTimeField()),
                (
                    "patient",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="registry.patient"
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("user", "patient", "key"), name="draft_is_one_per_person_and_form"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(models.Q(("key", ""), _negated=True), ("page__startswith", "/")),
                        name="draft_names_its_form",
                    ),
                ]
            },
        ),
        migrations.AddField(
            "visit",
            "contact_mode",
            models.CharField(
                blank=True,
                choices=[
                    ("on_site", "At the site"),
                    ("phone", "By telephone"),
                    ("video", "By video"),
                    ("letter", "By letter or e-mail"),
                    ("other_source", "From another source, such as a family doctor"),
                ],
                db_default="",
                default="",
                max_length=12,
            ),
        ),
        migrations.AddField("visit", "comments", models.TextField(blank=True, db_default="", default="")),
        migrations.AddConstraint(
            "visit",
            models.CheckConstraint(
                condition=models.Q(
                    ("contact_mode__in", ["on_site", "phone", "video", "letter", "other_source", ""])
                ),
                name="visit_contact_mode_is_known",
            ),
        ),
        migrations.RunSQL((SQL / "drafts.sql").read_text()),
    ]
