"""Licensed dictionaries that the installation has loaded."""

from pathlib import Path

import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models

SQL = Path(__file__).parent / "sql"


class Migration(migrations.Migration):
    dependencies = [("registry", "0006_notifications")]

    operations = [
        migrations.CreateModel(
            name="DictionaryVersion",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("dictionary", models.CharField(max_length=10)),
                ("version", models.CharField(max_length=20)),
                (
                    "number",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.PositiveIntegerField(), size=None
                    ),
                ),
                ("revision", models.PositiveSmallIntegerField()),
                ("name", models.CharField(max_length=40)),
                ("digest", models.CharField(max_length=64)),
                ("is_in_force", models.BooleanField()),
                ("rows", models.JSONField()),
                ("loaded_at", models.DateTimeField()),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("dictionary", "version", "revision"), name="dictionary_revision_is_counted"
                    ),
                    models.UniqueConstraint(
                        fields=("dictionary", "digest"), name="dictionary_is_loaded_once"
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("is_in_force", True)),
                        fields=("dictionary",),
                        name="dictionary_in_force_is_one",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="DictionaryTerm",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("code", models.CharField(max_length=20)),
                ("level", models.CharField(max_length=4)),
                ("name", models.CharField(max_length=300)),
                ("pt_code", models.CharField(blank=True, max_length=20)),
                ("hlt_code", models.CharField(blank=True, max_length=20)),
                ("hlgt_code", models.CharField(blank=True, max_length=20)),
                ("soc_code", models.CharField(blank=True, max_length=20)),
                ("is_current", models.BooleanField(default=True)),
                ("groups", models.JSONField(default=list)),
                (
                    "version",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="terms",
                        to="registry.dictionaryversion",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("version", "code"), name="dictionary_term_has_one_code"),
                    models.CheckConstraint(
                        condition=models.Q(("level__in", ("LLT", "PT", "HLT", "HLGT", "SOC"))),
                        name="dictionary_term_level_is_known",
                    ),
                ],
            },
        ),
        migrations.RunSQL((SQL / "dictionaries.sql").read_text()),
    ]
