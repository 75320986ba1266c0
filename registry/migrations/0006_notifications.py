"""Notifications that wait until they are sent."""

import uuid
from pathlib import Path

import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models
from django.db.models import Q

SQL = Path(__file__).parent / "sql" / "notifications.sql"


def key():
    return ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"))


class Migration(migrations.Migration):
    dependencies = [("registry", "0005_canaries")]

    operations = [
        # The accounts of a demonstration seeded before there were mails.
        migrations.RunSQL(
            "UPDATE registry_user SET email = replace(username, '@demo', '@demo.invalid')"
            " WHERE is_demo AND email = ''"
        ),
        migrations.CreateModel(
            name="AlertNews",
            fields=[
                key(),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("raised", "Raised"),
                            ("reopened", "Opened again"),
                            ("risen", "Graver or more certain than before"),
                            ("asked", "The officer asks the site"),
                        ],
                        max_length=8,
                    ),
                ),
                ("purpose", models.CharField(max_length=7)),
                ("since", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "alert",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="registry.alert",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(condition=Q(purpose="at_once"), fields=["since"], name="alert_news_at_once")
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=Q(kind__in=["raised", "reopened", "risen", "asked"]),
                        name="alertnews_kind_is_known",
                    ),
                    models.CheckConstraint(
                        condition=Q(purpose__in=["at_once", "digest"]), name="alertnews_purpose_is_known"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Notification",
            fields=[
                key(),
                ("public_id", models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                (
                    "kind",
                    models.CharField(
                        choices=[("critical_alert", "Critical alerts"), ("digest", "Daily digest")],
                        max_length=16,
                    ),
                ),
                ("day", models.DateField(null=True)),
                ("payload", models.JSONField()),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("waiting", "Waiting"),
                            ("sent", "Sent"),
                            ("dead", "Could not be sent"),
                            ("given_up", "Given up"),
                        ],
                        default="waiting",
                        max_length=8,
                    ),
                ),
                ("attempts", models.PositiveSmallIntegerField(default=0)),
                ("not_before", models.DateTimeField(null=True)),
                ("error", models.CharField(blank=True, max_length=500)),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("sent_at", models.DateTimeField(null=True)),
                ("sent_to", models.EmailField(blank=True, max_length=254)),
                ("given_up_at", models.DateTimeField(null=True)),
                ("given_up_reason", models.CharField(blank=True, max_length=500)),
                (
                    "given_up_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "recipient",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="notifications",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=Q(state="waiting"), fields=["created_at"], name="notification_waiting"
                    ),
                    models.Index(condition=Q(state="dead"), fields=["created_at"], name="notification_dead"),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=Q(kind__in=["critical_alert", "digest"]), name="notification_kind_is_known"
                    ),
                    models.CheckConstraint(
                        condition=Q(state__in=["waiting", "sent", "dead", "given_up"]),
                        name="notification_state_is_known",
                    ),
                    models.CheckConstraint(
                        condition=Q(kind="digest", day__isnull=False)
                        | (~Q(kind="digest") & Q(day__isnull=True)),
                        name="notification_digest_has_its_day",
                    ),
                    models.UniqueConstraint(
                        condition=Q(kind="digest"),
                        fields=["recipient", "day"],
                        name="notification_one_digest_a_day",
                    ),
                    models.CheckConstraint(
                        condition=(Q(state="sent", sent_at__isnull=False) & ~Q(sent_to=""))
                        | (~Q(state="sent") & Q(sent_at__isnull=True, sent_to="")),
                        name="notification_sent_when_and_whereto",
                    ),
                    models.CheckConstraint(
                        condition=(Q(state="given_up", given_up_at__isnull=False) & ~Q(given_up_reason=""))
                        | (
                            ~Q(state="given_up")
                            & Q(given_up_at__isnull=True, given_up_by__isnull=True, given_up_reason="")
                        ),
                        name="notification_given_up_when_and_why",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="NotificationPreference",
            fields=[
                key(),
                ("wants_digest", models.BooleanField(default=True)),
                ("changed_at", models.DateTimeField()),
                (
                    "user",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
        ),
        migrations.RunSQL(SQL.read_text()),
        # When a mail is tried next is no record of anything.
        migrations.RunSQL("SELECT audit.watch('registry_notification', 'id', '{attempts,not_before}')"),
        migrations.RunSQL("SELECT audit.watch('registry_notificationpreference')"),
    ]
