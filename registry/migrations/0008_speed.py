"""Answers by the rules that stand until the record or the calendar changes them (decision 22)."""

from pathlib import Path

import django.db.models.deletion
from django.db import migrations, models

SQL = Path(__file__).parent / "sql"


class Migration(migrations.Migration):
    dependencies = [("registry", "0007_dictionary")]

    operations = [
        migrations.CreateModel(
            name="AnswersToRenew",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "patient",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="registry.patient",
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["patient"], name="answers_to_renew_of_patient")],
            },
        ),
        migrations.AddField("judgement", "answered_as", models.BigIntegerField(null=True)),
        migrations.AddField("judgement", "notes", models.BigIntegerField(default=0, db_default=0)),
        migrations.AddField("judgement", "is_clear", models.BooleanField(default=False, db_default=False)),
        migrations.RunSQL((SQL / "speed.sql").read_text()),
    ]
