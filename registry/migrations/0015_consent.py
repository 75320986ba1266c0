"""Consent with versions and scopes, transfers between sites, the yearly contact of the late years."""

from pathlib import Path

import django.contrib.postgres.constraints
import django.contrib.postgres.fields
import django.contrib.postgres.fields.ranges
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

SQL = Path(__file__).parent / "sql"


class Migration(migrations.Migration):
    dependencies = [("registry", "0014_questions")]

    operations = [
        migrations.CreateModel(
            name="AnnualContact",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("entered_at", models.DateTimeField()),
                (
                    "origin",
                    models.CharField(
                        choices=[
                            ("form", "Form"),
                            ("import", "Import"),
                            ("api", "API"),
                            ("system", "System"),
                        ],
                        max_length=6,
                    ),
                ),
                ("blood_disorder", models.BooleanField(null=True)),
                ("serious_infection", models.BooleanField(null=True)),
                ("autoimmune_or_neurological", models.BooleanField(null=True)),
                (
                    "contact_details",
                    models.CharField(
                        choices=[
                            ("right", "Yes, still right"),
                            ("updated", "No, updated at the site"),
                            ("not_asked", "Not asked"),
                        ],
                        max_length=10,
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Consent",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("entered_at", models.DateTimeField()),
                (
                    "origin",
                    models.CharField(
                        choices=[
                            ("form", "Form"),
                            ("import", "Import"),
                            ("api", "API"),
                            ("system", "System"),
                        ],
                        max_length=6,
                    ),
                ),
                ("given_on", models.DateField()),
                (
                    "scopes",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=20), size=None
                    ),
                ),
                ("submission", models.UUIDField(editable=False, null=True, unique=True)),
                ("replaced_at", models.DateTimeField(null=True)),
                ("replaced_reason", models.CharField(blank=True, max_length=500)),
            ],
        ),
        migrations.CreateModel(
            name="ConsentVersion",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("version", models.CharField(max_length=20)),
                ("title", models.CharField(max_length=200)),
                ("text_digest", models.CharField(blank=True, max_length=64)),
                ("effective_from", models.DateField()),
                (
                    "scopes",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=20), size=None
                    ),
                ),
                ("entered_at", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="ConsentWithdrawal",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("entered_at", models.DateTimeField()),
                (
                    "origin",
                    models.CharField(
                        choices=[
                            ("form", "Form"),
                            ("import", "Import"),
                            ("api", "API"),
                            ("system", "System"),
                        ],
                        max_length=6,
                    ),
                ),
                ("withdrawn_on", models.DateField()),
                (
                    "scopes",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=20), size=None
                    ),
                ),
                ("reason", models.CharField(blank=True, max_length=500)),
                ("submission", models.UUIDField(editable=False, null=True, unique=True)),
                ("annulled_at", models.DateTimeField(null=True)),
                ("annulled_reason", models.CharField(blank=True, max_length=500)),
            ],
        ),
        migrations.CreateModel(
            name="ContactAttempt",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("entered_at", models.DateTimeField()),
                (
                    "origin",
                    models.CharField(
                        choices=[
                            ("form", "Form"),
                            ("import", "Import"),
                            ("api", "API"),
                            ("system", "System"),
                        ],
                        max_length=6,
                    ),
                ),
                ("code", models.CharField(max_length=40)),
                ("attempted_on", models.DateField()),
                (
                    "way",
                    models.CharField(
                        choices=[
                            ("phone", "By telephone"),
                            ("video", "By video"),
                            ("letter", "By letter or e-mail"),
                            ("on_site", "At the site"),
                            ("other_source", "From another source, such as a family doctor"),
                        ],
                        max_length=12,
                    ),
                ),
                (
                    "outcome",
                    models.CharField(
                        choices=[
                            ("no_answer", "No answer"),
                            ("wrong_details", "Number or address no longer right"),
                            ("message_left", "Message left, no reply yet"),
                            ("declined", "Did not want to talk this time"),
                            ("died", "Learned that the patient had died"),
                        ],
                        max_length=15,
                    ),
                ),
                ("note", models.CharField(blank=True, max_length=500)),
            ],
        ),
        migrations.CreateModel(
            name="SiteStay",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("stay", django.contrib.postgres.fields.ranges.DateRangeField()),
                ("reason", models.CharField(blank=True, max_length=500)),
                ("moved_at", models.DateTimeField()),
                ("submission", models.UUIDField(editable=False, null=True, unique=True)),
            ],
        ),
        migrations.AddField(
            model_name="annualcontact",
            name="autoimmune_or_neurological_event",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="registry.adverseevent",
            ),
        ),
        migrations.AddField(
            model_name="annualcontact",
            name="blood_disorder_event",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="registry.adverseevent",
            ),
        ),
        migrations.AddField(
            model_name="annualcontact",
            name="entered_by",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="annualcontact",
            name="malignancy_event",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="registry.adverseevent",
            ),
        ),
        migrations.AddField(
            model_name="annualcontact",
            name="patient",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="annual_contacts",
                to="registry.patient",
            ),
        ),
        migrations.AddField(
            model_name="annualcontact",
            name="serious_infection_event",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="registry.adverseevent",
            ),
        ),
        migrations.AddField(
            model_name="annualcontact",
            name="visit",
            field=models.OneToOneField(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="annual_contact",
                to="registry.visit",
            ),
        ),
        migrations.AddField(
            model_name="consent",
            name="entered_by",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="consent",
            name="patient",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="consents", to="registry.patient"
            ),
        ),
        migrations.AddField(
            model_name="consent",
            name="study",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="registry.study"
            ),
        ),
        migrations.AddField(
            model_name="consentversion",
            name="entered_by",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="consentversion",
            name="study",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="consent_versions",
                to="registry.study",
            ),
        ),
        migrations.AddField(
            model_name="consent",
            name="version",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="consents",
                to="registry.consentversion",
            ),
        ),
        migrations.AddField(
            model_name="consentwithdrawal",
            name="annulled_by",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="consentwithdrawal",
            name="entered_by",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="consentwithdrawal",
            name="patient",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="consent_withdrawals",
                to="registry.patient",
            ),
        ),
        migrations.AddField(
            model_name="contactattempt",
            name="course",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="registry.course"
            ),
        ),
        migrations.AddField(
            model_name="contactattempt",
            name="entered_by",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="contactattempt",
            name="patient",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="contact_attempts",
                to="registry.patient",
            ),
        ),
        migrations.AddField(
            model_name="sitestay",
            name="moved_by",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="sitestay",
            name="patient",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="site_stays", to="registry.patient"
            ),
        ),
        migrations.AddField(
            model_name="sitestay",
            name="site",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="registry.site"
            ),
        ),
        migrations.AddField(
            model_name="sitestay",
            name="study",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="registry.study"
            ),
        ),
        migrations.AddConstraint(
            model_name="annualcontact",
            constraint=models.CheckConstraint(
                condition=models.Q(("contact_details__in", ["right", "updated", "not_asked"])),
                name="annualcontact_contact_details_is_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="annualcontact",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("blood_disorder", True), _negated=True),
                    ("blood_disorder__isnull", True),
                    ("blood_disorder_event__isnull", False),
                    _connector="OR",
                ),
                name="annual_contact_yes_has_event_1",
            ),
        ),
        migrations.AddConstraint(
            model_name="annualcontact",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("serious_infection", True), _negated=True),
                    ("serious_infection__isnull", True),
                    ("serious_infection_event__isnull", False),
                    _connector="OR",
                ),
                name="annual_contact_yes_has_event_2",
            ),
        ),
        migrations.AddConstraint(
            model_name="annualcontact",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("autoimmune_or_neurological", True), _negated=True),
                    ("autoimmune_or_neurological__isnull", True),
                    ("autoimmune_or_neurological_event__isnull", False),
                    _connector="OR",
                ),
                name="annual_contact_yes_has_event_3",
            ),
        ),
        migrations.AddConstraint(
            model_name="consentversion",
            constraint=models.UniqueConstraint(fields=("study", "version"), name="consent_version_is_unique"),
        ),
        migrations.AddConstraint(
            model_name="consentversion",
            constraint=models.UniqueConstraint(
                fields=("study", "effective_from"), name="consent_version_day_is_unique"
            ),
        ),
        migrations.AddConstraint(
            model_name="consentversion",
            constraint=models.UniqueConstraint(fields=("id", "study"), name="consent_version_with_study"),
        ),
        migrations.AddConstraint(
            model_name="consentversion",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "scopes__contained_by",
                        [
                            "follow_up",
                            "laboratory",
                            "remote_contact",
                            "share_sponsor",
                            "share_research",
                            "genetics",
                        ],
                    ),
                    models.Q(("scopes", []), _negated=True),
                ),
                name="consentversion_scopes_are_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="consentversion",
            constraint=models.CheckConstraint(
                condition=models.Q(("scopes__contains", ["follow_up"])),
                name="consent_version_asks_for_follow_up",
            ),
        ),
        migrations.AddConstraint(
            model_name="consentversion",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("text_digest", ""), ("text_digest__regex", "^[0-9a-f]{64}$"), _connector="OR"
                ),
                name="consent_version_digest_is_sha256",
            ),
        ),
        migrations.AddConstraint(
            model_name="consent",
            constraint=models.UniqueConstraint(
                condition=models.Q(("replaced_at__isnull", True)),
                fields=("patient", "version"),
                name="consent_to_a_version_is_current_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="consent",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "scopes__contained_by",
                        [
                            "follow_up",
                            "laboratory",
                            "remote_contact",
                            "share_sponsor",
                            "share_research",
                            "genetics",
                        ],
                    ),
                    models.Q(("scopes", []), _negated=True),
                ),
                name="consent_scopes_are_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="consent",
            constraint=models.CheckConstraint(
                condition=models.Q(("scopes__contains", ["follow_up"])), name="consent_gives_follow_up"
            ),
        ),
        migrations.AddConstraint(
            model_name="consent",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("replaced_at__isnull", True), ("replaced_reason", "")),
                    models.Q(
                        ("replaced_at__isnull", False), models.Q(("replaced_reason", ""), _negated=True)
                    ),
                    _connector="OR",
                ),
                name="consent_replaced_has_a_reason",
            ),
        ),
        migrations.AddConstraint(
            model_name="consentwithdrawal",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "scopes__contained_by",
                        [
                            "follow_up",
                            "laboratory",
                            "remote_contact",
                            "share_sponsor",
                            "share_research",
                            "genetics",
                        ],
                    ),
                    models.Q(("scopes", []), _negated=True),
                ),
                name="consentwithdrawal_scopes_are_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="consentwithdrawal",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("annulled_at__isnull", False), ("annulled_by__isnull", False)),
                    models.Q(("annulled_at__isnull", True), ("annulled_by__isnull", True)),
                    _connector="OR",
                ),
                name="withdrawal_annulled_when_and_by_whom",
            ),
        ),
        migrations.AddConstraint(
            model_name="consentwithdrawal",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("annulled_at__isnull", True), ("annulled_reason", "")),
                    models.Q(
                        ("annulled_at__isnull", False), models.Q(("annulled_reason", ""), _negated=True)
                    ),
                    _connector="OR",
                ),
                name="withdrawal_annulled_has_a_reason",
            ),
        ),
        migrations.AddConstraint(
            model_name="contactattempt",
            constraint=models.CheckConstraint(
                condition=models.Q(("way__in", ["phone", "video", "letter", "on_site", "other_source"])),
                name="contactattempt_way_is_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="contactattempt",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("outcome__in", ["no_answer", "wrong_details", "message_left", "declined", "died"])
                ),
                name="contactattempt_outcome_is_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="contactattempt",
            constraint=models.UniqueConstraint(
                fields=("course", "code", "attempted_on", "way", "outcome", "note"),
                name="contact_attempt_is_recorded_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="sitestay",
            constraint=django.contrib.postgres.constraints.ExclusionConstraint(
                expressions=[("patient", "="), ("stay", "&&")], name="site_stays_of_a_patient_do_not_overlap"
            ),
        ),
        migrations.AddConstraint(
            model_name="sitestay",
            constraint=models.CheckConstraint(
                condition=models.Q(("stay__isempty", True), _negated=True), name="site_stay_lasts"
            ),
        ),
        migrations.RunSQL((SQL / "consent.sql").read_text()),
    ]
