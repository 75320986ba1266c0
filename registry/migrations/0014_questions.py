"""Questions to sites about single facts of the record: one thread for each fact, append-only."""

import uuid
from pathlib import Path

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

SQL = Path(__file__).parent / "sql"


class Migration(migrations.Migration):
    dependencies = [
        ("registry", "0013_signatures"),
    ]

    operations = [
        migrations.CreateModel(
            name="Question",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("public_id", models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ("fact", models.CharField(max_length=160)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("open", "Waiting for the site"),
                            ("answered", "Answered, to look at"),
                            ("closed", "Closed"),
                            ("cancelled", "Taken back"),
                        ],
                        default="open",
                        max_length=9,
                    ),
                ),
                ("asked_at", models.DateTimeField()),
                ("due_on", models.DateField(blank=True, null=True)),
                ("check_key", models.CharField(blank=True, max_length=40)),
                ("check_version", models.PositiveSmallIntegerField(null=True)),
                ("ground", models.CharField(blank=True, max_length=300)),
                ("answered_at", models.DateTimeField(null=True)),
                ("closed_at", models.DateTimeField(null=True)),
                (
                    "closed_because",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("data_changed", "Data changed"),
                            ("confirmed", "Confirmed as it is"),
                            ("not_relevant", "No longer relevant"),
                        ],
                        max_length=12,
                    ),
                ),
                (
                    "asked_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "patient",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="questions",
                        to="registry.patient",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="QuestionMessage",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("at", models.DateTimeField()),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("asked", "Asked"),
                            ("added", "Added"),
                            ("asked_again", "Asked again"),
                            ("answered", "Answered"),
                            ("not_enough", "Not enough"),
                            ("closed", "Closed"),
                            ("cancelled", "Taken back"),
                        ],
                        max_length=11,
                    ),
                ),
                (
                    "from_state",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("open", "Waiting for the site"),
                            ("answered", "Answered, to look at"),
                            ("closed", "Closed"),
                            ("cancelled", "Taken back"),
                        ],
                        max_length=9,
                    ),
                ),
                (
                    "to_state",
                    models.CharField(
                        choices=[
                            ("open", "Waiting for the site"),
                            ("answered", "Answered, to look at"),
                            ("closed", "Closed"),
                            ("cancelled", "Taken back"),
                        ],
                        max_length=9,
                    ),
                ),
                ("text", models.TextField(blank=True)),
                ("value", models.TextField(blank=True)),
                (
                    "because",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("data_changed", "Data changed"),
                            ("confirmed", "Confirmed as it is"),
                            ("not_relevant", "No longer relevant"),
                        ],
                        max_length=12,
                    ),
                ),
                ("check_key", models.CharField(blank=True, max_length=40)),
                ("due_on", models.DateField(blank=True, null=True)),
                (
                    "alert",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="question_messages",
                        to="registry.alert",
                    ),
                ),
                (
                    "by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "patient",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="registry.patient"
                    ),
                ),
                (
                    "question",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="messages",
                        to="registry.question",
                    ),
                ),
            ],
        ),
        migrations.AddIndex(
            model_name="question",
            index=models.Index(
                condition=models.Q(("state__in", ["open", "answered"])),
                fields=["asked_at"],
                include=("patient", "state"),
                name="question_pending",
            ),
        ),
        migrations.AddConstraint(
            model_name="question",
            constraint=models.CheckConstraint(
                condition=models.Q(("state__in", ["open", "answered", "closed", "cancelled"])),
                name="question_state_is_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="question",
            constraint=models.CheckConstraint(
                condition=models.Q(("closed_because__in", ["data_changed", "confirmed", "not_relevant", ""])),
                name="question_closed_because_is_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="question",
            constraint=models.UniqueConstraint(
                fields=("patient", "fact"), name="question_one_thread_per_fact"
            ),
        ),
        migrations.AddConstraint(
            model_name="question",
            constraint=models.CheckConstraint(
                condition=models.Q(("fact", ""), _negated=True), name="question_is_about_a_fact"
            ),
        ),
        migrations.AddConstraint(
            model_name="question",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("asked_by__isnull", False), ("check_key", ""), ("check_version__isnull", True)),
                    models.Q(
                        ("asked_by__isnull", True),
                        ("check_version__isnull", False),
                        models.Q(("check_key", ""), _negated=True),
                    ),
                    _connector="OR",
                ),
                name="question_is_asked_by_a_person_or_a_check",
            ),
        ),
        migrations.AddConstraint(
            model_name="question",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("closed_at__isnull", False),
                        ("state", "closed"),
                        models.Q(("closed_because", ""), _negated=True),
                    ),
                    models.Q(("closed_at__isnull", False), ("closed_because", ""), ("state", "cancelled")),
                    models.Q(
                        ("closed_at__isnull", True),
                        ("closed_because", ""),
                        ("state__in", ["open", "answered"]),
                    ),
                    _connector="OR",
                ),
                name="question_closed_when_and_why",
            ),
        ),
        migrations.AddConstraint(
            model_name="question",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("state", "answered"), _negated=True),
                    ("answered_at__isnull", False),
                    _connector="OR",
                ),
                name="question_answered_has_its_instant",
            ),
        ),
        migrations.AddIndex(
            model_name="questionmessage",
            index=models.Index(fields=["question", "at"], name="question_message_of_thread"),
        ),
        migrations.AddConstraint(
            model_name="questionmessage",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "kind__in",
                        ["asked", "added", "asked_again", "answered", "not_enough", "closed", "cancelled"],
                    )
                ),
                name="questionmessage_kind_is_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="questionmessage",
            constraint=models.CheckConstraint(
                condition=models.Q(("because__in", ["data_changed", "confirmed", "not_relevant", ""])),
                name="questionmessage_because_is_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="questionmessage",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("kind", "closed"), models.Q(("because", ""), _negated=True)),
                    models.Q(models.Q(("kind", "closed"), _negated=True), ("because", "")),
                    _connector="OR",
                ),
                name="question_message_closes_with_a_reason",
            ),
        ),
        migrations.AddConstraint(
            model_name="questionmessage",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("text", ""), _negated=True),
                    ("kind__in", ["closed", "cancelled"]),
                    _connector="OR",
                ),
                name="question_message_says_something",
            ),
        ),
        migrations.AddConstraint(
            model_name="questionmessage",
            constraint=models.CheckConstraint(
                condition=models.Q(("alert__isnull", True), ("by__isnull", False), _connector="OR"),
                name="question_message_of_an_alert_is_a_persons",
            ),
        ),
        migrations.RunSQL((SQL / "questions.sql").read_text()),
    ]
