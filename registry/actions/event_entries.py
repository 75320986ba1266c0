"""What is entered about an adverse event: completed by its own facts, what is impossible, what is asked."""

from dataclasses import dataclass, fields, replace
from datetime import date

from registry.clinical.code_lists import RELATEDNESS
from registry.clinical.entry_checks import Life, check_listed, check_text
from registry.clinical.event_doubts import DEATH_GRADE, Doubt, doubts_about, is_fatal
from registry.clinical.event_facts import Facts, LicatsFacts, MalignancyFacts
from registry.clinical.partial_dates import PartialDate
from registry.clinical.record_checks import check_event
from registry.clinical.refusals import Problem
from registry.models import AdverseEvent, Course, Patient
from registry.queries.consent import collection_problems
from registry.queries.event_chain import EventNow, chain_of, other_grade, standing_facts

_KEPT_BECAUSE_LIMIT = 500
# The categories whose grade is computed.
_COMPUTED = ("crs", "icans")


@dataclass(frozen=True, slots=True)
class EventEntry:
    """An adverse event as first reported. Partial dates as they are known.

    `relatedness` is that of the CAR T-cell product. `kept_because`: why an unlikely combination is right.
    """

    term: str
    category: str = ""
    code_system: str = ""
    code: str = ""
    grade: int | None = None
    grade_scale: str = ""
    started_on: PartialDate | None = None
    ended_on: PartialDate | None = None
    serious: bool | None = None
    seriousness: tuple[str, ...] = ()
    relatedness: str = ""
    lymphodepletion_relatedness: str = ""
    other_drug_relatedness: str = ""
    disease_relatedness: str = ""
    outcome: str = ""
    narrative: str = ""
    aware_on: date | None = None
    kept_because: str = ""
    facts: Facts | None = None


@dataclass(frozen=True, slots=True)
class FollowUpEntry:
    """A later report about an event; empty means unchanged.

    `seriousness` is told together with `serious`. `still_ongoing` is false with an end and true where an
    end that was reported before is taken back. `facts` are those of the category, whole, as they now are.
    """

    reported_on: date
    term: str = ""
    code_system: str = ""
    code: str = ""
    grade: int | None = None
    grade_scale: str = ""
    serious: bool | None = None
    seriousness: tuple[str, ...] = ()
    relatedness: str = ""
    lymphodepletion_relatedness: str = ""
    other_drug_relatedness: str = ""
    disease_relatedness: str = ""
    ended_on: PartialDate | None = None
    still_ongoing: bool | None = None
    outcome: str = ""
    narrative: str = ""
    kept_because: str = ""
    facts: Facts | None = None


def completed(entry: EventEntry) -> EventEntry:
    """Return the entry with what its facts say of it: the computed grade, the morphology as its code.

    Only what was left empty is filled in, so the record says the same in both places and asks once.
    """
    facts = entry.facts
    if facts is None:
        return entry
    if entry.grade is not None and not entry.grade_scale and facts.scale:
        entry = replace(entry, grade_scale=facts.scale)
    if entry.grade is None and (grade := _pointed(facts)):
        entry = replace(entry, grade=grade, grade_scale=facts.scale)
    if isinstance(facts, MalignancyFacts) and facts.morphology and not (entry.code or entry.code_system):
        entry = replace(entry, code_system="ICD-O-3", code=facts.morphology)
    return entry


def completed_follow_up(entry: FollowUpEntry, *, event: AdverseEvent) -> FollowUpEntry:
    """Return the report with what its facts change: a grade computed anew, another morphology."""
    if entry.ended_on is not None and entry.still_ongoing is None:
        entry = replace(entry, still_ongoing=False)
    if entry.serious is None and entry.seriousness:
        entry = replace(entry, serious=True)
    facts, now = entry.facts, chain_of(event=event).now
    if facts is None:
        scale = now.grade_scale if entry.grade is not None and not entry.grade_scale else entry.grade_scale
        return replace(entry, grade_scale=scale)
    if entry.grade is not None and not entry.grade_scale:
        entry = replace(entry, grade_scale=facts.scale or now.grade_scale)
    pointed = _pointed(facts)
    # A grade of the same scale that a person gave stands until a person changes it, save that it follows
    # what it was computed from.
    if entry.grade is None and pointed and (pointed, facts.scale) != (now.grade, now.grade_scale):
        before = standing_facts(event=event)
        if now.grade is None or (before is not None and _pointed(before) == now.grade):
            entry = replace(entry, grade=pointed, grade_scale=facts.scale)
    is_coded_anew = bool(entry.code or entry.code_system) or (now.code_system, now.code) == (
        "ICD-O-3",
        facts.morphology if isinstance(facts, MalignancyFacts) else "",
    )
    if isinstance(facts, MalignancyFacts) and facts.morphology and not is_coded_anew:
        entry = replace(entry, code_system="ICD-O-3", code=facts.morphology)
    return entry


def _pointed(facts: Facts) -> int | None:
    """The grade that facts compute, or of LICATS point to; None for no grade."""
    if isinstance(facts, LicatsFacts):
        return facts.pointed_grade
    return (facts.computed.grade or None) if facts.computed is not None else None


def event_problems(*, patient: Patient, entry: EventEntry, today: date) -> list[Problem]:
    """What makes the event impossible for this patient; fields of the facts as `crs-hypoxia`."""
    found = check_event(
        event_id="AE",
        term=entry.term,
        category=entry.category,
        code_system=entry.code_system,
        code=entry.code,
        grade=entry.grade,
        grade_scale=entry.grade_scale,
        started_on=entry.started_on,
        ended_on=entry.ended_on,
        serious=entry.serious,
        seriousness=entry.seriousness,
        relatedness=entry.relatedness,
        outcome=entry.outcome,
        narrative=entry.narrative,
        birth_year=patient.birth_year,
        died_on=patient.died_on,
        today=today,
    )
    if entry.started_on:
        # What may have begun while consent stood is safety's to know; what surely began later is not.
        found += collection_problems(
            patient=patient, field="started_on", what="An event that began", on=entry.started_on.earliest
        )
    # The site may learn of an event after death; it cannot learn of it tomorrow.
    life = Life(birth_year=patient.birth_year, died_on=None, today=today)
    found += life.check(field="aware_on", on=entry.aware_on, what="Awareness")
    if entry.started_on and entry.aware_on and entry.aware_on < entry.started_on.earliest:
        found.append(
            Problem(
                "aware_on",
                entry.aware_on.isoformat(),
                "The site was aware of the event before it began.",
                "Correct one of the two dates.",
            )
        )
    found += _causality_problems(entry)
    found += _death_problems(entry, category=entry.category, now=None)
    found += other_grade_problems(
        category=entry.category, grade=entry.grade, scale=entry.grade_scale, facts=entry.facts
    )
    return found + _facts_problems(entry.facts, category=entry.category, life=life)


def event_doubts(*, patient: Patient, entry: EventEntry, first_day_zero: date | None) -> list[Doubt]:
    """What is unlikely about the event and to be asked, unless `kept_because` answers."""
    found = doubts_about(
        grade=entry.grade,
        seriousness=entry.seriousness,
        outcome=entry.outcome,
        started_on=entry.started_on,
        first_day_zero=first_day_zero,
    )
    computed = entry.facts.computed if entry.facts is not None else None
    if computed is not None and computed.grade == 0 and entry.grade is None:
        found.append(Doubt("category", f"{computed.why} Is it another category?"))
    morphology = entry.facts.morphology if isinstance(entry.facts, MalignancyFacts) else ""
    # A code of ICD-O-3 may also be the site; the one with a behaviour is read by the rules.
    if morphology and entry.code_system == "ICD-O-3" and "/" in entry.code and entry.code != morphology:
        found.append(
            Doubt(
                "code",
                f"The morphology is {morphology} and the code is {entry.code}. Which of them is right? An "
                "empty code becomes the morphology.",
            )
        )
    return found


def first_day_zero_of(*, patient: Patient) -> date | None:
    """Return the patient's first day 0, or None."""
    return (
        Course.objects.filter(patient=patient).order_by("day_zero").values_list("day_zero", flat=True).first()
    )


def follow_up_problems(*, event: AdverseEvent, entry: FollowUpEntry, today: date) -> list[Problem]:
    """What makes the follow-up report impossible."""
    patient = event.patient
    started = PartialDate.parse(event.started_on) if event.started_on else None
    found = check_event(
        event_id="AE",
        term=entry.term or event.term,
        code_system=entry.code_system,
        code=entry.code,
        grade=entry.grade,
        grade_scale=entry.grade_scale,
        started_on=started,
        ended_on=entry.ended_on,
        serious=entry.serious,
        seriousness=entry.seriousness,
        relatedness=entry.relatedness,
        outcome=entry.outcome,
        narrative=entry.narrative,
        birth_year=None,
        died_on=None,
        today=today,
    )
    # The first report's own dates are not the concern of whoever follows up.
    found = [problem for problem in found if problem.field != "started_on"]
    life = Life(birth_year=patient.birth_year, died_on=None, today=today)
    found += life.check_required(field="reported_on", on=entry.reported_on, what="A report")
    if started and entry.reported_on and entry.reported_on < started.earliest:
        found.append(
            Problem(
                "reported_on",
                entry.reported_on.isoformat(),
                "The report is dated before the event began.",
                "Correct the date.",
            )
        )
    if entry.ended_on and entry.reported_on and entry.ended_on.earliest > entry.reported_on:
        found.append(
            Problem(
                "ended_on",
                str(entry.ended_on),
                "The event ended after the date of this report.",
                "Correct one of the two dates.",
            )
        )
    if entry.still_ongoing and entry.ended_on:
        found.append(
            Problem(
                "ended_on", str(entry.ended_on), "It goes on and has an end.", "Leave one of the two out."
            )
        )
    if entry.still_ongoing is False and not entry.ended_on:
        found.append(
            Problem("ended_on", "", "It is over and has no end.", "Give the end: the year alone is enough.")
        )
    if not _says_something(entry):
        found.append(
            Problem("narrative", "", "The report says nothing new.", "Write what is known now, or cancel.")
        )
    found += _causality_problems(entry)
    now = chain_of(event=event).now
    found += _death_problems(entry, category=event.category, now=now)
    found += _follow_up_grade_problems(entry, event=event, now=now)
    return found + _facts_problems(entry.facts, category=event.category, life=life)


def follow_up_doubts(*, event: AdverseEvent, entry: FollowUpEntry) -> list[Doubt]:
    """What is unlikely about the event as it would stand, if the report touches it."""
    if not (entry.grade or entry.serious is not None or entry.outcome):
        return []
    now = chain_of(event=event).now
    return doubts_about(
        grade=entry.grade or now.grade,
        seriousness=entry.seriousness if entry.serious is not None else now.seriousness,
        outcome=entry.outcome or now.outcome,
        started_on=None,
        first_day_zero=None,
    )


def unanswered(doubts: list[Doubt], kept_because: str) -> list[Problem]:
    """Questions that nobody answered; a reason answers them all."""
    if kept_because.strip():
        return []
    return [
        Problem(doubt.field, "", doubt.question, "If it is right as written, say why below.")
        for doubt in doubts
    ]


def _causality_problems(entry: EventEntry | FollowUpEntry) -> list[Problem]:
    return [
        *(
            problem
            for name in ("lymphodepletion_relatedness", "other_drug_relatedness", "disease_relatedness")
            for problem in check_listed(
                field=name, value=getattr(entry, name), codes=RELATEDNESS, required=False
            )
        ),
        *check_text(field="kept_because", value=entry.kept_because, maximum=_KEPT_BECAUSE_LIMIT),
    ]


def _death_problems(
    entry: EventEntry | FollowUpEntry, *, category: str, now: EventNow | None
) -> list[Problem]:
    """Of CRS and ICANS: grade 5 only by death."""
    if category not in _COMPUTED or entry.grade != DEATH_GRADE:
        return []
    seriousness = entry.seriousness or (now.seriousness if now and entry.serious is None else ())
    outcome = entry.outcome or (now.outcome if now else "")
    if is_fatal(outcome=outcome, seriousness=seriousness):
        return []
    return [
        Problem(
            "grade",
            "5",
            "Grade 5 is death of the event, and no death is reported.",
            "Tick death among the criteria, or choose the outcome fatal, or give the grade before.",
        )
    ]


def other_grade_problems(
    *,
    category: str,
    grade: int | None,
    scale: str,
    facts: Facts | None,
    before: Facts | None = None,
    grade_before: int | None = None,
) -> list[Problem]:
    """A grade of CRS or ICANS other than the computed one has a reason, asked at `crs-grade_reason`.

    `before`, `grade_before`: as they were recorded. A reason that was given for another pair of grades is
    none for this one.
    """
    other = other_grade(grade=grade, scale=scale, facts=facts)
    if other is None:
        return []
    recorded = other_grade(grade=grade_before, scale=scale, facts=before)
    is_of_another = (
        recorded is not None
        and recorded.reason == other.reason
        and ((recorded.computed, grade_before) != (other.computed, grade))
    )
    if other.reason and not is_of_another:
        return []
    words = f"The answers compute {other.computed_words}, and grade {grade} is given."
    if other.reason:
        words += " The reason that is recorded was written for another grade."
    return [
        Problem(
            f"{category}-grade_reason",
            "",
            words,
            "Leave the grade empty to take the computed one, or say why it is another.",
        )
    ]


def _follow_up_grade_problems(entry: FollowUpEntry, *, event: AdverseEvent, now: EventNow) -> list[Problem]:
    """The same of a follow-up, which may leave out the answers, or the grade, that stand.

    The answers are of the worst there was: a lower grade beside answers that nobody changes is the course of
    the event, and nothing to be asked. A higher one says that the worst was worse.
    """
    if event.category not in _COMPUTED or (entry.facts is None and entry.grade is None):
        return []
    before = standing_facts(event=event)
    found = other_grade_problems(
        category=event.category,
        grade=entry.grade or now.grade,
        scale=entry.grade_scale or now.grade_scale,
        facts=entry.facts or before,
        before=before,
        grade_before=now.grade,
    )
    if entry.facts is not None or not found:
        return found
    other = other_grade(grade=entry.grade, scale=entry.grade_scale or now.grade_scale, facts=before)
    if other is None or (entry.grade or 0) < other.computed:
        return []
    return [replace(found[0], accepted="Change the answers if it got worse, or say why it is another.")]


def _facts_problems(facts: Facts | None, *, category: str, life: Life) -> list[Problem]:
    if facts is None:
        return []
    if facts.category != category:
        return [
            Problem(
                "category",
                category,
                "Questions of another category are answered.",
                "Choose the category that was answered, or empty those answers.",
            )
        ]
    return [
        Problem(f"{category}-{problem.field}", problem.value, problem.problem, problem.accepted)
        for problem in facts.problems(life=life)
    ]


def _says_something(entry: FollowUpEntry) -> bool:
    told = {field.name: getattr(entry, field.name) for field in fields(entry)}
    unsaid = {"reported_on", "grade_scale", "kept_because"}
    return any(value not in (None, "", ()) for name, value in told.items() if name not in unsaid)
