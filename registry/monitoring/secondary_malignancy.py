"""A candidate second primary malignancy.

Recall beats precision: a candidate goes to a person. Nothing here diagnoses.

- **MAL-1** Sources: (a) adverse events and their follow-ups: code, coded term, verbatim term, narrative;
  (b) the visit question *new malignancy since the last visit?*; (c) laboratory triggers (MAL-7); (d) cause
  of death.
- **MAL-2** Codes (`certain`). ICD-10: C00–C97 and C7A/C7B/C4A; D45, D46, D47.1, D47.3, D47.4, D47.5, D47.Z1
  (myeloproliferative, myelodysplastic, PTLD); D00–D09 in situ; D37–D48 uncertain behaviour (`possible`, also
  D49). D47.2 (MGUS) is `possible`. D10–D36, Z80–Z87 and Z12 are not candidates. ICD-O-3 behaviour /3, /6, /9
  `certain`; /2 in situ; /1 `possible`; /0 no. MedDRA: the codes of the *Malignancies* SMQ lists that the
  installation has loaded (licensed, never shipped), `certain` in the narrow scope, `possible` in the broad
  one and where a list tells of procedures, markers, conditions or unspecified malignancy only; and any AE
  whose category is `malignancy`.
- **MAL-3** Text: stems of `malignancy_terms` (a versioned, signed code list with language; English, German,
  French, Spanish and Italian), which also names the look-alikes that are no hits (tumour necrosis factor,
  tumour lysis, CA-125, osteoblast, blastomycosis, pseudolymphoma, leukaemoid, leukopenia, lymphadenopathy …),
  matched on word starts after Unicode NFKC, case folding and accent folding.
- **MAL-4** A text hit is dropped when its sentence negates it (`no evidence of`, `negative for`, `ruled out`,
  `denies`, `excluded` …), when it is about somebody else (`family history`, `mother`, `father`, `sister` …),
  when it is screening with a normal result, or when it is the patient's past before day 0 (`history of`,
  `h/o`, `in 2009`, `s/p` … without a word of recurrence). A dropped hit is kept with its reason and shown to
  the officer on request. Scope: the same sentence, at most **6** tokens from the cue, ended by *but*,
  *however*, *except*, `;`. A generic word (tumour, neoplasm) called benign is dropped the same way (MAL-2).
  What is denied of something else drops nothing: *infection excluded, biopsy showed lymphoma*, *no metastases
  from the carcinoma*, *no change in known lymphoma*.
- **MAL-5** Uncertain words (`rule out`, `possible`, `suspicious for`, `cannot be excluded`, `?`, `suspected`
  …) make the candidate `possible`, never drop it. Text without them is `certain` only when the AE category
  or a code agrees, otherwise `possible`.
- **MAL-6** Onset. Only events with onset on or after day 0, or without a known onset, are candidates; a
  partial date is the interval of days it could be and is a candidate when any of them is on or after day 0.
  An AE that began before day 0 is a candidate only with a word of recurrence, progression or transformation,
  labelled `pre-existing`. Day 0 is here the patient's first.
- **MAL-7** Laboratory triggers, all `possible` except L3: **T2** two CAR transgene results at least **14**
  days apart that are both at least **10×** the lowest earlier value after day 30; **T4** lymphocytes >
  **4.0** ×10⁹/L after day 90 in two results at least 14 days apart; **L2** a `certain` episode of rule 2 with
  a low day after day 90, in two or more lineages that overlap in time, or in one lineage with a later or
  same-day MCV > **100** fL or at least **5** fL above the last MCV before day 0; **L3** blasts in blood ≥
  **5** % once (`certain` trigger) or ≥ **1** % in two results at least 7 days apart (`possible`).
- **MAL-8** Class, shown first: `t_cell` (C84, C86, C91.5, C91.6, C83.5; terms T-cell lymphoma, PTCL, CTCL,
  mycosis fungoides, Sézary, T-LGL, T-ALL, ALCL …), `myeloid` (C92–C94, C93.1, D45, D46, D47.1, D47.3–D47.5),
  `lymphoid` (other C81–C96, D47.Z1), `solid`, `skin_non_melanoma` (C44), `in_situ`, `uncertain`,
  `unspecified`. A code gives the class before words do, but a T-cell term makes a less exact code `t_cell`.
- **MAL-9** Severity: `critical` for `t_cell`, `myeloid` and L3; `high` for other `certain`; `medium` for
  `possible`, `in_situ` and `skin_non_melanoma`.
- **MAL-10** Subject: the source (`adverse_event:<id>`, `visit_question:<visit>`, `trigger:T2`,
  `cause_of_death`). One source, one candidate; several candidates of one patient are shown together and can
  be joined into one case by the officer. Unscheduled visits of one day 0 are one source.
- **MAL-11** Each finding says which source, which words or code, which list version, latency from day 0 in
  days, and for dropped hits why.

Source: rules.md section 4; clinical-reference.md 4.2 to 4.5.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from itertools import groupby
from typing import Literal

from registry.clinical.negation import JudgedHit, says_recurrence
from registry.clinical.study_days import course_of
from registry.clinical.terms import MalignancyClass, find_terms, first_class
from registry.monitoring import malignancy_codes, malignancy_text
from registry.monitoring.evidence import (
    Certainty,
    Event,
    EventReport,
    Finding,
    History,
    RecordedVisit,
    Severity,
)
from registry.monitoring.malignancy_codes import CodeHit, find_code
from registry.monitoring.malignancy_triggers import Trigger, TriggerLimits, triggers
from registry.monitoring.rule import Change, Needs, Rule

Source = Literal["adverse_event", "visit_question", "trigger", "cause_of_death"]

# A code of these classes is vague enough for a T-cell term beside it to say more (MAL-8).
_LESS_EXACT_THAN_T_CELL = frozenset({"lymphoid", "uncertain", "unspecified", "skin_non_melanoma"})


@dataclass(frozen=True, slots=True)
class Limits:
    """The bold numbers of MAL-7. The reach of a cue (MAL-4) belongs to the cue list and its version."""

    triggers: TriggerLimits = field(default_factory=TriggerLimits)


@dataclass(frozen=True, slots=True)
class DroppedHit:
    """A term that made no candidate, for who asks to see it: its source and the reason (MAL-4)."""

    subject: str
    words: str
    reason: str
    cue: str


def judge(history: History, as_of: date, limits: Limits) -> tuple[Finding, ...]:
    """Return one candidate for each source that names or suggests a malignancy (MAL-10)."""
    return (
        *(finding for event in _events(history) for finding in _event_findings(history, event)),
        *(finding for visits in _visits_by_subject(history) for finding in _visit_findings(history, visits)),
        *_death_findings(history),
        *(
            _trigger_finding(trigger)
            for trigger in triggers(history=history, as_of=as_of, limits=limits.triggers)
        ),
    )


def dropped_hits(*, history: History) -> tuple[DroppedHit, ...]:
    """Return every dropped hit of a patient, also of sources without a finding (MAL-4).

    `history` shows nothing later than the day one asks about: `history.as_of(day)`.
    """
    day_zero = _first_day_zero(history)
    texts = [(_event_subject(event), _texts_of(event.reports)) for event in _events(history)]
    texts += [
        (_visit_subject(visits[0]), [visit.new_malignancy_text for visit in visits])
        for visits in _visits_by_subject(history)
    ]
    texts.append(("cause_of_death", [history.cause_of_death]))
    return tuple(
        DroppedHit(subject=subject, words=hit["words"], reason=hit["reason"], cue=hit["cue"])
        for subject, group in texts
        for hit in malignancy_text.read(texts=group, day_zero=day_zero).dropped_as_json
    )


def _event_findings(history: History, event: Event) -> Iterable[Finding]:
    """MAL-1 (a)."""
    first = _first_day_zero(history)
    texts = malignancy_text.read(texts=_texts_of(event.reports), day_zero=first)
    codes = [hit for report in event.reports if (hit := _code_of(report)) is not None]
    # An event none of whose reports had come in by the as-of date is not seen (G-2).
    is_malignancy = event.category == "malignancy" and bool(event.reports)
    if not (is_malignancy or codes or texts.kept):
        return
    onset = event.started_on
    began_before = onset is not None and onset.latest < first
    if began_before and not any(says_recurrence(text=text) for text in _texts_of(event.reports)):
        return
    agrees = is_malignancy or any(code.certainty == "certain" for code in codes)
    certainty = texts.certainty(agrees=agrees)
    malignancy_class = _class_of(codes, [*texts.classes, *_classes_of_entries(event)])
    day_zero, latency_days = first, None
    if onset is not None:
        day_zero = course_of(onset.earliest, day_zeros=history.day_zeros) or first
        latency_days = (onset.earliest - day_zero).days
        if not began_before:
            latency_days = max(latency_days, 0)
    is_pre_existing = began_before or any(hit.is_recurrence for hit in texts.kept)
    reported = [
        report.reported_on
        for report in event.reports
        if report.reported_on is not None and (is_malignancy or _contributes(report, first))
    ]
    earliest = onset.earliest if onset is not None else None
    yield Finding(
        subject=_event_subject(event),
        certainty=certainty,
        severity=_severity(malignancy_class, certainty),
        day_zero=day_zero,
        first_on=earliest,
        last_on=max([*reported, *([earliest] if earliest is not None else [])], default=day_zero),
        evidence=_evidence(
            source="adverse_event",
            source_id=event.event_id,
            malignancy_class=malignancy_class,
            matched=[*dict.fromkeys(code.code for code in codes), *texts.words],
            onset=str(onset) if onset is not None else None,
            latency_days=latency_days,
            labels=["pre-existing"] if is_pre_existing else [],
            dropped=texts.dropped_as_json,
            dictionaries=[
                name
                for report in event.reports
                if report.entry is not None and _code_of(report) is not None
                for name in (malignancy_codes.smq_list_version(), report.entry.dictionary)
            ],
        ),
    )


def _visit_findings(history: History, visits: list[RecordedVisit]) -> Iterable[Finding]:
    """MAL-1 (b): a *yes* is a candidate whatever its text, a text that names one whatever was ticked.

    Without a code the site's word is not proof: `possible` (MAL-5).
    """
    first = _first_day_zero(history)
    telling = [
        visit
        for visit in visits
        if visit.new_malignancy
        or (
            visit.new_malignancy_text
            and malignancy_text.read(texts=[visit.new_malignancy_text], day_zero=first).kept
        )
    ]
    if not telling:
        return
    texts = malignancy_text.read(texts=[visit.new_malignancy_text for visit in telling], day_zero=first)
    malignancy_class = first_class(texts.classes)
    # A visit declared missed may have no date; it belongs to its course all the same.
    dates = [visit.visited_on or visit.day_zero for visit in telling]
    visit = telling[0]
    yield Finding(
        subject=_visit_subject(visit),
        certainty="possible",
        severity=_severity(malignancy_class, "possible"),
        day_zero=visit.day_zero,
        first_on=min(dates),
        last_on=max(dates),
        evidence=_evidence(
            source="visit_question",
            source_id=_visit_subject(visit).partition(":")[2],
            malignancy_class=malignancy_class,
            matched=texts.words or ["yes"],
            onset=min(dates).isoformat(),
            latency_days=max((min(dates) - visit.day_zero).days, 0),
            labels=["pre-existing"] if any(hit.is_recurrence for hit in texts.kept) else [],
            dropped=texts.dropped_as_json,
        ),
    )


def _death_findings(history: History) -> Iterable[Finding]:
    """MAL-1 (d)."""
    died_on = history.follow_up_ended_on
    if died_on is None or history.follow_up_end_reason != "death":
        return
    texts = malignancy_text.read(texts=[history.cause_of_death], day_zero=_first_day_zero(history))
    if not texts.kept:
        return
    malignancy_class = first_class(texts.classes)
    day_zero = course_of(died_on, day_zeros=history.day_zeros) or _first_day_zero(history)
    yield Finding(
        subject="cause_of_death",
        certainty="possible",
        severity=_severity(malignancy_class, "possible"),
        day_zero=day_zero,
        first_on=died_on,
        last_on=died_on,
        evidence=_evidence(
            source="cause_of_death",
            source_id="",
            malignancy_class=malignancy_class,
            matched=texts.words,
            onset=died_on.isoformat(),
            latency_days=max((died_on - day_zero).days, 0),
            labels=["pre-existing"] if any(hit.is_recurrence for hit in texts.kept) else [],
            dropped=texts.dropped_as_json,
        ),
    )


def _trigger_finding(trigger: Trigger) -> Finding:
    """MAL-1 (c). A result names no class, but blasts are as urgent as a leukaemia (MAL-9)."""
    severity: Severity = "critical" if trigger.key == "L3" else _severity("unspecified", trigger.certainty)
    return Finding(
        subject=f"trigger:{trigger.key}",
        certainty=trigger.certainty,
        severity=severity,
        day_zero=trigger.day_zero,
        first_on=trigger.first_on,
        last_on=trigger.last_on,
        evidence=_evidence(
            source="trigger",
            source_id=trigger.key,
            malignancy_class="unspecified",
            matched=list(trigger.matched),
            onset=trigger.first_on.isoformat(),
            latency_days=(trigger.first_on - trigger.day_zero).days,
            labels=[],
            dropped=[],
        ),
    )


def _evidence(
    *,
    source: Source,
    source_id: str,
    malignancy_class: MalignancyClass,
    matched: list[str],
    onset: str | None,
    latency_days: int | None,
    labels: list[str],
    dropped: list[dict[str, str]],
    dictionaries: Iterable[str] = (),
) -> dict[str, object]:
    """Return the evidence of contract.md section 4 (MAL-11)."""
    return {
        "source": source,
        "source_id": source_id,
        "class": malignancy_class,
        "matched": matched,
        "list_version": ", ".join([list_versions(), *dict.fromkeys(dictionaries)]),
        "onset": onset,
        "latency_days": latency_days,
        "labels": labels,
        "dropped": dropped,
    }


def list_versions() -> str:
    """Name the versions of the term, cue and code lists in force (MAL-11)."""
    return f"{malignancy_text.list_version()}, {malignancy_codes.list_version()}"


def _class_of(codes: list[CodeHit], words: Sequence[MalignancyClass]) -> MalignancyClass:
    """MAL-8; `words`: the classes that words name."""
    if not codes:
        return first_class(words)
    coded = first_class([code.class_beside(words) for code in codes])
    return "t_cell" if coded in _LESS_EXACT_THAN_T_CELL and "t_cell" in words else coded


def _classes_of_entries(event: Event) -> list[MalignancyClass]:
    """What the dictionary's own terms for the codes of an event name."""
    return [
        hit.malignancy_class
        for report in event.reports
        if report.entry is not None and _code_of(report) is not None
        for hit in find_terms(text=report.entry.term).hits
    ]


def _severity(malignancy_class: MalignancyClass, certainty: Certainty) -> Severity:
    """MAL-9."""
    if malignancy_class in ("t_cell", "myeloid"):
        return "critical"
    if malignancy_class in ("in_situ", "skin_non_melanoma"):
        return "medium"
    return "high" if certainty == "certain" else "medium"


def _texts_of(reports: Iterable[EventReport]) -> list[str]:
    return [text for report in reports for text in (report.term, report.coded_term, report.narrative) if text]


def _code_of(report: EventReport) -> CodeHit | None:
    return find_code(
        code_system=report.code_system,
        code=report.code,
        groups=report.entry.groups if report.entry is not None else (),
    )


def _contributes(report: EventReport, day_zero: date) -> bool:
    kept: tuple[JudgedHit, ...] = malignancy_text.read(texts=_texts_of([report]), day_zero=day_zero).kept
    return bool(kept) or _code_of(report) is not None


def _first_day_zero(history: History) -> date:
    return min(history.day_zeros)


def _events(history: History) -> list[Event]:
    return sorted(history.events, key=lambda event: event.event_id)


def _event_subject(event: Event) -> str:
    return f"adverse_event:{event.event_id}"


def _visit_subject(visit: RecordedVisit) -> str:
    return f"visit_question:{visit.code}@{visit.day_zero.isoformat()}"


def _visits_by_subject(history: History) -> list[list[RecordedVisit]]:
    """Return the visits of each subject, oldest first."""
    ordered = sorted(
        history.visits,
        key=lambda visit: (visit.day_zero, visit.code, visit.visited_on or visit.day_zero, visit.visit_id),
    )
    return [list(group) for _, group in groupby(ordered, key=_visit_subject)]


CHANGES = (Change(version=1, on=date(2026, 11, 22), what="First version."),)

RULE = Rule(
    key="secondary_malignancy",
    version=1,
    limits=Limits(),
    judge=judge,
    needs=Needs(
        any_of=(
            "malignancy_report",
            "malignancy_answer",
            "malignancy_death",
            "transgene_rise",
            "high_lymphocytes",
            "late_prolonged_counts",
            "blasts",
        )
    ),
    reads_labs=("CAR_DNA", "ALC", "BLASTS", "MCV", "ANC", "PLT", "HGB"),
    identity="subject",
    changes=CHANGES,
    title="Candidate second primary malignancy",
    lists=list_versions,
    # Read again with newer lists, what says the same is no new evidence (G-8).
    clock_keys=frozenset({"list_version"}),
)

CANDIDATES = (
    RULE.proposed(
        version=2,
        limits=Limits(triggers=TriggerLimits(lymphocytes_over_10e9_per_l=Decimal("5.0"))),
        on=date(2026, 11, 22),
        why="T4 at the count from which a lymphocytosis is worked up for a clone: fewer reactive ones.",
    ),
)
