"""What a list may be narrowed by: a fixed list of parameters for each resource, and nothing else."""

from datetime import UTC, datetime
from typing import Any, cast

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django_filters import rest_framework as filters
from rest_framework.request import Request

from registry.api.errors import Problem, invalid_parameters, unknown_parameters
from registry.api.pagination import CURSOR, PAGE_SIZE
from registry.clinical import code_lists
from registry.clinical.analytes import ANALYTES
from registry.models import ApiKey
from registry.models.alert import CERTAINTIES, DECISIONS, SEVERITIES, STATES
from registry.monitoring.catalogue import RULES
from registry.queries import sponsor_data

_DATE = "Give a date, YYYY-MM-DD."
_INSTANT = "Give an instant with its zone, such as 2026-01-31T00:00:00Z (a plus sign is written %2B)."


class InstantField(forms.Field):
    """ISO 8601 with a zone. Without one an instant could be hours off, and changes would be missed."""

    def to_python(self, value: Any) -> datetime | None:
        if value in self.empty_values:
            return None
        try:
            at = datetime.fromisoformat(value)
        except ValueError as refusal:
            raise ValidationError(_INSTANT) from refusal
        if at.tzinfo is None or not 1900 <= at.year <= 9000:
            raise ValidationError(_INSTANT)
        return at.astimezone(UTC)


class InstantFilter(filters.Filter):
    field_class = InstantField


class CodesFilter(filters.BaseInFilter, filters.ChoiceFilter):
    """One code, or several with commas between."""

    def __init__(self, *, codes: Any, **more: Any) -> None:
        super().__init__(
            choices=[(code, code) for code in codes],
            error_messages={"invalid_choice": f"%(value)s is not one of {', '.join(codes)}."},
            **more,
        )


class TruthFilter(filters.TypedChoiceFilter):
    """`true` or `false`; anything else is refused, where the usual filter takes it for not given."""

    def __init__(self, **more: Any) -> None:
        super().__init__(
            choices=[("true", "true"), ("false", "false")],
            coerce=lambda text: text == "true",
            error_messages={"invalid_choice": "Give true or false."},
            **more,
        )


def _from(field: str) -> filters.DateFilter:
    return _date(field, "gte", f"{field} on or after this date")


def _to(field: str) -> filters.DateFilter:
    return _date(field, "lte", f"{field} on or before this date")


def _date(field: str, lookup: str, words: str) -> filters.DateFilter:
    return filters.DateFilter(
        field_name=field,
        lookup_expr=lookup,
        input_formats=["%Y-%m-%d"],
        error_messages={"invalid": _DATE},
        help_text=words,
    )


def _pseudonym(path: str = "patient__") -> filters.UUIDFilter:
    return filters.UUIDFilter(
        method="of_patient", label=path, help_text="The patient's pseudonym", error_messages=_NOT_AN_ID
    )


_NOT_AN_ID = {"invalid": "Give an id as this API wrote it."}


class StudyFilters(filters.FilterSet):
    """What every list takes. `site_path`: from the row to its site."""

    site_path = ""
    patient_path = "patient__"

    study = filters.CharFilter(method="of_study", help_text="Key of the study; 404 for any but the key's own")
    updated_since = InstantFilter(
        method="changed_since", help_text="Rows changed at this instant or later, by the audit trail"
    )

    def of_study(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        if value != self._key.study.key:
            raise Problem("unknown-study", status_code=404, detail=f"No study {value[:60]} for this key.")
        return rows

    def of_site(self, rows: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        site = sponsor_data.site_with(study_id=self._key.study_id, code=value)
        if site is None:
            raise Problem("unknown-site", status_code=404, detail=f"No site {value[:60]} for this key.")
        return rows.filter(**{self.site_path: site.pk})

    def of_patient(self, rows: QuerySet[Any], name: str, value: Any) -> QuerySet[Any]:
        return rows.filter(
            **{
                f"{self.patient_path}pseudonyms__code": value,
                f"{self.patient_path}pseudonyms__sponsor": self._key.sponsor_id,
            }
        )

    def changed_since(self, rows: QuerySet[Any], name: str, value: datetime) -> QuerySet[Any]:
        return sponsor_data.changed_since(rows, since=value)

    @property
    def _key(self) -> ApiKey:
        return cast(ApiKey, cast(Request, self.request).auth)


class StudyOfSiteFilters(StudyFilters):
    site_path = "sites"

    site = filters.CharFilter(method="of_site", help_text="Site of the study; 404 for an unknown one")


class SiteFilters(StudyFilters):
    site_path = "pk"

    site = filters.CharFilter(method="of_site", help_text="Site; 404 for an unknown one")
    country = filters.CharFilter(max_length=2, help_text="Country, ISO 3166 alpha-2")


class RecordFilters(StudyFilters):
    site_path = "patient__site"

    site = filters.CharFilter(method="of_site", help_text="Site of the patient; 404 for an unknown one")
    patient = _pseudonym()


class PatientFilters(RecordFilters):
    site_path = "site"
    patient_path = ""

    patient = _pseudonym("")
    sex = CodesFilter(codes=code_lists.SEXES)
    diagnosis = CodesFilter(codes=code_lists.DIAGNOSES)
    cohort = CodesFilter(codes=code_lists.COHORTS)
    enrolled_on_from = _from("enrolled_on")
    enrolled_on_to = _to("enrolled_on")
    follow_up_end_reason = CodesFilter(codes=code_lists.END_REASONS)


class InfusionFilters(RecordFilters):
    product = filters.CharFilter(field_name="product__code", help_text="Product")
    infused_on_from = _from("infused_on")
    infused_on_to = _to("infused_on")


class VisitFilters(RecordFilters):
    visit_code = filters.CharFilter(field_name="code", help_text="Code of the visit")
    status = CodesFilter(codes=code_lists.VISIT_STATUSES)
    visited_on_from = _from("visited_on")
    visited_on_to = _to("visited_on")


class LabResultFilters(RecordFilters):
    analyte = CodesFilter(codes=ANALYTES)
    collected_on_from = _from("collected_on")
    collected_on_to = _to("collected_on")
    superseded = TruthFilter(
        method="replaced", help_text="true: only results that were replaced; else only current ones"
    )

    def replaced(self, rows: QuerySet[Any], name: str, value: bool) -> QuerySet[Any]:
        return rows.filter(superseded_at__isnull=not value)

    def filter_queryset(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.form.cleaned_data["superseded"] in ("", None):
            queryset = queryset.filter(superseded_at__isnull=True)
        return super().filter_queryset(queryset)


class AdverseEventFilters(RecordFilters):
    category = CodesFilter(codes=code_lists.EVENT_CATEGORIES)
    serious = TruthFilter()
    grade = CodesFilter(codes=code_lists.GRADES)


class ScoreFilters(RecordFilters):
    score = CodesFilter(codes=code_lists.SCORES)
    assessed_on_from = _from("assessed_on")
    assessed_on_to = _to("assessed_on")


class AlertFilters(RecordFilters):
    rule = CodesFilter(codes=[rule.key for rule in RULES])
    state = CodesFilter(codes=STATES)
    severity = CodesFilter(codes=SEVERITIES)
    certainty = CodesFilter(codes=CERTAINTIES)


class AlertDecisionFilters(RecordFilters):
    alert = filters.UUIDFilter(
        field_name="alert__public_id", help_text="Id of the alert", error_messages=_NOT_AN_ID
    )
    rule = CodesFilter(field_name="alert__rule", codes=[rule.key for rule in RULES])
    decision = CodesFilter(codes=DECISIONS)


FILTERS: dict[str, type[StudyFilters]] = {
    "studies": StudyOfSiteFilters,
    "sites": SiteFilters,
    "patients": PatientFilters,
    "infusions": InfusionFilters,
    "visits": VisitFilters,
    "lab-results": LabResultFilters,
    "adverse-events": AdverseEventFilters,
    "scores": ScoreFilters,
    "alerts": AlertFilters,
    "alert-decisions": AlertDecisionFilters,
}


class OnlyKnownParameters(filters.DjangoFilterBackend):
    """Refuses what it does not know: a misspelled filter must not come back as the whole list."""

    def filter_queryset(self, request: Request, queryset: QuerySet[Any], view: Any) -> QuerySet[Any]:
        filterset = self.get_filterset(request, queryset, view)
        accepted = [*filterset.filters, PAGE_SIZE, CURSOR]
        refuse_unknown(request, accepted=accepted)
        if not filterset.is_valid():
            raise invalid_parameters(
                [
                    {"parameter": name, "detail": " ".join(str(text) for text in texts)}
                    for name, texts in filterset.errors.items()
                ]
            )
        return filterset.qs


def refuse_unknown(request: Request, *, accepted: list[str]) -> None:
    """Raise Problem for a parameter that the address does not take, or that is given twice."""
    given = request.query_params
    if unknown := [name[:60] for name in given if name not in accepted]:
        raise unknown_parameters(unknown=unknown, accepted=accepted)
    if twice := [name for name in given if len(given.getlist(name)) > 1]:
        raise invalid_parameters(
            [
                {"parameter": name, "detail": "Give it once, several codes with commas between."}
                for name in twice
            ]
        )
