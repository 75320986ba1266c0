"""Questions to sites: what waits for whom, how old it is, what was said, what came of it.

For other parts: `to_answer`, `counts`, `open_questions`, `thread`, `threads_of`. Facts are named by the keys
of clinical/facts.py. What keeps a record from being locked is counted in queries/locks.py.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.core.paginator import Page, Paginator
from django.db.models import Count, DateField, DateTimeField, F, Func, IntegerField, Q, QuerySet, Value
from django.db.models.functions import Cast, Coalesce

from registry.access.scope import Rows
from registry.clinical.facts import Fact, NotAFact, parse_fact
from registry.clinical.study_days import local_date
from registry.models import Alert, Patient, Question, QuestionMessage, Site
from registry.monitoring.data_questions import CHECKS, TITLES
from registry.monitoring.question_lifecycle import (
    BUCKETS,
    PENDING,
    SETTLED,
    bucket_of,
    bucket_words,
    days_open,
    days_past_due,
)
from registry.queries.fact_values import FactShown, Place, current_results, facts_shown
from registry.queries.stored_rows import rows_where

PAGE_SIZE = 50
# What the address of the list may ask for.
STATES: dict[str, Q] = {
    "open": Q(state="open"),
    "answered": Q(state="answered"),
    "pending": Q(state__in=PENDING),
    "closed": Q(state__in=SETTLED),
}
PEOPLE = "people"


@dataclass(frozen=True, slots=True)
class Filters:
    """What the address asks for; an empty text asks for nothing. `source`: a check's key, or `people`."""

    state: str = "open"
    age: str = ""
    site: str = ""
    source: str = ""
    patient: str = ""


@dataclass(frozen=True, slots=True)
class Counts:
    """Questions in each state, and how many of the open ones are past their due date at the site."""

    open: int = 0
    answered: int = 0
    closed: int = 0
    past_due: int = 0

    @property
    def pending(self) -> int:
        return self.open + self.answered


@dataclass(frozen=True, slots=True)
class QuestionLine:
    """One question of a list: its fact in words, its age in days of the site, the latest words said.

    `days_open`: until today, or until it was closed. `days_past_due`: 0 unless the answer is late.
    """

    question: Question
    fact: FactShown
    days_open: int
    days_past_due: int
    bucket: str
    latest: QuestionMessage | None

    @property
    def who(self) -> str:
        return who_asked(self.question)


@dataclass(frozen=True, slots=True)
class YieldLine:
    """What came of the questions of one source. `asked` counts every asking, also of a fact asked before."""

    source: str
    words: str
    asked: int
    data_changed: int
    confirmed: int
    not_relevant: int
    pending: int

    @property
    def changed_percent(self) -> int | None:
        """How many of the closed ones changed data; None while none is closed."""
        closed = self.data_changed + self.confirmed + self.not_relevant
        return round(100 * self.data_changed / closed) if closed else None


@dataclass(frozen=True, slots=True)
class AgeLine:
    """How many questions of one age wait, and for whom."""

    key: str
    words: str
    open: int
    answered: int


def who_asked(question: Question) -> str:
    """The person, or the registry itself."""
    return str(question.asked_by) if question.asked_by is not None else "The registry"


def to_answer(*, rows: Rows, at: datetime, most: int = PAGE_SIZE) -> tuple[QuestionLine, ...]:
    """Return the questions that wait for the sites in scope, the oldest first."""
    return _lines(_listed(rows).filter(STATES["open"]).order_by("asked_at", "pk")[:most], at=at)


def page_of_questions(
    *, rows: Rows, filters: Filters, page_number: str | int, at: datetime
) -> tuple[Page, tuple[QuestionLine, ...]]:
    """Return one page of what the filters ask for: what waits by age, closed ones the latest first."""
    found = _narrowed(_listed(rows), filters, at=at).filter(STATES[filters.state])
    order = ("-closed_at", "-pk") if filters.state == "closed" else ("asked_at", "pk")
    ordered = found.order_by(*order)
    page = Paginator(ordered, PAGE_SIZE).get_page(page_number)
    return page, _lines(page.object_list, at=at)


def counts(*, rows: Rows, at: datetime, filters: Filters | None = None) -> Counts:
    """Count the questions in scope by state, in one query; within the filters but their state."""
    within = _narrowed(Question.objects.filter(rows.q("patient")), filters or Filters(), at=at)
    found = within.aggregate(
        open=Count("pk", filter=STATES["open"]),
        answered=Count("pk", filter=STATES["answered"]),
        closed=Count("pk", filter=STATES["closed"]),
        past_due=Count("pk", filter=STATES["open"] & Q(due_on__lt=_local_date(Value(at)))),
    )
    return Counts(**found)


def waiting_count(*, rows: Rows, state: str) -> int:
    """How many wait in one state, for the navigation."""
    return Question.objects.filter(rows.q("patient"), state=state).count()


def counts_by_site(*, since: datetime | None = None) -> dict[tuple[int, int], Counter[str]]:
    """Count what waits by study and site, for mails: `open`, `answered`, and `new`: asked after `since`."""
    rows = (
        Question.objects.filter(state__in=PENDING)
        .values_list("patient__study_id", "patient__site_id", "state")
        .annotate(count=Count("pk"), new=Count("pk", filter=Q(asked_at__gt=since) if since else None))
    )
    found: dict[tuple[int, int], Counter[str]] = defaultdict(Counter)
    for study_id, site_id, state, count, new in rows:
        found[study_id, site_id][state] += count
        if state == "open":
            found[study_id, site_id]["new"] += new if since else 0
    return found


def sites_in(*, rows: Rows) -> QuerySet[Site]:
    """The sites whose questions this person sees, for the filter."""
    return Site.objects.filter(Q(pk__in=rows.sites) | Q(study_id__in=rows.studies)).order_by("code")


def open_questions(*, patient: Patient) -> tuple[Question, ...]:
    """Return the patient's threads that wait for somebody, the oldest first."""
    return tuple(
        Question.objects.filter(patient=patient, state__in=PENDING)
        .select_related("asked_by")
        .order_by("asked_at", "pk")
    )


def threads_of(*, patient: Patient) -> tuple[Question, ...]:
    """Return every thread of the patient with its messages, for a casebook; the oldest first."""
    return tuple(
        Question.objects.filter(patient=patient)
        .select_related("asked_by")
        .prefetch_related("messages__by")
        .order_by("pk")
    )


def open_by_fact(*, patient: Patient) -> dict[str, Question]:
    """Return what waits by the key of its fact; a corrected result answers to its own number as well.

    One query, and one more when a result is asked about.
    """
    waiting = rows_where(
        Question,
        "t.patient_id = %(patient)s AND t.state = ANY (%(pending)s) ORDER BY t.asked_at, t.id",
        patient=patient.pk,
        pending=list(PENDING),
    )
    found = {question.fact: question for question in waiting}
    roots = {}
    for key in found:
        if key.startswith("result:"):
            roots[parse_fact(key).row or 0] = key
    for root, current in current_results(roots=roots).items():
        found[f"result:{current}"] = found[roots[root]]
    return found


def question_about(*, patient: Patient, fact_key: str) -> Question | None:
    """Return the thread about a fact, whatever its state, or None."""
    return Question.objects.filter(patient=patient, fact=fact_key).select_related("asked_by").first()


def lines_of(*, questions: Iterable[Question], at: datetime) -> tuple[QuestionLine, ...]:
    """Return questions as the lists show them, in a fixed number of queries."""
    return _lines(questions, at=at)


def line_of(*, question: Question, at: datetime) -> QuestionLine:
    """Return one question as the lists show it."""
    [line] = _lines([question], at=at)
    return line


def thread(*, question: Question) -> tuple[QuestionMessage, ...]:
    """Return what was said about the fact, from the beginning."""
    return tuple(
        QuestionMessage.objects.filter(question=question).select_related("by", "alert").order_by("at", "pk")
    )


def asked_from(*, alert: Alert, at: datetime) -> tuple[tuple[QuestionLine, tuple[QuestionMessage, ...]], ...]:
    """Return the threads that were asked from an alert, each with everything said, the oldest first."""
    questions = list(
        Question.objects.filter(pk__in=QuestionMessage.objects.filter(alert=alert).values("question"))
        .select_related("patient", "patient__site", "asked_by")
        .order_by("pk")
    )
    if not questions:
        return ()
    said: dict[int, list[QuestionMessage]] = defaultdict(list)
    messages = (
        QuestionMessage.objects.filter(question__in=questions).select_related("by").order_by("at", "pk")
    )
    for message in messages:
        said[message.question_id].append(message)
    shown = facts_shown(places=[(question.patient_id, question.fact) for question in questions])
    return tuple((_line(question, shown, None, at=at), tuple(said[question.pk])) for question in questions)


def states_by_alert(*, alerts: Iterable[Alert]) -> dict[int, str]:
    """Return for each alert the state its questions are in: open before answered before closed."""
    rows = (
        QuestionMessage.objects.filter(alert__in=[alert.pk for alert in alerts])
        .values_list("alert_id", "question__state")
        .distinct()
    )
    found: dict[int, set[str]] = defaultdict(set)
    for alert_id, state in rows:
        found[alert_id].add(state)
    return {
        alert_id: next((state for state in (*PENDING, "closed") if state in states), "")
        for alert_id, states in found.items()
    }


def yield_lines(*, rows: Rows) -> tuple[YieldLine, ...]:
    """Return what came of the questions in scope by source: people first, then each check."""
    told: dict[str, Counter[str]] = defaultdict(Counter)
    messages = QuestionMessage.objects.filter(
        rows.q("patient"), kind__in=("asked", "asked_again", "closed")
    ).values_list("check_key", "kind", "because")
    for check_key, kind, because, count in messages.annotate(count=Count("pk")):
        told[check_key]["asked" if kind != "closed" else because] += count
    pending = Question.objects.filter(rows.q("patient"), state__in=PENDING).values_list("check_key")
    for check_key, count in pending.annotate(count=Count("pk")):
        told[check_key]["pending"] += count
    retired = sorted(told.keys() - {"", *TITLES})
    return tuple(
        YieldLine(
            source=key or PEOPLE,
            words=source_words(key),
            asked=told[key]["asked"],
            pending=told[key]["pending"],
            data_changed=told[key]["data_changed"],
            confirmed=told[key]["confirmed"],
            not_relevant=told[key]["not_relevant"],
        )
        for key in ("", *(check.key for check in CHECKS), *retired)
        if told[key]
    )


def ages(*, rows: Rows, filters: Filters, at: datetime) -> tuple[AgeLine, ...]:
    """Count what waits by age, within the filters but state and age; every bucket has its line."""
    within = _narrowed(Question.objects.filter(rows.q("patient")), replace(filters, age=""), at=at)
    found: Counter[tuple[str, str]] = Counter()
    aged = within.filter(state__in=PENDING).annotate(days=_days_open(at)).values_list("days", "state")
    for days, state, count in aged.annotate(count=Count("pk")):
        found[bucket_of(days), state] += count
    return tuple(
        AgeLine(key, bucket_words(key), found[key, "open"], found[key, "answered"]) for key, _, _ in BUCKETS
    )


def source_words(check_key: str) -> str:
    """A source as people read it."""
    return TITLES.get(check_key, check_key.replace("_", " ")) if check_key else "Asked by people"


def _listed(rows: Rows) -> QuerySet[Question]:
    return Question.objects.filter(rows.q("patient")).select_related("patient", "patient__site", "asked_by")


def _narrowed(found: QuerySet[Question], filters: Filters, *, at: datetime) -> QuerySet[Question]:
    if filters.site:
        found = found.filter(patient__site__code=filters.site)
    if filters.patient:
        found = found.filter(patient__code__icontains=filters.patient)
    if filters.source:
        found = found.filter(check_key="" if filters.source == PEOPLE else filters.source)
    if filters.age:
        _, first, last = next(bucket for bucket in BUCKETS if bucket[0] == filters.age)
        aged = found.annotate(days=_days_open(at))
        found = aged.filter(days__gte=first) if last is None else aged.filter(days__gte=first, days__lte=last)
    return found


def _local_date(instant: Any) -> Cast:
    """The calendar date at the patient's site of an instant."""
    local = Func(
        F("patient__site__time_zone"),
        Cast(instant, DateTimeField()),
        function="timezone",
        output_field=DateTimeField(),
    )
    return Cast(local, DateField())


def _days_open(at: datetime) -> Func:
    """The age in calendar days of the site, as question_lifecycle.days_open counts it."""
    return Func(
        _local_date(Coalesce(F("closed_at"), Value(at), output_field=DateTimeField())),
        _local_date(F("asked_at")),
        template="(%(expressions)s)",
        arg_joiner=" - ",
        output_field=IntegerField(),
    )


def _lines(questions: Iterable[Question], *, at: datetime) -> tuple[QuestionLine, ...]:
    found = list(questions)
    shown = facts_shown(places=[(question.patient_id, question.fact) for question in found])
    latest = _latest(found)
    return tuple(_line(question, shown, latest.get(question.pk), at=at) for question in found)


def _line(
    question: Question, shown: dict[Place, FactShown], latest: QuestionMessage | None, *, at: datetime
) -> QuestionLine:
    zone = question.patient.site.time_zone
    days = days_open(asked_at=question.asked_at, until=question.closed_at or at, time_zone=zone)
    late = days_past_due(due_on=question.due_on, today=local_date(at, time_zone=zone))
    return QuestionLine(
        question=question,
        fact=shown.get((question.patient_id, question.fact)) or _unnamed(question.fact),
        days_open=days,
        days_past_due=late if question.state == "open" else 0,
        bucket=bucket_of(days),
        latest=latest,
    )


def _unnamed(key: str) -> FactShown:
    """A key of another version of the registry: shown as it stands, never lost."""
    return FactShown(_read(key) or Fact("patient"), key, "", is_recorded=False)


def _latest(questions: Sequence[Question]) -> dict[int, QuestionMessage]:
    """The latest message of each question that has words of a person or of a check."""
    if not questions:
        return {}
    rows = (
        QuestionMessage.objects.filter(question__in=questions)
        .exclude(text="")
        .select_related("by")
        .order_by("question", "-at", "-pk")
        .distinct("question")
    )
    return {message.question_id: message for message in rows}


def _read(key: str) -> Fact | None:
    try:
        return parse_fact(key)
    except NotAFact:
        return None
