"""What stands of an adverse event, and what belongs to its category, as columns of the adverse events.

The contract's columns stay the first report's: `grade` is the grade as first reported. `current_grade` is
what the follow-ups made of it, `highest_grade` the worst of all reports.
"""

from collections.abc import Callable, Sequence
from dataclasses import fields
from typing import Any

from django.db.models import Prefetch, prefetch_related_objects

from registry.clinical import code_lists, event_lists
from registry.models import AdverseEvent, AdverseEventFollowUp, LicatsAdjudication
from registry.models.disclosure import sponsor_may_see
from registry.models.event_details import DETAILS_OF
from registry.queries.dataset_frame import Column, Kind, Known
from registry.queries.event_chain import EventNow, chain_of, facts_of_events


def learn_chains(events: Sequence[AdverseEvent], known: Known) -> None:
    """Fold the reports of these events and look up the facts and labels that stand."""
    prefetch_related_objects(
        list(events), Prefetch("follow_ups", queryset=AdverseEventFollowUp.objects.order_by("number"))
    )
    known.more["chains"] = {event.pk: chain_of(event=event) for event in events}
    known.more["facts"] = facts_of_events(events=events)
    known.more["labels"] = dict(
        LicatsAdjudication.objects.filter(event__in=[e.pk for e in events if e.category == "licats"])
        .order_by("number")
        .values_list("event_id", "label")
    )


def follow_up_columns(report: AdverseEventFollowUp) -> dict[str, Any]:
    """What a follow-up changed of the event; None and empty for what it left alone."""
    return {
        "grade": report.grade,
        "grade_scale": report.grade_scale,
        "serious": report.serious,
        "seriousness": report.seriousness,
        "relatedness": report.relatedness,
        "ended_on": report.ended_on,
        "still_ongoing": report.still_ongoing,
    }


def facts_for_sponsors(event: AdverseEvent, known: Known) -> dict[str, Any]:
    """The facts of the category without their free text; nothing where none is answered."""
    told = _facts(event, known)
    return {name: value for name, value in told.items() if sponsor_may_see(DETAILS_OF[event.category], name)}


def _facts(event: AdverseEvent, known: Known) -> dict[str, Any]:
    facts = known.more["facts"].get(event.pk)
    if facts is None:
        return {}
    told = {field.name: getattr(facts, field.name) for field in fields(facts)}
    if facts.computed is not None:
        told["computed_grade"] = facts.computed.grade
    return {name: list(value) if isinstance(value, tuple) else value for name, value in told.items()}


def _now(name: str) -> Callable[[AdverseEvent, Known], Any]:
    def read(event: AdverseEvent, known: Known) -> Any:
        now: EventNow = known.more["chains"][event.pk].now
        value = getattr(now, name)
        return list(value) if isinstance(value, tuple) else value

    return read


def _current(name: str, kind: Kind, meaning: str, **more: Any) -> Column:
    return Column(
        f"current_{name}",
        kind,
        f"{meaning}, as it stands after the follow-up reports",
        _now(name),
        (f"AdverseEvent.{name}", f"AdverseEventFollowUp.{name}"),
        **more,
    )


def _causality(name: str, words: str) -> Column:
    return Column(
        name,
        "text",
        f"Causality of {words}, as it stands",
        _now(name),
        (f"AdverseEvent.{name}", f"AdverseEventFollowUp.{name}"),
        codes=code_lists.RELATEDNESS,
    )


CURRENT_COLUMNS: tuple[Column, ...] = (
    # The term that stands is in `follow_ups`: a text of several lines is not written twice.
    _current("grade", "integer", "Grade"),
    _current("grade_scale", "text", "Scale of the grade", codes=code_lists.GRADE_SCALES),
    Column(
        "highest_grade",
        "integer",
        "The highest grade of all reports",
        lambda event, known: known.more["chains"][event.pk].highest_grade,
        ("AdverseEvent.grade", "AdverseEventFollowUp.grade"),
    ),
    _current("serious", "boolean", "Serious"),
    _current("seriousness", "list", "Criteria of seriousness"),
    _current("relatedness", "text", "Causality", codes=code_lists.RELATEDNESS),
    _causality("lymphodepletion_relatedness", "the lymphodepletion"),
    _causality("other_drug_relatedness", "another medicine"),
    _causality("disease_relatedness", "the disease itself"),
    _current("outcome", "text", "Outcome"),
    _current("ended_on", "partial_date", "End"),
    Column(
        "is_ongoing",
        "boolean",
        "Whether no report has ended it",
        _now("is_ongoing"),
        ("AdverseEvent.ended_on", "AdverseEventFollowUp.ended_on", "AdverseEventFollowUp.still_ongoing"),
    ),
    Column(
        "details",
        "object",
        "What belongs to the category, as it stands; empty: not answered",
        _facts,
        ("InfectionDetails.site_words", "CrsDetails.grade_reason"),
    ),
    Column(
        "adjudicated_label",
        "text",
        "The latest adjudicated label of a LICATS event",
        lambda event, known: known.more["labels"].get(event.pk, ""),
        ("LicatsAdjudication.label",),
        codes=event_lists.LICATS_LABELS,
    ),
)
