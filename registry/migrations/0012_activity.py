"""What scores are made of, serology by assay, treatments over time and what was asked about them."""

from pathlib import Path

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

SQL = Path(__file__).parent / "sql"


class Migration(migrations.Migration):
    dependencies = [
        ("registry", "0011_events"),
    ]

    operations = [
        migrations.CreateModel(
            name="ScoreDetail",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "entered_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
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
                (
                    "patient",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="registry.patient"
                    ),
                ),
                (
                    "score",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="detail",
                        to="registry.score",
                    ),
                ),
                ("variant", models.CharField(blank=True, max_length=3)),
                ("items", models.JSONField(blank=True, null=True)),
                ("total", models.DecimalField(blank=True, decimal_places=3, max_digits=8, null=True)),
                ("answers", models.JSONField(blank=True, default=dict)),
            ],
            options={
                "verbose_name": "items of a score",
                "verbose_name_plural": "items of scores",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("items__isnull", True), ("total__isnull", True)),
                            models.Q(("items__isnull", False), ("total__isnull", False)),
                            _connector="OR",
                        ),
                        name="score_items_have_a_total",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Serology",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "entered_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
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
                (
                    "patient",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="serology",
                        to="registry.patient",
                    ),
                ),
                ("collected_on", models.DateField()),
                (
                    "test",
                    models.CharField(
                        choices=[
                            ("anti_dsdna", "Anti-dsDNA"),
                            ("ana", "ANA"),
                            ("anti_sm", "Anti-Sm"),
                            ("anti_rnp", "Anti-U1-RNP"),
                            ("anti_ro", "Anti-Ro (SSA)"),
                            ("anti_la", "Anti-La (SSB)"),
                            ("antiphospholipid", "Antiphospholipid antibodies"),
                            ("anti_scl70", "Anti-Scl-70"),
                            ("anti_centromere", "Anti-centromere"),
                            ("anti_rna_pol3", "Anti-RNA polymerase III"),
                            ("anti_pm_scl", "Anti-PM-Scl"),
                            ("anti_jo1", "Anti-Jo-1"),
                            ("other_synthetase", "Other antisynthetase"),
                            ("anti_mda5", "Anti-MDA5"),
                            ("anti_mi2", "Anti-Mi-2"),
                            ("anti_tif1g", "Anti-TIF1-γ"),
                            ("anti_nxp2", "Anti-NXP2"),
                            ("anti_srp", "Anti-SRP"),
                            ("anti_hmgcr", "Anti-HMGCR"),
                            ("naive_b", "Naïve B cells (CD20+ CD27−), % of B cells"),
                            ("memory_b", "Memory B cells (CD20+ CD27+), % of B cells"),
                        ],
                        max_length=20,
                    ),
                ),
                (
                    "assay",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("elisa", "ELISA"),
                            ("clia", "Chemiluminescence (CLIA)"),
                            ("clift", "Crithidia (CLIFT), titre"),
                            ("farr", "Farr (radio-immunoassay)"),
                            ("iif", "Immunofluorescence (HEp-2), titre"),
                            ("blot", "Line blot"),
                            ("other", "Other assay"),
                        ],
                        max_length=8,
                    ),
                ),
                (
                    "finding",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("negative", "Negative"),
                            ("borderline", "Borderline"),
                            ("positive", "Positive"),
                        ],
                        max_length=10,
                    ),
                ),
                ("titre", models.PositiveIntegerField(blank=True, null=True)),
                ("comparator", models.CharField(blank=True, max_length=1)),
                ("value", models.DecimalField(blank=True, decimal_places=4, max_digits=14, null=True)),
                ("unit", models.CharField(blank=True, max_length=8)),
                ("upper_limit", models.DecimalField(blank=True, decimal_places=4, max_digits=14, null=True)),
            ],
            options={
                "verbose_name": "serology",
                "verbose_name_plural": "serology",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "test__in",
                                [
                                    "anti_dsdna",
                                    "ana",
                                    "anti_sm",
                                    "anti_rnp",
                                    "anti_ro",
                                    "anti_la",
                                    "antiphospholipid",
                                    "anti_scl70",
                                    "anti_centromere",
                                    "anti_rna_pol3",
                                    "anti_pm_scl",
                                    "anti_jo1",
                                    "other_synthetase",
                                    "anti_mda5",
                                    "anti_mi2",
                                    "anti_tif1g",
                                    "anti_nxp2",
                                    "anti_srp",
                                    "anti_hmgcr",
                                    "naive_b",
                                    "memory_b",
                                ],
                            )
                        ),
                        name="serology_test_is_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("assay__in", ["elisa", "clia", "clift", "farr", "iif", "blot", "other", ""])
                        ),
                        name="serology_assay_is_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("finding__in", ["negative", "borderline", "positive", ""])),
                        name="serology_finding_is_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("comparator__in", ["<", ">", ""])),
                        name="serology_comparator_is_known",
                    ),
                    models.UniqueConstraint(
                        fields=("patient", "collected_on", "test", "assay"), name="serology_is_recorded_once"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("finding", ""), _negated=True),
                            ("titre__isnull", False),
                            ("value__isnull", False),
                            models.Q(("test", "anti_dsdna"), models.Q(("assay", ""), _negated=True)),
                            _connector="OR",
                        ),
                        name="serology_says_something",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("comparator", ""),
                                ("unit", ""),
                                ("upper_limit__isnull", True),
                                ("value__isnull", True),
                            ),
                            models.Q(
                                ("value__gte", 0),
                                ("value__isnull", False),
                                models.Q(("unit", ""), _negated=True),
                            ),
                            _connector="OR",
                        ),
                        name="serology_value_has_a_unit",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Treatment",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "entered_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
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
                (
                    "patient",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="treatments",
                        to="registry.patient",
                    ),
                ),
                (
                    "agent",
                    models.CharField(
                        choices=[
                            ("prednisolone", "Prednisolone"),
                            ("prednisone", "Prednisone"),
                            ("methylprednisolone", "Methylprednisolone"),
                            ("dexamethasone", "Dexamethasone"),
                            ("hydrocortisone", "Hydrocortisone"),
                            ("cortisone", "Cortisone"),
                            ("hydroxychloroquine", "Hydroxychloroquine"),
                            ("chloroquine", "Chloroquine"),
                            ("mycophenolate", "Mycophenolate"),
                            ("azathioprine", "Azathioprine"),
                            ("methotrexate", "Methotrexate"),
                            ("cyclophosphamide", "Cyclophosphamide"),
                            ("tacrolimus", "Tacrolimus"),
                            ("ciclosporin", "Ciclosporin"),
                            ("voclosporin", "Voclosporin"),
                            ("leflunomide", "Leflunomide"),
                            ("ivig_high_dose", "Immunoglobulin, high dose to modulate"),
                            ("other_immunosuppressant", "Other immunosuppressant"),
                            ("belimumab", "Belimumab"),
                            ("rituximab", "Rituximab"),
                            ("obinutuzumab", "Obinutuzumab"),
                            ("anifrolumab", "Anifrolumab"),
                            ("tocilizumab", "Tocilizumab"),
                            ("abatacept", "Abatacept"),
                            ("other_biologic", "Other biologic"),
                            ("jak_inhibitor", "JAK inhibitor"),
                            ("other_targeted", "Other targeted drug"),
                            ("ivig_replacement", "Immunoglobulin replacement, intravenous"),
                            ("scig_replacement", "Immunoglobulin replacement, subcutaneous"),
                            ("aciclovir", "Aciclovir"),
                            ("valaciclovir", "Valaciclovir"),
                            ("cotrimoxazole", "Co-trimoxazole"),
                            ("pentamidine", "Pentamidine"),
                            ("atovaquone", "Atovaquone"),
                            ("dapsone", "Dapsone"),
                            ("penicillin", "Penicillin"),
                            ("antifungal", "Antifungal"),
                            ("other_prophylaxis", "Other prophylaxis"),
                            ("pneumococcal_conjugate", "Pneumococcal, conjugate (PCV)"),
                            ("pneumococcal_polysaccharide", "Pneumococcal, polysaccharide (PPSV23)"),
                            ("influenza", "Influenza"),
                            ("covid_19", "COVID-19"),
                            ("hepatitis_b", "Hepatitis B"),
                            ("zoster_recombinant", "Zoster, recombinant"),
                            ("rsv", "RSV"),
                            ("other_vaccine", "Other vaccine"),
                        ],
                        max_length=30,
                    ),
                ),
                ("name", models.CharField(blank=True, max_length=200)),
                ("started_on", models.CharField(max_length=10)),
                ("stopped_on", models.CharField(blank=True, max_length=10)),
                ("mg_per_day", models.DecimalField(blank=True, decimal_places=3, max_digits=8, null=True)),
                ("dose", models.CharField(blank=True, max_length=200)),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "agent__in",
                                [
                                    "prednisolone",
                                    "prednisone",
                                    "methylprednisolone",
                                    "dexamethasone",
                                    "hydrocortisone",
                                    "cortisone",
                                    "hydroxychloroquine",
                                    "chloroquine",
                                    "mycophenolate",
                                    "azathioprine",
                                    "methotrexate",
                                    "cyclophosphamide",
                                    "tacrolimus",
                                    "ciclosporin",
                                    "voclosporin",
                                    "leflunomide",
                                    "ivig_high_dose",
                                    "other_immunosuppressant",
                                    "belimumab",
                                    "rituximab",
                                    "obinutuzumab",
                                    "anifrolumab",
                                    "tocilizumab",
                                    "abatacept",
                                    "other_biologic",
                                    "jak_inhibitor",
                                    "other_targeted",
                                    "ivig_replacement",
                                    "scig_replacement",
                                    "aciclovir",
                                    "valaciclovir",
                                    "cotrimoxazole",
                                    "pentamidine",
                                    "atovaquone",
                                    "dapsone",
                                    "penicillin",
                                    "antifungal",
                                    "other_prophylaxis",
                                    "pneumococcal_conjugate",
                                    "pneumococcal_polysaccharide",
                                    "influenza",
                                    "covid_19",
                                    "hepatitis_b",
                                    "zoster_recombinant",
                                    "rsv",
                                    "other_vaccine",
                                ],
                            )
                        ),
                        name="treatment_agent_is_known",
                    ),
                    models.UniqueConstraint(
                        fields=("patient", "agent", "name", "started_on"), name="treatment_starts_once"
                    ),
                    models.UniqueConstraint(fields=("id", "patient"), name="treatment_with_patient"),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                (
                                    "agent__in",
                                    [
                                        "prednisolone",
                                        "prednisone",
                                        "methylprednisolone",
                                        "dexamethasone",
                                        "hydrocortisone",
                                        "cortisone",
                                    ],
                                ),
                                ("dose", ""),
                                ("mg_per_day__gt", 0),
                                ("mg_per_day__isnull", False),
                            ),
                            models.Q(
                                models.Q(
                                    (
                                        "agent__in",
                                        [
                                            "prednisolone",
                                            "prednisone",
                                            "methylprednisolone",
                                            "dexamethasone",
                                            "hydrocortisone",
                                            "cortisone",
                                        ],
                                    ),
                                    _negated=True,
                                ),
                                ("mg_per_day__isnull", True),
                            ),
                            _connector="OR",
                        ),
                        name="treatment_glucocorticoid_has_a_dose",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                (
                                    "agent__in",
                                    [
                                        "other_immunosuppressant",
                                        "other_biologic",
                                        "other_targeted",
                                        "other_prophylaxis",
                                        "other_vaccine",
                                    ],
                                ),
                                _negated=True,
                            ),
                            models.Q(("name", ""), _negated=True),
                            _connector="OR",
                        ),
                        name="treatment_other_has_a_name",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="TreatmentAnswer",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "entered_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
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
                (
                    "patient",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="registry.patient",
                    ),
                ),
                (
                    "visit",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="treatment_answers",
                        to="registry.visit",
                    ),
                ),
                (
                    "section",
                    models.CharField(
                        choices=[("treatments", "Treatments"), ("prevention", "Vaccination and prophylaxis")],
                        max_length=10,
                    ),
                ),
                (
                    "treatment",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="answers",
                        to="registry.treatment",
                    ),
                ),
                (
                    "answer",
                    models.CharField(
                        choices=[
                            ("complete", "The list is complete"),
                            ("same", "Still taken, unchanged"),
                            ("dose", "Still taken, in another dose"),
                            ("stopped", "Stopped"),
                        ],
                        max_length=8,
                    ),
                ),
            ],
            options={
                "verbose_name": "answer about a treatment",
                "verbose_name_plural": "answers about treatments",
                "indexes": [models.Index(fields=["patient", "section"], name="treatment_answer_of_patient")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("section__in", ["treatments", "prevention"])),
                        name="treatmentanswer_section_is_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("answer__in", ["complete", "same", "dose", "stopped"])),
                        name="treatmentanswer_answer_is_known",
                    ),
                    models.UniqueConstraint(fields=("visit", "treatment"), name="treatment_is_answered_once"),
                    models.UniqueConstraint(
                        condition=models.Q(("treatment__isnull", True)),
                        fields=("visit", "section"),
                        name="treatment_list_is_complete_once",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("answer", "complete"), ("treatment__isnull", True)),
                            models.Q(
                                ("treatment__isnull", False), models.Q(("answer", "complete"), _negated=True)
                            ),
                            _connector="OR",
                        ),
                        name="treatment_answer_is_about_something",
                    ),
                ],
            },
        ),
        migrations.RunSQL((SQL / "activity.sql").read_text()),
    ]
