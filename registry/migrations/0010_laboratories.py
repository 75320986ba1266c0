"""Laboratories of a site, how each reports, what its reports call things; and why an unlikely value is right.

The two columns of the results are added without a look at the rows: one is nullable, and so PostgreSQL
takes its foreign key as valid; of the other the default is kept in the catalogue.
"""

from pathlib import Path

import django.db.models.deletion
import django.db.models.functions.text
from django.conf import settings
from django.db import migrations, models

SQL = Path(__file__).parent / "sql"
_ANALYTE_CHOICES = [
    ("ANC", "Neutrophils"),
    ("WBC", "White blood cells"),
    ("ALC", "Lymphocytes"),
    ("EOS", "Eosinophils"),
    ("MONO", "Monocytes"),
    ("PLT", "Platelets"),
    ("HGB", "Haemoglobin"),
    ("MCV", "Mean cell volume"),
    ("BLASTS", "Blasts in blood"),
    ("CD19", "B cells (CD19)"),
    ("CD4", "CD4 T cells"),
    ("IGG", "Immunoglobulin G"),
    ("IGA", "Immunoglobulin A"),
    ("IGM", "Immunoglobulin M"),
    ("C3", "Complement C3"),
    ("C4", "Complement C4"),
    ("FIBRINOGEN", "Fibrinogen"),
    ("ANTI_DSDNA", "Anti-dsDNA antibodies"),
    ("CK", "Creatine kinase"),
    ("AST", "Aspartate aminotransferase"),
    ("ALT", "Alanine aminotransferase"),
    ("LDH", "Lactate dehydrogenase"),
    ("CREATININE", "Creatinine"),
    ("UPCR", "Urine protein/creatinine ratio"),
    ("FERRITIN", "Ferritin"),
    ("CRP", "C-reactive protein"),
    ("CAR_DNA", "CAR transgene"),
]
_ORIGIN_CHOICES = [("form", "Form"), ("import", "Import"), ("api", "API"), ("system", "System")]


def _is_known(table, field, codes):
    return models.CheckConstraint(
        condition=models.Q((f"{field}__in", codes)), name=f"{table}_{field}_is_known"
    )


def _id():
    return models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")


def _entered():
    return [
        ("entered_at", models.DateTimeField()),
        ("origin", models.CharField(choices=_ORIGIN_CHOICES, max_length=6)),
        (
            "entered_by",
            models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
    ]


class Migration(migrations.Migration):
    dependencies = [("registry", "0009_drafts")]

    operations = [
        migrations.CreateModel(
            name="Laboratory",
            fields=[
                ("id", _id()),
                ("name", models.CharField(max_length=120)),
                (
                    "site",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="laboratories",
                        to="registry.site",
                    ),
                ),
                *_entered(),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        models.F("site"),
                        django.db.models.functions.text.Lower("name"),
                        name="laboratory_is_named_once_at_a_site",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("name", ""), _negated=True), name="laboratory_has_a_name"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="LaboratoryAnalyte",
            fields=[
                ("id", _id()),
                ("analyte", models.CharField(choices=_ANALYTE_CHOICES, max_length=12)),
                (
                    "sex",
                    models.CharField(
                        choices=[("F", "Female"), ("M", "Male"), ("U", "Not known")], max_length=1
                    ),
                ),
                ("unit", models.CharField(max_length=20)),
                ("lower_limit", models.DecimalField(decimal_places=10, max_digits=24, null=True)),
                ("upper_limit", models.DecimalField(decimal_places=10, max_digits=24, null=True)),
                ("reported_at", models.DateTimeField()),
                (
                    "laboratory",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="analytes",
                        to="registry.laboratory",
                    ),
                ),
            ],
            options={
                "constraints": [
                    _is_known("laboratoryanalyte", "analyte", [key for key, _ in _ANALYTE_CHOICES]),
                    _is_known("laboratoryanalyte", "sex", ["F", "M", "U"]),
                    models.UniqueConstraint(
                        fields=("laboratory", "analyte", "sex"),
                        name="laboratory_analyte_is_remembered_once",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="LaboratoryName",
            fields=[
                ("id", _id()),
                ("name", models.CharField(max_length=80)),
                ("analyte", models.CharField(choices=_ANALYTE_CHOICES, max_length=12)),
                (
                    "laboratory",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="names",
                        to="registry.laboratory",
                    ),
                ),
                *_entered(),
            ],
            options={
                "constraints": [
                    _is_known("laboratoryname", "analyte", [key for key, _ in _ANALYTE_CHOICES]),
                    models.UniqueConstraint(
                        fields=("laboratory", "name"), name="laboratory_name_is_learned_once"
                    ),
                ],
            },
        ),
        migrations.AddField(
            "labresult",
            "laboratory",
            models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="registry.laboratory",
            ),
        ),
        migrations.AddField(
            "labresult",
            "right_because",
            models.CharField(blank=True, db_default="", default="", max_length=500),
        ),
        migrations.RunSQL((SQL / "laboratories.sql").read_text()),
    ]
