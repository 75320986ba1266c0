"""What belongs to one category of adverse event, and follow-ups that say what changed."""

from pathlib import Path

import django.contrib.postgres.fields
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

SQL = Path(__file__).parent / "sql"


class Migration(migrations.Migration):
    dependencies = [
        ("registry", "0010_laboratories"),
    ]

    operations = [
        migrations.AddField(
            model_name="adverseevent",
            name="disease_relatedness",
            field=models.CharField(
                blank=True,
                choices=[
                    ("certain", "Certain"),
                    ("probable", "Probable"),
                    ("possible", "Possible"),
                    ("unlikely", "Unlikely"),
                    ("conditional", "Conditional, more information expected"),
                    ("unassessable", "Unassessable"),
                ],
                db_default="",
                default="",
                max_length=15,
            ),
        ),
        migrations.AddField(
            model_name="adverseevent",
            name="kept_because",
            field=models.CharField(blank=True, db_default="", default="", max_length=500),
        ),
        migrations.AddField(
            model_name="adverseevent",
            name="lymphodepletion_relatedness",
            field=models.CharField(
                blank=True,
                choices=[
                    ("certain", "Certain"),
                    ("probable", "Probable"),
                    ("possible", "Possible"),
                    ("unlikely", "Unlikely"),
                    ("conditional", "Conditional, more information expected"),
                    ("unassessable", "Unassessable"),
                ],
                db_default="",
                default="",
                max_length=15,
            ),
        ),
        migrations.AddField(
            model_name="adverseevent",
            name="other_drug_relatedness",
            field=models.CharField(
                blank=True,
                choices=[
                    ("certain", "Certain"),
                    ("probable", "Probable"),
                    ("possible", "Possible"),
                    ("unlikely", "Unlikely"),
                    ("conditional", "Conditional, more information expected"),
                    ("unassessable", "Unassessable"),
                ],
                db_default="",
                default="",
                max_length=15,
            ),
        ),
        migrations.AddField(
            model_name="adverseeventfollowup",
            name="disease_relatedness",
            field=models.CharField(
                blank=True,
                choices=[
                    ("certain", "Certain"),
                    ("probable", "Probable"),
                    ("possible", "Possible"),
                    ("unlikely", "Unlikely"),
                    ("conditional", "Conditional, more information expected"),
                    ("unassessable", "Unassessable"),
                ],
                db_default="",
                default="",
                max_length=15,
            ),
        ),
        migrations.AddField(
            model_name="adverseeventfollowup",
            name="ended_on",
            field=models.CharField(blank=True, db_default="", default="", max_length=10),
        ),
        migrations.AddField(
            model_name="adverseeventfollowup",
            name="grade",
            field=models.PositiveSmallIntegerField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="adverseeventfollowup",
            name="grade_scale",
            field=models.CharField(
                blank=True,
                choices=[
                    ("CTCAE-5", "CTCAE v5.0"),
                    ("CTCAE-6", "CTCAE v6.0"),
                    ("ASTCT", "ASTCT (CRS and ICANS)"),
                    ("ICAHT", "ICAHT (haematological toxicity)"),
                    ("LICATS", "LICATS"),
                ],
                db_default="",
                default="",
                max_length=10,
            ),
        ),
        migrations.AddField(
            model_name="adverseeventfollowup",
            name="kept_because",
            field=models.CharField(blank=True, db_default="", default="", max_length=500),
        ),
        migrations.AddField(
            model_name="adverseeventfollowup",
            name="lymphodepletion_relatedness",
            field=models.CharField(
                blank=True,
                choices=[
                    ("certain", "Certain"),
                    ("probable", "Probable"),
                    ("possible", "Possible"),
                    ("unlikely", "Unlikely"),
                    ("conditional", "Conditional, more information expected"),
                    ("unassessable", "Unassessable"),
                ],
                db_default="",
                default="",
                max_length=15,
            ),
        ),
        migrations.AddField(
            model_name="adverseeventfollowup",
            name="other_drug_relatedness",
            field=models.CharField(
                blank=True,
                choices=[
                    ("certain", "Certain"),
                    ("probable", "Probable"),
                    ("possible", "Possible"),
                    ("unlikely", "Unlikely"),
                    ("conditional", "Conditional, more information expected"),
                    ("unassessable", "Unassessable"),
                ],
                db_default="",
                default="",
                max_length=15,
            ),
        ),
        migrations.AddField(
            model_name="adverseeventfollowup",
            name="relatedness",
            field=models.CharField(
                blank=True,
                choices=[
                    ("certain", "Certain"),
                    ("probable", "Probable"),
                    ("possible", "Possible"),
                    ("unlikely", "Unlikely"),
                    ("conditional", "Conditional, more information expected"),
                    ("unassessable", "Unassessable"),
                ],
                db_default="",
                default="",
                max_length=15,
            ),
        ),
        migrations.AddField(
            model_name="adverseeventfollowup",
            name="serious",
            field=models.BooleanField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="adverseeventfollowup",
            name="seriousness",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(max_length=20), blank=True, null=True, size=None
            ),
        ),
        migrations.AddField(
            model_name="adverseeventfollowup",
            name="still_ongoing",
            field=models.BooleanField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="adverseeventfollowup",
            name="visit",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="event_reports",
                to="registry.visit",
            ),
        ),
        migrations.AddConstraint(
            model_name="adverseevent",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "lymphodepletion_relatedness__in",
                        ["certain", "probable", "possible", "unlikely", "conditional", "unassessable", ""],
                    )
                ),
                name="adverseevent_lymphodepletion_relatedness_is_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="adverseevent",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "other_drug_relatedness__in",
                        ["certain", "probable", "possible", "unlikely", "conditional", "unassessable", ""],
                    )
                ),
                name="adverseevent_other_drug_relatedness_is_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="adverseevent",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "disease_relatedness__in",
                        ["certain", "probable", "possible", "unlikely", "conditional", "unassessable", ""],
                    )
                ),
                name="adverseevent_disease_relatedness_is_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="adverseeventfollowup",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "lymphodepletion_relatedness__in",
                        ["certain", "probable", "possible", "unlikely", "conditional", "unassessable", ""],
                    )
                ),
                name="adverseeventfollowup_lymphodepletion_relatedness_is_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="adverseeventfollowup",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "other_drug_relatedness__in",
                        ["certain", "probable", "possible", "unlikely", "conditional", "unassessable", ""],
                    )
                ),
                name="adverseeventfollowup_other_drug_relatedness_is_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="adverseeventfollowup",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "disease_relatedness__in",
                        ["certain", "probable", "possible", "unlikely", "conditional", "unassessable", ""],
                    )
                ),
                name="adverseeventfollowup_disease_relatedness_is_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="adverseeventfollowup",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("grade_scale__in", ["CTCAE-5", "CTCAE-6", "ASTCT", "ICAHT", "LICATS", ""])
                ),
                name="adverseeventfollowup_grade_scale_is_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="adverseeventfollowup",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "relatedness__in",
                        ["certain", "probable", "possible", "unlikely", "conditional", "unassessable", ""],
                    )
                ),
                name="adverseeventfollowup_relatedness_is_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="adverseeventfollowup",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("grade__isnull", True), models.Q(("grade__gte", 1), ("grade__lte", 5)), _connector="OR"
                ),
                name="follow_up_grade_is_1_to_5",
            ),
        ),
        migrations.AddConstraint(
            model_name="adverseeventfollowup",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("seriousness__isnull", True),
                    (
                        "seriousness__contained_by",
                        [
                            "death",
                            "life_threatening",
                            "hospitalisation",
                            "disability",
                            "congenital",
                            "important",
                        ],
                    ),
                    _connector="OR",
                ),
                name="follow_up_seriousness_is_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="adverseeventfollowup",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("serious__isnull", True), ("seriousness__isnull", True)),
                    models.Q(
                        ("serious", False),
                        ("serious__isnull", False),
                        ("seriousness", []),
                        ("seriousness__isnull", False),
                    ),
                    models.Q(("serious", True), ("serious__isnull", False), ("seriousness__isnull", False)),
                    _connector="OR",
                ),
                name="follow_up_criteria_come_with_serious",
            ),
        ),
        migrations.AddConstraint(
            model_name="adverseeventfollowup",
            constraint=models.CheckConstraint(
                condition=models.Q(("ended_on__regex", "^(\\d{4}(-\\d{2}(-\\d{2})?)?)?$")),
                name="follow_up_end_is_iso",
            ),
        ),
        migrations.AddConstraint(
            model_name="adverseeventfollowup",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("ended_on", ""), ("still_ongoing__isnull", True)),
                    models.Q(("ended_on", ""), ("still_ongoing", True), ("still_ongoing__isnull", False)),
                    models.Q(
                        ("still_ongoing", False),
                        ("still_ongoing__isnull", False),
                        models.Q(("ended_on", ""), _negated=True),
                    ),
                    _connector="OR",
                ),
                name="follow_up_end_and_ongoing_agree",
            ),
        ),
        migrations.AddConstraint(
            model_name="adverseeventfollowup",
            constraint=models.UniqueConstraint(
                fields=("event", "visit"), name="event_is_asked_once_at_a_visit"
            ),
        ),
        migrations.CreateModel(
            name="CrsDetails",
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
                ("number", models.PositiveSmallIntegerField()),
                ("has_fever", models.BooleanField(blank=True, null=True)),
                ("is_fever_explained", models.BooleanField(blank=True, null=True)),
                ("antipyretics_given", models.BooleanField(blank=True, null=True)),
                ("tocilizumab_given", models.BooleanField(blank=True, null=True)),
                ("steroids_given", models.BooleanField(blank=True, null=True)),
                (
                    "hypotension",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("none", "None"),
                            ("no_vasopressor", "Yes, no vasopressor needed"),
                            ("one_vasopressor", "One vasopressor, with or without vasopressin"),
                            ("several_vasopressors", "Several vasopressors, vasopressin not counted"),
                        ],
                        max_length=25,
                    ),
                ),
                (
                    "hypoxia",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("none", "None"),
                            ("low_flow", "Low-flow nasal cannula up to 6 L/min, or blow-by"),
                            (
                                "high_flow",
                                "High-flow nasal cannula above 6 L/min, face mask, non-rebreather or Venturi mask",  # noqa: E501
                            ),
                            (
                                "positive_pressure",
                                "Positive pressure: CPAP, BiPAP, intubation and ventilation",
                            ),
                        ],
                        max_length=25,
                    ),
                ),
                ("computed_grade", models.PositiveSmallIntegerField(blank=True, null=True)),
                ("grade_reason", models.CharField(blank=True, max_length=500)),
                (
                    "entered_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
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
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="registry.patient"
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("event", "number"), name="crs_details_of_a_report_are_one"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("computed_grade__isnull", True), ("computed_grade__lte", 4), _connector="OR"
                        ),
                        name="crs_details_computed_grade_is_0_to_4",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "hypotension__in",
                                ["none", "no_vasopressor", "one_vasopressor", "several_vasopressors", ""],
                            )
                        ),
                        name="crsdetails_hypotension_is_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("hypoxia__in", ["none", "low_flow", "high_flow", "positive_pressure", ""])
                        ),
                        name="crsdetails_hypoxia_is_known",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="IcansDetails",
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
                ("number", models.PositiveSmallIntegerField()),
                (
                    "ice_points",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=10), blank=True, default=list, size=None
                    ),
                ),
                ("ice_total", models.PositiveSmallIntegerField(blank=True, null=True)),
                (
                    "consciousness",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("awake", "Awakens spontaneously"),
                            ("to_voice", "Awakens to voice"),
                            ("to_touch", "Awakens only to touch"),
                            (
                                "unarousable",
                                "Unarousable, or only by vigorous or repeated touch; stupor or coma",
                            ),
                        ],
                        max_length=25,
                    ),
                ),
                (
                    "seizure",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("none", "None"),
                            (
                                "resolving",
                                "Any seizure that resolves rapidly, or non-convulsive on EEG that resolves with treatment",  # noqa: E501
                            ),
                            (
                                "prolonged",
                                "Longer than 5 minutes, or repeated without return to baseline in between",
                            ),
                        ],
                        max_length=25,
                    ),
                ),
                (
                    "motor",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("none", "None"),
                            ("deep_weakness", "Deep focal weakness such as hemiparesis or paraparesis"),
                        ],
                        max_length=25,
                    ),
                ),
                (
                    "oedema",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("none", "None"),
                            ("focal", "Focal or local oedema on imaging"),
                            (
                                "diffuse",
                                "Diffuse oedema on imaging, decerebrate or decorticate posture, sixth-nerve palsy, papilloedema or Cushing's triad",  # noqa: E501
                            ),
                        ],
                        max_length=25,
                    ),
                ),
                ("computed_grade", models.PositiveSmallIntegerField(blank=True, null=True)),
                ("grade_reason", models.CharField(blank=True, max_length=500)),
                (
                    "entered_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
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
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="registry.patient"
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("event", "number"), name="icans_details_of_a_report_are_one"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("computed_grade__isnull", True), ("computed_grade__lte", 4), _connector="OR"
                        ),
                        name="icans_details_computed_grade_is_0_to_4",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("consciousness__in", ["awake", "to_voice", "to_touch", "unarousable", ""])
                        ),
                        name="icansdetails_consciousness_is_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("seizure__in", ["none", "resolving", "prolonged", ""])),
                        name="icansdetails_seizure_is_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("motor__in", ["none", "deep_weakness", ""])),
                        name="icansdetails_motor_is_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("oedema__in", ["none", "focal", "diffuse", ""])),
                        name="icansdetails_oedema_is_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "ice_points__contained_by",
                                [
                                    "year",
                                    "month",
                                    "city",
                                    "hospital",
                                    "object_1",
                                    "object_2",
                                    "object_3",
                                    "command",
                                    "writing",
                                    "counting",
                                ],
                            )
                        ),
                        name="icans_ice_points_are_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("ice_total__isnull", True), ("ice_total__lte", 10), _connector="OR"
                        ),
                        name="icans_ice_total_is_0_to_10",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("ice_points", []),
                            models.Q(
                                (
                                    "ice_total",
                                    models.Func(
                                        models.F("ice_points"),
                                        function="cardinality",
                                        output_field=models.IntegerField(),
                                    ),
                                ),
                                ("ice_total__isnull", False),
                            ),
                            _connector="OR",
                        ),
                        name="icans_ice_total_counts_its_points",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="InfectionDetails",
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
                ("number", models.PositiveSmallIntegerField()),
                (
                    "site",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("upper_airways", "Upper airways"),
                            ("lung", "Lung"),
                            ("urinary", "Urinary tract"),
                            ("gut", "Gut"),
                            ("mouth", "Mouth or throat"),
                            ("skin", "Skin or soft tissue"),
                            ("blood", "Bloodstream"),
                            ("catheter", "Catheter"),
                            ("bone_joint", "Bone or joint"),
                            ("cns", "Central nervous system"),
                            ("eye", "Eye"),
                            ("genital", "Genital tract"),
                            ("heart", "Heart"),
                            ("disseminated", "Disseminated"),
                            ("other", "Other site"),
                            ("unknown", "Not known"),
                        ],
                        max_length=25,
                    ),
                ),
                ("site_words", models.CharField(blank=True, max_length=200)),
                ("organism", models.CharField(blank=True, max_length=200)),
                (
                    "documented",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("microbiological", "Microbiologically: the organism was found"),
                            ("clinical", "Clinically or by imaging, no organism found"),
                            ("presumed", "Presumed, such as fever treated as an infection"),
                        ],
                        max_length=25,
                    ),
                ),
                ("is_opportunistic", models.BooleanField(blank=True, null=True)),
                (
                    "treatment",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("none", "None"),
                            ("local", "Local, such as drops or cream"),
                            ("oral", "By mouth"),
                            ("intravenous", "Intravenous"),
                            ("invasive", "An invasive intervention: drainage, surgery, removal of a device"),
                        ],
                        max_length=25,
                    ),
                ),
                ("was_in_hospital", models.BooleanField(blank=True, null=True)),
                (
                    "entered_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
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
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="registry.patient"
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("event", "number"), name="infection_details_of_a_report_are_one"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "site__in",
                                [
                                    "upper_airways",
                                    "lung",
                                    "urinary",
                                    "gut",
                                    "mouth",
                                    "skin",
                                    "blood",
                                    "catheter",
                                    "bone_joint",
                                    "cns",
                                    "eye",
                                    "genital",
                                    "heart",
                                    "disseminated",
                                    "other",
                                    "unknown",
                                    "",
                                ],
                            )
                        ),
                        name="infectiondetails_site_is_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("documented__in", ["microbiological", "clinical", "presumed", ""])
                        ),
                        name="infectiondetails_documented_is_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("treatment__in", ["none", "local", "oral", "intravenous", "invasive", ""])
                        ),
                        name="infectiondetails_treatment_is_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("documented", "microbiological"), _negated=True),
                            models.Q(("organism", ""), _negated=True),
                            _connector="OR",
                        ),
                        name="infection_microbiology_names_the_organism",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="LicatsAdjudication",
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
                ("number", models.PositiveSmallIntegerField()),
                (
                    "label",
                    models.CharField(
                        choices=[
                            ("licats", "LICATS"),
                            ("flare", "Flare of the disease"),
                            ("crs", "CRS"),
                            ("infection", "Infection"),
                            ("other", "Something else"),
                            ("uncertain", "Uncertain"),
                        ],
                        max_length=25,
                    ),
                ),
                ("reason", models.CharField(max_length=1000)),
                (
                    "entered_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
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
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="registry.patient"
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("event", "number"), name="licats_adjudication_version_is_unique"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("label__in", ["licats", "flare", "crs", "infection", "other", "uncertain"])
                        ),
                        name="licatsadjudication_label_is_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("reason", ""), _negated=True),
                        name="licats_adjudication_has_a_reason",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="LicatsDetails",
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
                ("number", models.PositiveSmallIntegerField()),
                (
                    "organ",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("skin", "Skin"),
                            ("joint", "Joints"),
                            ("kidney", "Kidney"),
                            ("heart", "Heart"),
                            ("lung", "Lung"),
                            ("muscle", "Muscle"),
                            ("gi", "Gastrointestinal tract"),
                            ("cns", "Central nervous system"),
                            ("blood", "Blood"),
                        ],
                        max_length=10,
                    ),
                ),
                ("finding", models.CharField(blank=True, max_length=500)),
                (
                    "serology_trend",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("quiet", "Stable: anti-dsDNA not rising, C3 and C4 not falling"),
                            ("active", "Active: anti-dsDNA rising, or C3 or C4 falling"),
                            ("not_measured", "Not measured"),
                        ],
                        max_length=25,
                    ),
                ),
                (
                    "biopsy",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("not_done", "Not done"),
                            ("licats", "Done, speaks for LICATS"),
                            ("flare", "Done, speaks for a flare"),
                            ("other", "Done, shows something else"),
                            ("inconclusive", "Done, inconclusive"),
                            ("pending", "Done, result awaited"),
                        ],
                        max_length=25,
                    ),
                ),
                ("immunosuppression_started", models.BooleanField(blank=True, null=True)),
                ("resolved_without_it", models.BooleanField(blank=True, null=True)),
                (
                    "care",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("none", "None, it resolved or resolves by itself"),
                            ("outpatient", "Medicines, as an outpatient"),
                            ("hospital", "New or prolonged stay in hospital"),
                            ("intensive_care", "Intensive care"),
                        ],
                        max_length=25,
                    ),
                ),
                (
                    "investigator_label",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("licats", "LICATS"),
                            ("flare", "Flare of the disease"),
                            ("crs", "CRS"),
                            ("infection", "Infection"),
                            ("other", "Something else"),
                            ("uncertain", "Uncertain"),
                        ],
                        max_length=25,
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
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="registry.patient"
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("event", "number"), name="licats_details_of_a_report_are_one"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "organ__in",
                                [
                                    "skin",
                                    "joint",
                                    "kidney",
                                    "heart",
                                    "lung",
                                    "muscle",
                                    "gi",
                                    "cns",
                                    "blood",
                                    "",
                                ],
                            )
                        ),
                        name="licatsdetails_organ_is_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("serology_trend__in", ["quiet", "active", "not_measured", ""])),
                        name="licatsdetails_serology_trend_is_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "biopsy__in",
                                ["not_done", "licats", "flare", "other", "inconclusive", "pending", ""],
                            )
                        ),
                        name="licatsdetails_biopsy_is_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("care__in", ["none", "outpatient", "hospital", "intensive_care", ""])
                        ),
                        name="licatsdetails_care_is_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "investigator_label__in",
                                ["licats", "flare", "crs", "infection", "other", "uncertain", ""],
                            )
                        ),
                        name="licatsdetails_investigator_label_is_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("immunosuppression_started", True),
                            ("immunosuppression_started__isnull", False),
                            ("resolved_without_it", True),
                            ("resolved_without_it__isnull", False),
                            _negated=True,
                        ),
                        name="licats_resolved_without_what_was_not_started",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="MalignancyDetails",
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
                ("number", models.PositiveSmallIntegerField()),
                ("diagnosed_on", models.CharField(blank=True, max_length=10)),
                ("topography", models.CharField(blank=True, max_length=5)),
                ("morphology", models.CharField(blank=True, max_length=6)),
                (
                    "basis",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("histology", "Histology"),
                            ("cytology", "Cytology"),
                            ("flow", "Flow cytometry"),
                            ("imaging", "Imaging"),
                            ("clinical", "Clinical findings"),
                            ("death_certificate", "Death certificate"),
                            ("unknown", "Not known"),
                        ],
                        max_length=25,
                    ),
                ),
                (
                    "cell_of_origin",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("t", "T cell"),
                            ("b", "B cell"),
                            ("nk", "NK cell"),
                            ("myeloid", "Myeloid"),
                            ("plasma", "Plasma cell"),
                            ("solid", "Solid tumour"),
                            ("unknown", "Not known"),
                        ],
                        max_length=25,
                    ),
                ),
                (
                    "transgene_test",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("not_done", "Not done"),
                            ("pending", "Sent, result pending"),
                            ("negative", "Negative: transgene not found"),
                            ("positive", "Positive: transgene found"),
                            ("inconclusive", "Inconclusive"),
                        ],
                        max_length=25,
                    ),
                ),
                ("transgene_tested_on", models.CharField(blank=True, max_length=10)),
                ("transgene_source", models.CharField(blank=True, max_length=200)),
                ("source", models.CharField(blank=True, max_length=200)),
                (
                    "entered_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
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
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="registry.patient"
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("event", "number"), name="malignancy_details_of_a_report_are_one"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "basis__in",
                                [
                                    "histology",
                                    "cytology",
                                    "flow",
                                    "imaging",
                                    "clinical",
                                    "death_certificate",
                                    "unknown",
                                    "",
                                ],
                            )
                        ),
                        name="malignancydetails_basis_is_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "cell_of_origin__in",
                                ["t", "b", "nk", "myeloid", "plasma", "solid", "unknown", ""],
                            )
                        ),
                        name="malignancydetails_cell_of_origin_is_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "transgene_test__in",
                                ["not_done", "pending", "negative", "positive", "inconclusive", ""],
                            )
                        ),
                        name="malignancydetails_transgene_test_is_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("topography__regex", "^(C\\d\\d(\\.\\d)?)?$")),
                        name="malignancy_topography_is_icd_o_3",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("morphology__regex", "^([89]\\d{3}/[012369])?$")),
                        name="malignancy_morphology_is_icd_o_3",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("diagnosed_on__regex", "^(\\d{4}(-\\d{2}(-\\d{2})?)?)?$"),
                            ("transgene_tested_on__regex", "^(\\d{4}(-\\d{2}(-\\d{2})?)?)?$"),
                        ),
                        name="malignancy_dates_are_iso",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("transgene_tested_on", ""),
                            models.Q(("transgene_test__in", ["", "not_done"]), _negated=True),
                            _connector="OR",
                        ),
                        name="malignancy_test_not_done_has_no_date",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="VisitNewEvents",
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
                ("has_new_events", models.BooleanField()),
                (
                    "entered_by",
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
                    "visit",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="new_events_answer",
                        to="registry.visit",
                    ),
                ),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.RunSQL((SQL / "events.sql").read_text()),
    ]
