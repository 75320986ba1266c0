"""Invented patients that every nightly scan must find and nobody else may see; recounts; the outside ping."""

from pathlib import Path

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

SQL = Path(__file__).parent / "sql"


class Migration(migrations.Migration):
    dependencies = [("registry", "0004_nights")]

    operations = [
        migrations.CreateModel(
            name="OutsidePing",
            fields=[
                ("name", models.CharField(max_length=20, primary_key=True, serialize=False)),
                ("at", models.DateTimeField()),
                ("is_heard", models.BooleanField()),
                ("answer", models.CharField(max_length=200)),
                ("answered_at", models.DateTimeField(null=True)),
            ],
        ),
        migrations.CreateModel(
            name="RecountRun",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("at", models.DateTimeField()),
                ("as_of", models.DateField(null=True)),
                ("share", models.PositiveSmallIntegerField()),
                ("finished_at", models.DateTimeField(null=True)),
                ("patients_counted", models.PositiveIntegerField(default=0)),
                ("patients_waiting", models.PositiveIntegerField(default=0)),
                ("overdue_patients_counted", models.PositiveIntegerField(default=0)),
                ("overdue_visits_counted", models.PositiveIntegerField(default=0)),
                ("difference_count", models.PositiveIntegerField(default=0)),
                ("overdue_difference_count", models.PositiveIntegerField(default=0)),
                ("differences", models.JSONField(default=list)),
                ("overdue_differences", models.JSONField(default=list)),
                ("seconds", models.FloatField(default=0)),
                ("explanation", models.CharField(blank=True, max_length=500)),
                ("explained_at", models.DateTimeField(null=True)),
                (
                    "explained_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["share", "-id"], name="recount_latest")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("share__lt", 30)), name="recount_share_is_of_thirty"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("explained_at__isnull", False), ("explained_by__isnull", False)),
                            models.Q(("explained_at__isnull", True), ("explained_by__isnull", True)),
                            _connector="OR",
                        ),
                        name="recount_explained_when_and_by_whom",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("explained_at__isnull", True),
                            models.Q(("explanation", ""), _negated=True),
                            _connector="OR",
                        ),
                        name="recount_explanation_has_words",
                    ),
                ],
            },
        ),
        migrations.AddField("scanrun", "canaries_expected", models.PositiveSmallIntegerField(null=True)),
        migrations.AddField("scanrun", "canaries_found", models.PositiveSmallIntegerField(null=True)),
        migrations.AddField("scanrun", "canary_problems", models.JSONField(default=list)),
        migrations.AddField("study", "is_canary", models.BooleanField(default=False)),
        migrations.AddConstraint(
            "study",
            models.CheckConstraint(
                condition=models.Q(
                    models.Q(("id__gt", 0), ("is_canary", False)),
                    models.Q(("id__lt", 0), ("is_canary", True)),
                    _connector="OR",
                ),
                name="study_of_canaries_has_a_negative_key",
            ),
        ),
        migrations.AddConstraint(
            "patient",
            models.CheckConstraint(
                condition=models.Q(
                    models.Q(("id__gt", 0), ("study_id__gt", 0)),
                    models.Q(("id__lt", 0), ("study_id__lt", 0)),
                    _connector="OR",
                ),
                name="patient_is_a_canary_with_its_study",
            ),
        ),
        migrations.AddConstraint(
            "membership",
            models.CheckConstraint(
                condition=models.Q(
                    models.Q(("site_id__lt", 0), _negated=True),
                    models.Q(("study_id__lt", 0), _negated=True),
                    models.Q(("sponsor_id__lt", 0), _negated=True),
                ),
                name="membership_is_of_no_canary",
            ),
        ),
        migrations.RunSQL((SQL / "canaries.sql").read_text()),
    ]
