"""The safety officer's queue: what waits for a person, in the order in which it should be read."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from django.db.models import Case, Count, F, IntegerField, Q, QuerySet, Value, When

from registry.access.scope import Rows
from registry.models import Alert, AlertMove, Site, User
from registry.models.alert import SEVERITIES, STATES
from registry.monitoring.lifecycle import DECIDED, SETTLED, WAITING

# Certain findings are the queue; possible ones are requests for data and never mix with them (rules.md G-6).
_WAITS = Q(state__in=WAITING)
TABS: dict[str, tuple[str, Q]] = {
    "queue": ("To review", _WAITS & Q(certainty="certain")),
    "open": ("Open", Q(state__in=("open", "acknowledged"), certainty="certain")),
    "in_review": ("In review", Q(state="in_review", certainty="certain")),
    "decided": ("Decided", Q(state__in=DECIDED)),
    "settled": ("Resolved or withdrawn", Q(state__in=SETTLED)),
    "possible": ("Cannot be excluded", _WAITS & Q(certainty="possible")),
}
# A person's address may also name one state of the contract.
STATE_CHOICES: dict[str, str] = {key: words for key, (words, _) in TABS.items()} | {
    state: words for state, words in STATES.items() if state not in TABS
}
# Among the equally grave: what a person can least afford to miss first, what a letter can mend last.
_RULES_FIRST_TO_LAST = (
    "secondary_malignancy",
    "prolonged_cytopenia",
    "unresolved_at_day_28",
    "overdue_visit",
)
GRAVE = ("critical", "high")


def _rank(severity: str, rule: str) -> int:
    place = _RULES_FIRST_TO_LAST.index(rule) if rule in _RULES_FIRST_TO_LAST else len(_RULES_FIRST_TO_LAST)
    return 10 * list(SEVERITIES).index(severity) + place


_RANK = Case(
    *(
        When(severity=severity, rule=rule, then=Value(_rank(severity, rule)))
        for severity in SEVERITIES
        for rule in _RULES_FIRST_TO_LAST
    ),
    *(When(severity=severity, then=Value(_rank(severity, ""))) for severity in SEVERITIES),
    output_field=IntegerField(),
)
# The two marks that send an officer back to an alert that was decided on (rules.md G-8).
MARKS: dict[str, tuple[str, Q]] = {
    "new_since_decision": ("New since decision", Q(is_new_since_decision=True)),
    "ground_gone": ("Ground gone", Q(ground_gone=True)),
}


@dataclass(frozen=True, slots=True)
class Filters:
    """What the address asks for; an empty text asks for nothing."""

    state: str = "queue"
    rule: str = ""
    severity: str = ""
    site: str = ""
    patient: str = ""
    mark: str = ""

    @property
    def narrowed(self) -> Q:
        """Everything but the state: the tabs count within it."""
        q = Q()
        if self.rule:
            q &= Q(rule=self.rule)
        if self.severity:
            q &= Q(severity=self.severity)
        if self.site:
            q &= Q(patient__site__code=self.site)
        if self.patient:
            q &= Q(patient__code__icontains=self.patient)
        if self.mark:
            q &= MARKS[self.mark][1]
        return q

    @property
    def standing(self) -> Q:
        return TABS[self.state][1] if self.state in TABS else Q(state=self.state)


@dataclass(frozen=True, slots=True)
class TabCounts:
    """Alerts in each tab within the other filters, and decided ones whose ground is gone."""

    by_tab: dict[str, int]
    ground_gone: int


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The alerts before and after one alert in the queue that the person came from."""

    previous: Alert | None
    following: Alert | None


def queue(*, rows: Rows, filters: Filters) -> QuerySet[Alert]:
    """The alerts the filters ask for: the gravest first, then by rule, then the oldest first."""
    return _ordered(_visible(rows).filter(filters.narrowed & filters.standing)).select_related(
        "patient__site"
    )


def tab_counts(*, rows: Rows, filters: Filters) -> TabCounts:
    """Count every tab in one query."""
    within = _visible(rows).filter(replace(filters, mark="").narrowed)
    wanted = MARKS[filters.mark][1] if filters.mark else Q()
    counted = within.aggregate(
        **{tab: Count("pk", filter=q & wanted) for tab, (_, q) in TABS.items()},
        lost=Count("pk", filter=TABS["decided"][1] & MARKS["ground_gone"][1]),
    )
    lost = counted.pop("lost")
    return TabCounts(by_tab=counted, ground_gone=lost)


def sites(*, rows: Rows) -> QuerySet[Site]:
    """The sites whose alerts this person sees, for the filter."""
    if rows.everything:
        return Site.objects.order_by("code")
    return Site.objects.filter(Q(pk__in=rows.sites) | Q(study_id__in=rows.studies)).order_by("code")


def neighbours(*, rows: Rows, filters: Filters, alert: Alert) -> Neighbours:
    """The alert before and the alert after in the same queue, also when this one has left it."""
    rank = _rank(alert.severity, alert.rule)
    others = _visible(rows).filter(filters.narrowed & filters.standing).exclude(pk=alert.pk)
    place = {"rank": rank, "raised_at": alert.raised_at, "pk": alert.pk}
    ranked = others.annotate(rank=_RANK)
    return Neighbours(
        previous=ranked.filter(_beside("lt", place)).order_by("-rank", "-raised_at", "-pk").first(),
        following=ranked.filter(_beside("gt", place)).order_by("rank", "raised_at", "pk").first(),
    )


def reviewers(*, alerts: Iterable[Alert]) -> dict[int, User]:
    """Who took up each of these alerts that is in review, by the alert's key."""
    in_review = [alert.pk for alert in alerts if alert.state == "in_review"]
    if not in_review:
        return {}
    moves = AlertMove.objects.filter(alert__in=in_review, to_state="in_review", by__isnull=False)
    return {move.alert_id: move.by for move in moves.select_related("by").order_by("at", "pk") if move.by}


def _visible(rows: Rows) -> QuerySet[Alert]:
    return Alert.objects.filter(rows.q("patient"))


def _ordered(alerts: QuerySet[Alert]) -> QuerySet[Alert]:
    return alerts.annotate(rank=_RANK).order_by("rank", F("raised_at").asc(), "pk")


def _beside(side: str, place: dict[str, object]) -> Q:
    """Before (`lt`) or after (`gt`) a place in the order rank, raised_at, pk."""
    rank, raised_at, pk = place["rank"], place["raised_at"], place["pk"]
    return (
        Q(**{f"rank__{side}": rank})
        | Q(**{"rank": rank, f"raised_at__{side}": raised_at})
        | Q(**{"rank": rank, "raised_at": raised_at, f"pk__{side}": pk})
    )
