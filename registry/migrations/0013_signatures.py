"""Locked records, signatures of the investigator, and what the database holds about both."""

from pathlib import Path

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

SQL = Path(__file__).parent / "sql"


class Migration(migrations.Migration):
    dependencies = [("registry", "0012_activity")]

    operations = [
        migrations.AddField(
            model_name="user",
            name="has_own_secret",
            field=models.BooleanField(default=False),
        ),
        migrations.CreateModel(
            name="RecordLock",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "level",
                    models.CharField(
                        choices=[
                            ("study", "Study"),
                            ("site", "Site"),
                            ("patient", "Patient"),
                            ("visit", "Visit"),
                        ],
                        max_length=7,
                    ),
                ),
                ("locked_at", models.DateTimeField()),
                ("reason", models.CharField(max_length=500)),
                (
                    "locked_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "patient",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="locks",
                        to="registry.patient",
                    ),
                ),
                (
                    "site",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="registry.site",
                    ),
                ),
                (
                    "study",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="registry.study"
                    ),
                ),
                (
                    "visit",
                    models.OneToOneField(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="lock",
                        to="registry.visit",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="SecurityEvent",
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
                            ("signing_refused", "Password refused at signing"),
                            ("signing_throttled", "Too many passwords tried at signing"),
                            ("password_refused", "Password refused at changing it"),
                        ],
                        max_length=20,
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
        ),
        migrations.CreateModel(
            name="Signature",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("signed_at", models.DateTimeField()),
                ("printed_name", models.CharField(max_length=300)),
                ("meaning", models.CharField(max_length=500)),
                ("content", models.TextField()),
                ("sha256", models.CharField(max_length=64)),
                ("voided_at", models.DateTimeField(null=True)),
                ("voided_reason", models.TextField(blank=True)),
                (
                    "patient",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="signatures",
                        to="registry.patient",
                    ),
                ),
                (
                    "signed_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "visit",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="signatures",
                        to="registry.visit",
                    ),
                ),
                (
                    "voided_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Unlocking",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("asked_at", models.DateTimeField()),
                ("reason", models.CharField(max_length=500)),
                ("hours", models.PositiveSmallIntegerField(null=True)),
                (
                    "decision",
                    models.CharField(
                        blank=True, choices=[("approved", "Approved"), ("refused", "Refused")], max_length=8
                    ),
                ),
                ("decided_at", models.DateTimeField(null=True)),
                ("decision_reason", models.CharField(blank=True, max_length=500)),
                ("until", models.DateTimeField(null=True)),
                ("ended_at", models.DateTimeField(null=True)),
                (
                    "asked_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "decided_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "ended_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "lock",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="unlockings",
                        to="registry.recordlock",
                    ),
                ),
            ],
        ),
        migrations.AddConstraint(
            model_name="recordlock",
            constraint=models.CheckConstraint(
                condition=models.Q(("level__in", ["study", "site", "patient", "visit"])),
                name="recordlock_level_is_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="recordlock",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("level", "study"),
                        ("patient__isnull", True),
                        ("site__isnull", True),
                        ("visit__isnull", True),
                    ),
                    models.Q(
                        ("level", "site"),
                        ("patient__isnull", True),
                        ("site__isnull", False),
                        ("visit__isnull", True),
                    ),
                    models.Q(
                        ("level", "patient"),
                        ("patient__isnull", False),
                        ("site__isnull", True),
                        ("visit__isnull", True),
                    ),
                    models.Q(
                        ("level", "visit"),
                        ("patient__isnull", False),
                        ("site__isnull", True),
                        ("visit__isnull", False),
                    ),
                    _connector="OR",
                ),
                name="record_lock_names_what_its_level_says",
            ),
        ),
        migrations.AddConstraint(
            model_name="recordlock",
            constraint=models.CheckConstraint(
                condition=models.Q(("reason", ""), _negated=True), name="record_lock_says_why"
            ),
        ),
        migrations.AddConstraint(
            model_name="recordlock",
            constraint=models.UniqueConstraint(
                condition=models.Q(("level", "study")), fields=("study",), name="study_is_locked_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="recordlock",
            constraint=models.UniqueConstraint(
                condition=models.Q(("level", "site")), fields=("site",), name="site_is_locked_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="recordlock",
            constraint=models.UniqueConstraint(
                condition=models.Q(("level", "patient")), fields=("patient",), name="patient_is_locked_once"
            ),
        ),
        migrations.AddIndex(
            model_name="securityevent",
            index=models.Index(fields=["-at"], name="security_event_latest"),
        ),
        migrations.AddConstraint(
            model_name="securityevent",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("kind__in", ["signing_refused", "signing_throttled", "password_refused"])
                ),
                name="securityevent_kind_is_known",
            ),
        ),
        migrations.AddIndex(
            model_name="signature",
            index=models.Index(fields=["patient", "-signed_at"], name="signature_of_patient"),
        ),
        migrations.AddConstraint(
            model_name="signature",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("printed_name", ""), _negated=True), models.Q(("meaning", ""), _negated=True)
                ),
                name="signature_has_a_name_and_a_meaning",
            ),
        ),
        migrations.AddConstraint(
            model_name="unlocking",
            constraint=models.CheckConstraint(
                condition=models.Q(("decision__in", ["approved", "refused", ""])),
                name="unlocking_decision_is_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="unlocking",
            constraint=models.CheckConstraint(
                condition=models.Q(("reason", ""), _negated=True), name="unlocking_says_why"
            ),
        ),
        migrations.AddConstraint(
            model_name="unlocking",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("decided_by__isnull", True),
                    models.Q(("decided_by", models.F("asked_by")), _negated=True),
                    _connector="OR",
                ),
                name="unlocking_takes_two_people",
            ),
        ),
        migrations.AddConstraint(
            model_name="unlocking",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("decided_at__isnull", True), ("decided_by__isnull", True), ("decision", "")),
                    models.Q(
                        models.Q(("decision", ""), _negated=True),
                        ("decided_at__isnull", False),
                        ("decided_by__isnull", False),
                    ),
                    _connector="OR",
                ),
                name="unlocking_is_decided_by_somebody",
            ),
        ),
        migrations.AddConstraint(
            model_name="unlocking",
            constraint=models.CheckConstraint(
                condition=models.Q(("ended_at__isnull", True), ("decision", "approved"), _connector="OR"),
                name="unlocking_that_ended_was_approved",
            ),
        ),
        migrations.AddConstraint(
            model_name="unlocking",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("ended_at__isnull", False), ("ended_by__isnull", False)),
                    models.Q(("ended_at__isnull", True), ("ended_by__isnull", True)),
                    _connector="OR",
                ),
                name="unlocking_ended_when_and_by_whom",
            ),
        ),
        migrations.AddConstraint(
            model_name="unlocking",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("hours__isnull", True), models.Q(("hours__gte", 1), ("hours__lte", 720)), _connector="OR"
                ),
                name="unlocking_hours_are_sensible",
            ),
        ),
        migrations.AddConstraint(
            model_name="unlocking",
            constraint=models.UniqueConstraint(
                condition=models.Q(("decision", "")), fields=("lock",), name="unlocking_is_asked_once"
            ),
        ),
        migrations.RunSQL((SQL / "locks.sql").read_text()),
        migrations.RunSQL((SQL / "signatures.sql").read_text()),
        migrations.RunSQL((SQL / "guard.sql").read_text()),
    ]
