"""What a person may ask about from where they stand: the facts of one form, or those an alert rests on."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from registry.clinical.facts import FIELDS, RESULT_FIELD, Fact, NotAFact, parse_fact
from registry.models import Alert, LabResult, Patient
from registry.monitoring.data_questions import COUNTS
from registry.queries.fact_values import FactShown, facts_shown, original_of, original_results

_MOST_RESULTS = 40


def choices_around(*, patient: Patient, fact: Fact) -> tuple[FactShown, ...]:
    """Return the facts that share a form with this one, the form itself first."""
    if fact.kind in ("result", "alert"):
        return _shown(patient, [original_of(fact=fact)])
    form = fact.form
    fields = [replace(form, field=field) for field in FIELDS[fact.kind]]
    known = [form, *fields] if fact.kind != "patient" else fields
    if fact.kind == "visit":
        known += _results_of_visit(patient, form)
    if fact not in known:
        known.append(fact)
    return _shown(patient, known)


def choices_of_alert(*, alert: Alert) -> tuple[FactShown, ...]:
    """Return what may be asked from an alert's page: the alert as a whole, then what it rests on."""
    whole = Fact("alert", str(alert.public_id))
    return _shown(alert.patient, [whole, *_rests_on(alert)])


def label_of(shown: FactShown) -> str:
    """A choice in one line: the fact, and what stands there."""
    return f"{shown.words}: {shown.value}" if shown.value else shown.words


def _shown(patient: Patient, facts: Iterable[Fact]) -> tuple[FactShown, ...]:
    wanted = list(dict.fromkeys(facts))
    found = facts_shown(places=[(patient.pk, fact.key) for fact in wanted])
    return tuple(found[patient.pk, fact.key] for fact in wanted if (patient.pk, fact.key) in found)


def _results_of_visit(patient: Patient, form: Fact) -> list[Fact]:
    """The results that the visit brought, and the counts that it should have brought."""
    if form.day_zero is None:
        return []
    found = LabResult.objects.filter(
        patient=patient,
        superseded_at__isnull=True,
        visit__course__day_zero=form.day_zero,
        visit__code=form.name,
    )
    if form.row is not None:
        found = found.filter(visit=form.row)
    rows = list(found.order_by("pk").values_list("pk", "analyte")[:_MOST_RESULTS])
    brought = {analyte for _, analyte in rows}
    missing = [replace(form, field=f"{RESULT_FIELD}{key}") for key in COUNTS if key not in brought]
    return [*_results([pk for pk, _ in rows]), *missing]


def _results(pks: Sequence[int]) -> list[Fact]:
    originals = original_results(pks=pks)
    return [Fact("result", row=originals[pk]) for pk in pks if pk in originals]


def _rests_on(alert: Alert) -> list[Fact]:
    evidence: Mapping[str, object] = alert.evidence
    results = evidence.get("results")
    if isinstance(results, list) and results:
        numbers = [number for number in results if isinstance(number, int)][-_MOST_RESULTS:]
        return _results(numbers[::-1])
    kind, _, name = alert.subject.partition(":")
    if alert.rule == "overdue_visit":
        return _read(f"visit:{alert.subject}")
    if kind == "visit_question":
        return _read(f"visit:{name}:new_malignancy", f"visit:{name}:new_malignancy_text")
    if kind == "adverse_event":
        return _read(*(f"event:{name}:{field}" for field in FIELDS["event"]))
    if alert.subject == "cause_of_death":
        return _read("patient:cause_of_death")
    return []


def _read(*keys: str) -> list[Fact]:
    found = []
    for key in keys:
        try:
            found.append(parse_fact(key))
        except NotAFact:
            continue  # an unscheduled visit is named by its row, which an alert does not know
    return found
