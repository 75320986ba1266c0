"""Why a rule found nothing, or nothing more, in a record: the negative proof, in words.

Each sentence says what was read and how far it lay from a finding, so that silence is never taken for
"nobody looked". Nothing is stored: the words follow from the record, the rule and the as-of date.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from types import MappingProxyType
from typing import Any

from registry.clinical.analytes import ANALYTES
from registry.clinical.spoken_dates import spoken, spoken_span
from registry.clinical.study_days import course_of, study_day
from registry.monitoring import (
    overdue_visit,
    prolonged_cytopenia,
    secondary_malignancy,
    unresolved_at_day_28,
)
from registry.monitoring.blood_counts import (
    LINEAGES,
    Course,
    DayCount,
    Lineage,
    courses,
    days_of,
    recovered_on,
)
from registry.monitoring.evidence import Event, Finding, History
from registry.monitoring.overdue_visit import awaited_windows
from registry.monitoring.prolonged_cytopenia import Episode, episodes
from registry.monitoring.rule import Rule
from registry.monitoring.secondary_malignancy import dropped_hits

DROPPED_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "negated": "its sentence negates it",
        "someone_else": "it is about somebody else",
        "screening_normal": "screening with a normal result",
        "past": "the patient's past before day 0",
        "benign": "called benign",
    }
)
_AHEAD = timedelta(days=800)  # beyond the longest time between two yearly windows


def why_not(*, rule: Rule, history: History, as_of: date) -> tuple[str, ...]:
    """Return the sentences that say why the rule found nothing more on `as_of`; none for a rule without them.

    A patient out of scope on that day is judged by no rule and gets none.
    """
    seen = history.as_of(as_of)
    tell = _BY_RULE.get(rule.key)
    if tell is None or not seen.in_scope:
        return ()
    return tuple(tell(seen, as_of, rule.limits, rule.judge(seen, as_of, rule.limits)))


# --- overdue_visit ----------------------------------------------------------------------------


def _visits(seen: History, as_of: date, limits: Any, found: Sequence[Finding]) -> Iterable[str]:
    awaited = awaited_windows(history=seen, as_of=as_of, until=as_of + _AHEAD)
    overdue = [window for window in awaited if window.closes_on < as_of]
    ahead = [window for window in awaited if window.closes_on >= as_of]
    if overdue:
        named = ", ".join(
            f"{window.code} (closed {_day_after_date(window.closes_on, seen)})" for window in overdue
        )
        yield f"Owed and not recorded: {named}."
    else:
        yield f"No visit owed is unrecorded; {_counted(len(seen.visits), 'recorded visit')} read."
    if not ahead:
        yield _no_visit_ahead(seen)
        return
    following = min(ahead, key=lambda window: (window.closes_on, window.opens_on))
    overdue_from = _dated(following.closes_on + timedelta(days=1), seen)
    if following.opens_on <= as_of:
        yield (
            f"Window {following.code} is open until {_dated(following.closes_on, seen)};"
            f" unrecorded, it is overdue from {overdue_from}."
        )
    else:
        yield (
            f"Next window {following.code} opens {_dated(following.opens_on, seen)},"
            f" closes {_dated(following.closes_on, seen)}."
        )


def _no_visit_ahead(seen: History) -> str:
    if seen.follow_up_ended_on is not None:
        return f"Follow-up ended {_dated(seen.follow_up_ended_on, seen)}: no later visit is owed."
    return "No further visit is planned." if seen.schedules else "The study plans no visits."


# --- prolonged_cytopenia ----------------------------------------------------------------------


def _episodes(
    seen: History, as_of: date, limits: prolonged_cytopenia.Limits, found: Sequence[Finding]
) -> Iterable[str]:
    told = {(finding.subject, finding.first_on) for finding in found}
    every = episodes(history=seen, as_of=as_of, limits=limits)
    said = {}
    for lineage in LINEAGES:
        of_lineage = [episode for episode in every if episode.lineage == lineage]
        clear = [episode for episode in of_lineage if (lineage, episode.first_low_on) not in told]
        if clear:
            more = "otherwise the " if len(clear) < len(of_lineage) else ""
            said[lineage] = f"{more}{_longest(clear, limits)}.{_from_when(seen, clear, as_of, limits)}"
        elif of_lineage:
            said[lineage] = "no low count besides what was found."
        else:
            said[lineage] = f"{_no_low(seen, _days(seen, as_of, lineage, limits))}."
    return _joined(said)


def _joined(said: Mapping[Lineage, str]) -> list[str]:
    """`Platelets, haemoglobin: no count since day 0.`: of which the same is said share a sentence."""
    names: dict[str, list[str]] = {}
    for lineage, words in said.items():
        names.setdefault(words, []).append(ANALYTES[lineage].name)
    return [f"{', '.join(of_words).capitalize()}: {words}" for words, of_words in names.items()]


def _longest(clear: Sequence[Episode], limits: prolonged_cytopenia.Limits) -> str:
    longest = max(clear, key=lambda episode: (episode.certain_days, episode.first_low_on))
    first, last = longest.first_low_on, longest.last_low_on
    days = "–".join(_day(on, longest.course.day_zero) for on in dict.fromkeys((first, last)))
    span = f"{spoken_span(first, last)} ({'day' if first == last else 'days'} {days})"
    run = _in_days(longest.certain_days) if len(longest.low_days) > 1 else "a single day"
    possible = _in_days(max(episode.possible_days for episode in clear))
    return (
        f"longest low run {run}, {span}; at most {possible} with the days not counted,"
        f" the limit is {limits.prolonged_over_days}"
    )


def _may_still_last(episode: Episode, as_of: date) -> bool:
    """No later count bounds it, and the days that pass add to what is possible (CYT-8)."""
    course = episode.course
    is_watched = course.follow_up_ended_on is None and course.next_infusion_on is None
    return is_watched and episode.latest_end_on == as_of


def _from_when(
    seen: History, clear: Sequence[Episode], as_of: date, limits: prolonged_cytopenia.Limits
) -> str:
    starts = [episode.earliest_start_on for episode in clear if _may_still_last(episode, as_of)]
    if not starts:
        return ""
    on = min(starts) + timedelta(days=limits.prolonged_over_days + 1)
    return f" Without another count it becomes possible on {_dated(on, seen)}."


def _no_low(seen: History, days: Sequence[DayCount]) -> str:
    if not days:
        return "no count since day 0"
    return f"no low count on {_counted(len(days), 'day')} counted, the latest {_dated(days[-1].on, seen)}"


def _days(seen: History, as_of: date, lineage: Lineage, limits: prolonged_cytopenia.Limits) -> list[DayCount]:
    return [
        day
        for course in courses(history=seen, as_of=as_of)
        for day in days_of(history=seen, course=course, lineage=lineage, limits=limits.counts)
    ]


# --- unresolved_at_day_28 ---------------------------------------------------------------------


def _landmarks(
    seen: History, as_of: date, limits: unresolved_at_day_28.Limits, found: Sequence[Finding]
) -> Iterable[str]:
    told = {finding.subject for finding in found}
    every = courses(history=seen, as_of=as_of)
    for course in every:
        for sentence in _landmark(seen, as_of, course, limits, told):
            if len(every) > 1:
                yield f"Course from {spoken(course.day_zero)}: {sentence[0].lower()}{sentence[1:]}"
            else:
                yield f"{sentence[0].upper()}{sentence[1:]}"


def _landmark(
    seen: History, as_of: date, course: Course, limits: unresolved_at_day_28.Limits, told: set[str]
) -> Iterable[str]:
    landmark_on = course.day_zero + timedelta(days=limits.landmark_day)
    for end, what in (
        (course.follow_up_ended_on, "follow-up ended"),
        (course.next_infusion_on, "a new infusion was given"),
    ):
        if end is not None and end <= landmark_on:
            yield f"not judged, because {what} on {_when(end, course)}."
            return
    if as_of <= landmark_on:
        judged_from = _when(landmark_on + timedelta(days=1), course)
        yield f"judged after day {limits.landmark_day}, from {judged_from} on."
        return
    said = {}
    for lineage in LINEAGES:
        if f"{lineage}@{course.day_zero.isoformat()}" not in told:
            days = days_of(history=seen, course=course, lineage=lineage, limits=limits.counts)
            said[lineage] = f"{_resolved(days, course, landmark_on, limits)}."
    yield from _joined(said)


def _resolved(
    days: Sequence[DayCount], course: Course, landmark_on: date, limits: unresolved_at_day_28.Limits
) -> str:
    early = [day for day in days if day.on <= landmark_on]
    if not early:
        return f"no count on days 0–{limits.landmark_day}"
    low = [day.on for day in early if day.state == "low"]
    if not low:
        return f"no low count on {_counted(len(early), 'day')} counted up to day {limits.landmark_day}"
    # LMK-3: without a recovery by the landmark there would be a finding.
    recovery = recovered_on([day for day in days if day.on > low[-1]], limits=limits.counts)
    since = f", recovered on {_when(recovery, course)}" if recovery else ""
    return f"last low on {_when(low[-1], course)}{since}"


# --- secondary_malignancy ---------------------------------------------------------------------


def _malignancies(seen: History, as_of: date, limits: Any, found: Sequence[Finding]) -> Iterable[str]:
    answers = sum(v.new_malignancy is not None or bool(v.new_malignancy_text) for v in seen.visits)
    first = min(seen.day_zeros)
    results = sum(
        point.collected_on >= first
        for analyte in secondary_malignancy.RULE.reads_labs
        for point in seen.labs.get(analyte, ())
    )
    read = [
        _counted(len(seen.events), "adverse event"),
        _counted(answers, "answer") + " about a new malignancy",
        _counted(results, "laboratory result"),
        *(["the cause of death"] if seen.cause_of_death else []),
    ]
    besides = "Besides what was found, nothing" if found else "Nothing"
    yield f"Read: {', '.join(read)}. {besides} in them names or suggests one."
    for hit in dropped_hits(history=seen):
        cue = f" (“{hit.cue}”)" if hit.cue else ""
        yield f"“{hit.words}” in {_source(hit.subject)} is no candidate: {DROPPED_WORDS[hit.reason]}{cue}."
    for event in seen.events:
        if _began_too_early(seen, as_of, limits, event):
            yield (
                f"Adverse event {event.event_id} is no candidate: it began before day 0 and tells of no"
                " recurrence."
            )


def _began_too_early(seen: History, as_of: date, limits: Any, event: Event) -> bool:
    """MAL-6: it names a malignancy, and only its onset keeps it from being a candidate."""
    if event.started_on is None or event.started_on.latest >= min(seen.day_zeros):
        return False
    alone = replace(seen, events=(event,), visits=(), labs={}, cause_of_death="")
    undated = replace(alone, events=(replace(event, started_on=None),))
    judge = secondary_malignancy.judge
    return not judge(alone, as_of, limits) and bool(judge(undated, as_of, limits))


def _source(subject: str) -> str:
    kind, _, name = subject.partition(":")
    if kind == "adverse_event":
        return f"adverse event {name}"
    return (
        f"the answer at visit {name.partition('@')[0]}" if kind == "visit_question" else "the cause of death"
    )


def _when(on: date, course: Course) -> str:
    return f"day {_day(on, course.day_zero)} ({spoken(on)})"


def _dated(on: date, seen: History) -> str:
    """`4 Apr 2024 (day 34)`, counted from the day 0 of the course the date falls in."""
    return f"{spoken(on)} (day {_day(on, _day_zero(on, seen))})"


def _day_after_date(on: date, seen: History) -> str:
    """`4 Apr 2024, day 34`, where brackets stand already."""
    return f"{spoken(on)}, day {_day(on, _day_zero(on, seen))}"


def _day_zero(on: date, seen: History) -> date:
    return course_of(on, day_zeros=seen.day_zeros) or min(seen.day_zeros)


def _day(on: date, day_zero: date) -> str:
    return str(study_day(on, day_zero=day_zero)).replace("-", "−")


def _in_days(count: int) -> str:
    return _counted(count, "day")


def _counted(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


_Tell = Callable[[History, date, Any, Sequence[Finding]], Iterable[str]]
_BY_RULE: Mapping[str, _Tell] = MappingProxyType(
    {
        overdue_visit.RULE.key: _visits,
        prolonged_cytopenia.RULE.key: _episodes,
        unresolved_at_day_28.RULE.key: _landmarks,
        secondary_malignancy.RULE.key: _malignancies,
    }
)
