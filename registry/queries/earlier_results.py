"""What a patient had before, for the questions about a value that is being typed."""

from collections.abc import Collection, Sequence
from datetime import date

from django.db import connection

from registry.clinical.plausibility import Earlier, Reported, Unlikely, parts_exceed_whole, unlikely
from registry.models import LabResult, Patient, SupportiveTreatment

_STEPS = ("HGB", "PLT")  # what a transfusion explains


def doubts_about(
    *,
    patient: Patient,
    reported: Sequence[Reported],
    without: Collection[int] = (),
    transfusions: Collection[tuple[date, str]] = (),
) -> dict[str, Unlikely]:
    """Return the questions to ask, by analyte; of each analyte one result is `reported`.

    `without`: results that the reported ones take the place of. `transfusions`: typed and not stored yet.
    """
    before = _before(patient, reported, without)
    given = [*transfusions, *_given(patient, reported, before)]
    found = {
        each.analyte: doubt
        for each in reported
        if (doubt := unlikely(each, previous=before.get(each.analyte), transfusions=given))
    }
    by_analyte = {each.analyte: each for each in reported}
    parts = [by_analyte.get(analyte) for analyte in ("ANC", "ALC", "WBC")]
    neutrophils, lymphocytes, whites = parts
    if neutrophils and lymphocytes and whites and len({part.on for part in parts if part}) == 1:
        doubt = parts_exceed_whole(neutrophils=neutrophils, lymphocytes=lymphocytes, whites=whites)
        if doubt is not None:
            own = found.get("WBC")
            found["WBC"] = (
                doubt if own is None else Unlikely(f"{own.question} {doubt.question}", fixes=own.fixes)
            )
    return found


def results_before(
    *, patient: Patient, days: dict[str, date], without: Collection[int] = ()
) -> dict[str, LabResult]:
    """Return of each analyte the latest current result before its day."""
    if not days:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT r.id FROM unnest(%s::text[], %s::date[]) AS asked (analyte, day)
            CROSS JOIN LATERAL (
                SELECT l.id FROM registry_labresult l
                WHERE l.patient_id = %s AND l.analyte = asked.analyte AND l.collected_on < asked.day
                  AND l.superseded_at IS NULL AND l.id <> ALL (%s::bigint[])
                ORDER BY l.collected_on DESC, l.id DESC LIMIT 1
            ) AS r
            """,
            [list(days), list(days.values()), patient.pk, list(without)],
        )
        ids = [pk for (pk,) in cursor.fetchall()]
    return {result.analyte: result for result in LabResult.objects.filter(pk__in=ids)} if ids else {}


def _before(patient: Patient, reported: Sequence[Reported], without: Collection[int]) -> dict[str, Earlier]:
    found = results_before(
        patient=patient, days={each.analyte: each.on for each in reported}, without=without
    )
    return {
        analyte: Earlier(
            result.value,
            "<" if result.comparator == "<" else ">" if result.comparator == ">" else "",
            result.collected_on,
        )
        for analyte, result in found.items()
    }


def _given(
    patient: Patient, reported: Sequence[Reported], before: dict[str, Earlier]
) -> list[tuple[date, str]]:
    spans = [(before[r.analyte].on, r.on) for r in reported if r.analyte in _STEPS and r.analyte in before]
    if not spans:
        return []
    first, last = min(span[0] for span in spans), max(span[1] for span in spans)
    return list(
        SupportiveTreatment.objects.filter(
            patient=patient, given_on__gte=first, given_on__lte=last
        ).values_list("given_on", "kind")
    )


def results_numbered(*, patient: Patient, numbers: Sequence[str]) -> list[LabResult]:
    """Return the patient's current results of these numbers, as a form sends them; a forged one is none."""
    known = [int(text) for text in numbers if text.isascii() and text.isdigit() and len(text) < 19]
    if not known:
        return []
    return list(LabResult.objects.filter(patient=patient, pk__in=known, superseded_at__isnull=True))
