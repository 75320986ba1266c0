"""What belongs to one category of adverse event alone, as each report of the chain told it.

A row belongs to a report: `number` 0 to the first report, n to follow-up n. What stands is the row of the
highest number; an earlier one is superseded by it and stays as it was written.
"""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Func, Q

from registry.clinical import code_lists, event_lists
from registry.models.adverse_event import AdverseEvent
from registry.models.constraints import one_of
from registry.models.patient import Patient
from registry.models.visit import Entered, Visit

_PARTIAL_DATE = r"^(\d{4}(-\d{2}(-\d{2})?)?)?$"


def _code(codes: code_lists.CodeList) -> "models.CharField[str, str]":
    return models.CharField(max_length=25, blank=True, choices=list(codes.items()))


class EventDetails(Entered):
    """Details that one report of an event brought."""

    event = models.ForeignKey(AdverseEvent, on_delete=models.PROTECT, related_name="+", db_index=False)
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="+")
    number = models.PositiveSmallIntegerField()

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self.event_id}/{self.number}"


def _one_of_a_report(table: str) -> models.UniqueConstraint:
    return models.UniqueConstraint(fields=["event", "number"], name=f"{table}_of_a_report_are_one")


def _computed_1_to_4(table: str) -> models.CheckConstraint:
    return models.CheckConstraint(
        name=f"{table}_computed_grade_is_0_to_4",
        condition=Q(computed_grade__isnull=True) | Q(computed_grade__lte=4),
    )


class CrsDetails(EventDetails):
    """The components of a CRS and the ASTCT grade computed from them; 0: not CRS, empty: answers missing.

    `grade_reason`: why the reported grade is another one.
    """

    has_fever = models.BooleanField(null=True, blank=True)
    is_fever_explained = models.BooleanField(null=True, blank=True)
    antipyretics_given = models.BooleanField(null=True, blank=True)
    tocilizumab_given = models.BooleanField(null=True, blank=True)
    steroids_given = models.BooleanField(null=True, blank=True)
    hypotension = _code(event_lists.HYPOTENSION)
    hypoxia = _code(event_lists.HYPOXIA)
    computed_grade = models.PositiveSmallIntegerField(null=True, blank=True)
    grade_reason = models.CharField(max_length=500, blank=True)

    class Meta:
        constraints = [
            _one_of_a_report("crs_details"),
            _computed_1_to_4("crs_details"),
            one_of("hypotension", event_lists.HYPOTENSION, table="crsdetails", or_empty=True),
            one_of("hypoxia", event_lists.HYPOXIA, table="crsdetails", or_empty=True),
        ]


class IcansDetails(EventDetails):
    """The domains of an ICANS and the ASTCT grade computed from them; 0: no ICANS, empty: answers missing.

    `ice_points`: the items that gave a point; empty also when only the total is known.
    """

    ice_points = ArrayField(models.CharField(max_length=10), default=list, blank=True)
    ice_total = models.PositiveSmallIntegerField(null=True, blank=True)
    consciousness = _code(event_lists.CONSCIOUSNESS)
    seizure = _code(event_lists.SEIZURE)
    motor = _code(event_lists.MOTOR)
    oedema = _code(event_lists.OEDEMA)
    computed_grade = models.PositiveSmallIntegerField(null=True, blank=True)
    grade_reason = models.CharField(max_length=500, blank=True)

    class Meta:
        constraints = [
            _one_of_a_report("icans_details"),
            _computed_1_to_4("icans_details"),
            one_of("consciousness", event_lists.CONSCIOUSNESS, table="icansdetails", or_empty=True),
            one_of("seizure", event_lists.SEIZURE, table="icansdetails", or_empty=True),
            one_of("motor", event_lists.MOTOR, table="icansdetails", or_empty=True),
            one_of("oedema", event_lists.OEDEMA, table="icansdetails", or_empty=True),
            models.CheckConstraint(
                name="icans_ice_points_are_known",
                condition=Q(ice_points__contained_by=list(event_lists.ICE_POINTS)),
            ),
            models.CheckConstraint(
                name="icans_ice_total_is_0_to_10",
                condition=Q(ice_total__isnull=True) | Q(ice_total__lte=10),
            ),
            models.CheckConstraint(
                name="icans_ice_total_counts_its_points",
                condition=Q(ice_points=[])
                | Q(
                    ice_total__isnull=False,
                    ice_total=Func(
                        F("ice_points"), function="cardinality", output_field=models.IntegerField()
                    ),
                ),
            ),
        ]


class InfectionDetails(EventDetails):
    """Where an infection was, what caused it, how that is known, how it was treated."""

    site = _code(event_lists.INFECTION_SITES)
    site_words = models.CharField(max_length=200, blank=True)
    organism = models.CharField(max_length=200, blank=True)
    documented = _code(event_lists.DOCUMENTED)
    is_opportunistic = models.BooleanField(null=True, blank=True)
    treatment = _code(event_lists.ANTIMICROBIALS)
    was_in_hospital = models.BooleanField(null=True, blank=True)

    class Meta:
        constraints = [
            _one_of_a_report("infection_details"),
            one_of("site", event_lists.INFECTION_SITES, table="infectiondetails", or_empty=True),
            one_of("documented", event_lists.DOCUMENTED, table="infectiondetails", or_empty=True),
            one_of("treatment", event_lists.ANTIMICROBIALS, table="infectiondetails", or_empty=True),
            models.CheckConstraint(
                name="infection_microbiology_names_the_organism",
                condition=~Q(documented="microbiological") | ~Q(organism=""),
            ),
        ]


class LicatsDetails(EventDetails):
    """A local toxicity or flare with the investigator's label. What the record tells is not asked again."""

    organ = models.CharField(max_length=10, blank=True, choices=list(code_lists.ORGANS.items()))
    finding = models.CharField(max_length=500, blank=True)
    serology_trend = _code(event_lists.SEROLOGY_TRENDS)
    biopsy = _code(event_lists.BIOPSIES)
    immunosuppression_started = models.BooleanField(null=True, blank=True)
    resolved_without_it = models.BooleanField(null=True, blank=True)
    care = _code(event_lists.LICATS_CARE)
    investigator_label = _code(event_lists.LICATS_LABELS)

    class Meta:
        constraints = [
            _one_of_a_report("licats_details"),
            one_of("organ", code_lists.ORGANS, table="licatsdetails", or_empty=True),
            one_of("serology_trend", event_lists.SEROLOGY_TRENDS, table="licatsdetails", or_empty=True),
            one_of("biopsy", event_lists.BIOPSIES, table="licatsdetails", or_empty=True),
            one_of("care", event_lists.LICATS_CARE, table="licatsdetails", or_empty=True),
            one_of("investigator_label", event_lists.LICATS_LABELS, table="licatsdetails", or_empty=True),
            models.CheckConstraint(
                name="licats_resolved_without_what_was_not_started",
                condition=~Q(
                    immunosuppression_started__isnull=False,
                    immunosuppression_started=True,
                    resolved_without_it__isnull=False,
                    resolved_without_it=True,
                ),
            ),
        ]


class MalignancyDetails(EventDetails):
    """The diagnosis of a malignancy and the test of its cells for the CAR transgene."""

    diagnosed_on = models.CharField(max_length=10, blank=True)
    topography = models.CharField(max_length=5, blank=True)
    morphology = models.CharField(max_length=6, blank=True)
    basis = _code(event_lists.BASES)
    cell_of_origin = _code(event_lists.CELLS_OF_ORIGIN)
    transgene_test = _code(event_lists.TRANSGENE_TESTS)
    transgene_tested_on = models.CharField(max_length=10, blank=True)
    transgene_source = models.CharField(max_length=200, blank=True)
    source = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints = [
            _one_of_a_report("malignancy_details"),
            one_of("basis", event_lists.BASES, table="malignancydetails", or_empty=True),
            one_of("cell_of_origin", event_lists.CELLS_OF_ORIGIN, table="malignancydetails", or_empty=True),
            one_of("transgene_test", event_lists.TRANSGENE_TESTS, table="malignancydetails", or_empty=True),
            models.CheckConstraint(
                name="malignancy_topography_is_icd_o_3", condition=Q(topography__regex=r"^(C\d\d(\.\d)?)?$")
            ),
            models.CheckConstraint(
                name="malignancy_morphology_is_icd_o_3",
                condition=Q(morphology__regex=r"^([89]\d{3}/[012369])?$"),
            ),
            models.CheckConstraint(
                name="malignancy_dates_are_iso",
                condition=Q(diagnosed_on__regex=_PARTIAL_DATE) & Q(transgene_tested_on__regex=_PARTIAL_DATE),
            ),
            models.CheckConstraint(
                name="malignancy_test_not_done_has_no_date",
                condition=Q(transgene_tested_on="") | ~Q(transgene_test__in=["", "not_done"]),
            ),
        ]


class LicatsAdjudication(EventDetails):
    """A safety officer's label of a LICATS event, beside the investigator's. `number`: version from 1."""

    label = models.CharField(max_length=25, choices=list(event_lists.LICATS_LABELS.items()))
    reason = models.CharField(max_length=1000)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["event", "number"], name="licats_adjudication_version_is_unique"),
            one_of("label", event_lists.LICATS_LABELS, table="licatsadjudication"),
            models.CheckConstraint(name="licats_adjudication_has_a_reason", condition=~Q(reason="")),
        ]


class VisitNewEvents(Entered):
    """The answer at a visit: were there adverse events since the last one that are not reported yet?"""

    visit = models.OneToOneField(Visit, on_delete=models.PROTECT, related_name="new_events_answer")
    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="+")
    has_new_events = models.BooleanField()

    def __str__(self) -> str:
        return f"{self.visit_id}: {'yes' if self.has_new_events else 'no'}"


# One table for each category that has facts of its own.
DETAILS_OF: dict[str, type[EventDetails]] = {
    "crs": CrsDetails,
    "icans": IcansDetails,
    "infection": InfectionDetails,
    "licats": LicatsDetails,
    "malignancy": MalignancyDetails,
}
