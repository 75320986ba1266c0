"""What lets the database tell which patients could have a finding: results packed, reports screened."""

from pathlib import Path

import django.db.models.deletion
from django.db import migrations, models

SQL = Path(__file__).parent / "sql"


class Migration(migrations.Migration):
    dependencies = [("registry", "0002_guarantees")]

    operations = [
        migrations.CreateModel(
            name="PackedLabs",
            fields=[
                (
                    "patient",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to="registry.patient",
                    ),
                ),
                ("packed_as", models.CharField(max_length=16)),
                ("counts", models.BinaryField(null=True)),
                ("others", models.BinaryField(null=True)),
            ],
        ),
        migrations.CreateModel(
            name="LabsToRepack",
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
        ),
        migrations.CreateModel(
            name="ReportScreening",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("number", models.PositiveSmallIntegerField()),
                ("lists", models.CharField(max_length=16)),
                ("names_malignancy", models.BooleanField()),
                (
                    "event",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="registry.adverseevent",
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
                "indexes": [
                    models.Index(fields=["patient", "lists"], name="screening_of_patient"),
                    models.Index(
                        condition=models.Q(("names_malignancy", True)),
                        fields=["patient"],
                        name="screening_names_malignancy",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("event", "number"), include=("lists",), name="report_is_screened_once"
                    )
                ],
            },
        ),
        # The index of a patient's visits, now with what tells which were recorded; it also serves the
        # foreign key, whose own index goes.
        migrations.RemoveIndex(model_name="visit", name="visit_of_patient"),
        migrations.AddIndex(
            model_name="visit",
            index=models.Index(
                fields=["patient", "visited_on"], include=("course", "code"), name="visit_of_patient"
            ),
        ),
        migrations.AlterField(
            model_name="visit",
            name="patient",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="visits",
                to="registry.patient",
            ),
        ),
        migrations.RunSQL((SQL / "preselection.sql").read_text()),
    ]
