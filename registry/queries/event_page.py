"""The page of one adverse event: its chain, the facts of its category, what the record says around it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import Exists, OuterRef, Q

from registry.clinical.event_facts import LicatsFacts
from registry.clinical.licats import ONSETS, Leaning, leaning, onset_class
from registry.clinical.partial_dates import PartialDate
from registry.clinical.study_days import study_day
from registry.models import (
    AdverseEvent,
    AuditEvent,
    LabResult,
    LicatsAdjudication,
    Patient,
    User,
    Visit,
    VisitNewEvents,
)
from registry.models.event_details import DETAILS_OF
from registry.queries.event_chain import (
    DetailsOfReport,
    EventChain,
    chain_of,
    day_zero_of,
    day_zeros_of,
    details_of,
    event_of,
)

# What an officer reads only after giving a label of their own.
INVESTIGATOR_LABEL = "investigator_label"
_CATEGORIES = {model._meta.db_table: category for category, model in DETAILS_OF.items()}
# What was measured near enough to the onset to speak of it.
_NEAR_ONSET = timedelta(days=28)
_SHOWN_AT_ONSET = {
    "infection": ("ANC", "IGG"),
    "licats": ("CD19", "ANTI_DSDNA", "C3", "C4"),
    "cytopenia": ("ANC", "PLT", "HGB"),
    "hypogammaglobulinaemia": ("IGG",),
}


@dataclass(frozen=True, slots=True)
class LicatsView:
    """What the record says of a LICATS event, and the labels given to it, latest first."""

    is_organ_at_baseline: bool | None
    onset: str
    days_to_resolution: int | None
    hint: Leaning
    labels: tuple[LicatsAdjudication, ...]

    @property
    def next_version(self) -> int:
        return len(self.labels) + 1


@dataclass(frozen=True, slots=True)
class Correction:
    """One change of the first report: columns with what they said and say, by whom, when, why.

    `facts`: the same of each category whose facts were corrected with it.
    """

    at: datetime
    by: str
    reason: str
    old: Mapping[str, Any]
    new: Mapping[str, Any]
    facts: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class EventPage:
    """What the page of one event shows."""

    chain: EventChain
    day_zero: date | None
    told: tuple[DetailsOfReport, ...]
    at_onset: tuple[LabResult, ...]
    licats: LicatsView | None
    corrections: tuple[Correction, ...]

    @property
    def details(self) -> DetailsOfReport | None:
        """The facts of the category that stand."""
        return self.told[-1] if self.told else None


def event_page(*, patient: Patient, event_id: int) -> EventPage | None:
    """Read the page of the patient's event of this number, or None."""
    event = event_of(patient=patient, event_id=event_id)
    if event is None:
        return None
    chain = chain_of(event=event)
    day_zero = day_zero_of(event, day_zeros_of(patient=patient))
    told = details_of(event=event)
    at_onset = _results_at_onset(event)
    licats = None
    if event.category == "licats":
        facts = told[-1].facts if told else None
        licats = _licats(
            patient, chain, day_zero, facts if isinstance(facts, LicatsFacts) else LicatsFacts(), at_onset
        )
    return EventPage(chain, day_zero, told, at_onset, licats, corrections_of(event=event))


def awaits_label_of(*, patient: Patient, user: User) -> bool:
    """Whether the patient has a LICATS event that the person has not labelled yet."""
    given = LicatsAdjudication.objects.filter(event=OuterRef("pk"), entered_by=user)
    return AdverseEvent.objects.filter(~Exists(given), patient=patient, category="licats").exists()


def corrections_of(*, event: AdverseEvent) -> tuple[Correction, ...]:
    """Return how the first report was corrected, oldest first, as the audit trail holds it.

    The report and the facts of its category that one act corrected are one correction.
    """
    events = _corrections_in_the_trail(event)
    people = User.objects.in_bulk({each.actor_id for each in events if each.actor_id}) if events else {}
    found: list[Correction] = []
    for each in events:
        by, reason = str(people.get(each.actor_id or 0, "The registry")), each.reason or ""
        if each.tbl == AdverseEvent._meta.db_table:
            found.append(Correction(each.at, by, reason, each.old or {}, each.new or {}))
            continue
        facts = {"category": _CATEGORIES[each.tbl], "old": each.old or {}, "new": each.new or {}}
        latest = found[-1] if found else None
        # The facts are written right after the report.
        if latest and not latest.facts and (latest.by, latest.reason) == (by, reason):
            found[-1] = replace(latest, facts=(facts,))
        else:
            found.append(Correction(each.at, by, reason, {}, {}, (facts,)))
    return tuple(found)


def _corrections_in_the_trail(event: AdverseEvent) -> list[AuditEvent]:
    """Return every change of the first report and of its facts; one question."""
    table = AdverseEvent._meta.db_table
    told = AuditEvent.objects.filter(
        Q(tbl=table, pk_text=str(event.pk)) | Q(tbl__in=list(_CATEGORIES)), patient_id=event.patient_id
    ).order_by("id")
    entered_at, own, found = "", set(), []
    for each in told:
        row = (each.tbl, each.pk_text)
        if each.tbl == table:
            entered_at = (each.new or {}).get("entered_at", entered_at) if each.op == "I" else entered_at
            if each.op == "U":
                found.append(each)
        elif each.op == "I":
            new = each.new or {}
            if (new["event_id"], new["number"]) == (event.pk, 0):
                own.add(row)
                # What was told with the report is none; what a correction added later is.
                if new["entered_at"] != entered_at:
                    found.append(each)
        elif row in own:
            found.append(each)
    return found


def new_events_answer(*, visit: Visit) -> bool | None:
    """Return what the visit answered about new events, None when it was not asked."""
    answer: VisitNewEvents | None = getattr(visit, "new_events_answer", None)
    return answer.has_new_events if answer is not None else None


def _results_at_onset(event: AdverseEvent) -> tuple[LabResult, ...]:
    """Per analyte that matters to the category the current result nearest to an onset known to the day."""
    wanted = _SHOWN_AT_ONSET.get(event.category)
    if wanted is None or len(event.started_on) != 10:
        return ()
    onset = date.fromisoformat(event.started_on)
    results = LabResult.objects.filter(
        patient_id=event.patient_id,
        analyte__in=wanted,
        collected_on__range=(onset - _NEAR_ONSET, onset + _NEAR_ONSET),
        superseded_at__isnull=True,
    )
    nearest: dict[str, LabResult] = {}
    # Of two as near, the one before the onset; of one day the lower.
    for result in sorted(
        results,
        key=lambda r: (abs(r.collected_on - onset), r.collected_on > onset, r.value),
    ):
        nearest.setdefault(result.analyte, result)
    return tuple(nearest[analyte] for analyte in wanted if analyte in nearest)


def _licats(
    patient: Patient,
    chain: EventChain,
    day_zero: date | None,
    facts: LicatsFacts,
    at_onset: tuple[LabResult, ...],
) -> LicatsView:
    is_at_baseline = facts.organ in patient.organs_at_baseline if facts.organ else None
    if not patient.organs_at_baseline:
        is_at_baseline = None  # nobody recorded the organs: not the same as none
    started = PartialDate.parse(chain.event.started_on) if chain.event.started_on else None
    onset = ""
    if started is not None and started.is_complete and day_zero is not None:
        onset = ONSETS.get(onset_class(started_on=started.earliest, day_zero=day_zero) or "", "")
    b_cells = next((result for result in at_onset if result.analyte == "CD19"), None)
    return LicatsView(
        is_organ_at_baseline=is_at_baseline,
        onset=onset,
        days_to_resolution=_days_between(started, chain.now.ended_on),
        hint=leaning(
            is_organ_at_baseline=is_at_baseline,
            b_cells_per_ul=Decimal(b_cells.value) if b_cells else None,
            is_below_range=bool(b_cells and b_cells.comparator == "<"),
            serology=facts.serology_trend,
            immunosuppression_started=facts.immunosuppression_started,
            resolved_without_it=facts.resolved_without_it,
        ),
        labels=tuple(
            LicatsAdjudication.objects.filter(event=chain.event)
            .select_related("entered_by")
            .order_by("-number")
        ),
    )


def _days_between(started: PartialDate | None, ended_on: str) -> int | None:
    ended = PartialDate.parse(ended_on) if ended_on else None
    if started is None or ended is None or not (started.is_complete and ended.is_complete):
        return None
    return study_day(ended.earliest, day_zero=started.earliest)
