"""Laboratory triggers of a candidate second primary malignancy (rules.md MAL-7).

The sentences stand in secondary_malignancy.py; here they are carried out, course by course (G-1).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal

from registry.monitoring import prolonged_cytopenia
from registry.monitoring.blood_counts import value_text
from registry.monitoring.evidence import Certainty, History, LabPoint
from registry.monitoring.prolonged_cytopenia import Episode, certain_episodes


@dataclass(frozen=True, slots=True)
class TriggerLimits:
    """The bold numbers of MAL-7, with the limits of rule 2 that L2 rests on."""

    transgene_rise_times: int = 10
    transgene_apart_days: int = 14
    transgene_lowest_after_day: int = 30
    lymphocytes_over_10e9_per_l: Decimal = Decimal("4.0")
    lymphocytes_after_day: int = 90
    lymphocytes_apart_days: int = 14
    cytopenia_after_day: int = 90
    mcv_over_fl: Decimal = Decimal("100")
    mcv_rise_fl: Decimal = Decimal("5")
    blasts_once_percent: Decimal = Decimal("5")
    blasts_twice_percent: Decimal = Decimal("1")
    blasts_apart_days: int = 7
    cytopenia: prolonged_cytopenia.Limits = field(default_factory=prolonged_cytopenia.Limits)


@dataclass(frozen=True, slots=True)
class Trigger:
    """What met a trigger: `key` (T2, T4, L2, L3), the span of the results, and the results as text."""

    key: str
    certainty: Certainty
    day_zero: date
    first_on: date
    last_on: date
    matched: tuple[str, ...]


def triggers(*, history: History, as_of: date, limits: TriggerLimits) -> tuple[Trigger, ...]:
    """Return at most one trigger of each key, courses merged: the earliest day 0, first to last evidence."""
    found: dict[str, Trigger] = {}
    for trigger in _by_course(history, as_of, limits):
        earlier = found.get(trigger.key)
        found[trigger.key] = trigger if earlier is None else _merged(earlier, trigger)
    return tuple(found[key] for key in sorted(found))


def _by_course(history: History, as_of: date, limits: TriggerLimits) -> Iterable[Trigger]:
    prolonged = certain_episodes(history=history, as_of=as_of, limits=limits.cytopenia)
    for day_zero, following in history.day_zeros_with_next:
        course = _Course(history, day_zero, following, limits)
        for trigger in (
            course.transgene(),
            course.lymphocytes(),
            course.cytopenia([episode for episode in prolonged if episode.course.day_zero == day_zero]),
            course.blasts(),
        ):
            if trigger is not None:
                yield trigger


def _merged(earlier: Trigger, later: Trigger) -> Trigger:
    return replace(
        earlier,
        certainty="certain" if "certain" in (earlier.certainty, later.certainty) else "possible",
        last_on=max(earlier.last_on, later.last_on),
        matched=(*earlier.matched, *later.matched),
    )


@dataclass(frozen=True, slots=True)
class _Course:
    history: History
    day_zero: date
    following: date | None
    limits: TriggerLimits

    def transgene(self) -> Trigger | None:
        """T2: both results are compared with the lowest value that is earlier than the first of them."""
        limits = self.limits
        points = self._after(limits.transgene_lowest_after_day, "CAR_DNA")
        evidence: list[LabPoint] = []
        for first in points:
            # A value above the assay's range is no lowest; `<10` lies below 10, so 10 is a safe lowest.
            earlier = [p.value for p in points if p.collected_on < first.collected_on and p.comparator != ">"]
            if not earlier:
                continue
            needed = limits.transgene_rise_times * min(earlier)
            risen = [
                p
                for p in points
                if p.collected_on >= first.collected_on and _reaches(p, needed) and p.value > 0
            ]
            pair = _apart(risen, days=limits.transgene_apart_days)
            if first in risen and pair and pair[0].collected_on == first.collected_on:
                # Not only the first pair: a second rise over a lower value is new evidence (G-8).
                evidence += [point for point in pair if point not in evidence]
        evidence.sort(key=lambda point: (point.collected_on, point.result_id))
        return self._trigger("T2", "possible", evidence, "CAR_DNA {} copies/µg on {}") if evidence else None

    def lymphocytes(self) -> Trigger | None:
        """T4."""
        limits = self.limits
        high = [
            point
            for point in self._after(limits.lymphocytes_after_day, "ALC")
            if _exceeds(point, limits.lymphocytes_over_10e9_per_l)
        ]
        pair = _apart(high, days=limits.lymphocytes_apart_days)
        return self._trigger("T4", "possible", pair, "ALC {} ×10⁹/L on {}") if pair else None

    def blasts(self) -> Trigger | None:
        """L3."""
        limits = self.limits
        points = self._points("BLASTS")
        many = [point for point in points if _reaches(point, limits.blasts_once_percent)]
        some = [point for point in points if _reaches(point, limits.blasts_twice_percent)]
        pair = _apart(some, days=limits.blasts_apart_days)
        evidence = sorted({*many, *pair}, key=lambda point: (point.collected_on, point.result_id))
        if not evidence:
            return None
        return self._trigger("L3", "certain" if many else "possible", evidence, "BLASTS {} % on {}")

    def cytopenia(self, episodes: Sequence[Episode]) -> Trigger | None:
        """L2: rule 2's certain episodes with a low day after day 90, of two lineages or with a large MCV."""
        late = [(episode, on) for episode in episodes if (on := self._first_late_low(episode)) is not None]
        in_two = [
            episode
            for episode, _ in late
            if any(other.lineage != episode.lineage and other.shares_a_day_with(episode) for other, _ in late)
        ]
        with_mcv = [(episode, mcv) for episode, on in late for mcv in self._large_mcv(from_on=on)]
        involved = {(episode.lineage, episode.first_low_on): episode for episode in in_two}
        involved |= {(episode.lineage, episode.first_low_on): episode for episode, _ in with_mcv}
        if not involved:
            return None
        cells = sorted({mcv for _, mcv in with_mcv}, key=lambda point: (point.collected_on, point.result_id))
        found = sorted(involved.values(), key=lambda episode: (episode.first_low_on, episode.lineage))
        return Trigger(
            key="L2",
            certainty="possible",
            day_zero=self.day_zero,
            first_on=found[0].first_low_on,
            last_on=max([episode.last_low_on for episode in found] + [mcv.collected_on for mcv in cells]),
            matched=(
                *(f"{e.lineage} low from {e.first_low_on} to {e.last_low_on}" for e in found),
                *_texts(cells, "MCV {} fL on {}"),
            ),
        )

    def _first_late_low(self, episode: Episode) -> date | None:
        after = self.limits.cytopenia_after_day
        return next((day.on for day in episode.low_days if (day.on - self.day_zero).days > after), None)

    def _large_mcv(self, *, from_on: date) -> list[LabPoint]:
        before = [
            point
            for point in self.history.labs.get("MCV", ())
            if point.collected_on < self.day_zero and not point.comparator
        ]
        # Of several results of the last day the lowest, so that no rise is missed.
        last = max(before, key=lambda point: (point.collected_on, -point.value), default=None)
        return [
            point
            for point in self._points("MCV")
            if point.collected_on >= from_on
            and (
                _exceeds(point, self.limits.mcv_over_fl)
                or (last is not None and _reaches(point, last.value + self.limits.mcv_rise_fl))
            )
        ]

    def _points(self, analyte: str) -> list[LabPoint]:
        points = [
            point
            for point in self.history.labs.get(analyte, ())
            if point.collected_on >= self.day_zero
            and (self.following is None or point.collected_on < self.following)
        ]
        return sorted(points, key=lambda point: (point.collected_on, point.result_id))

    def _after(self, day: int, analyte: str) -> list[LabPoint]:
        return [point for point in self._points(analyte) if (point.collected_on - self.day_zero).days > day]

    def _trigger(self, key: str, certainty: Certainty, points: Sequence[LabPoint], text: str) -> Trigger:
        return Trigger(
            key=key,
            certainty=certainty,
            day_zero=self.day_zero,
            first_on=points[0].collected_on,
            last_on=points[-1].collected_on,
            matched=_texts(points, text),
        )


def _apart(points: Sequence[LabPoint], *, days: int) -> list[LabPoint]:
    """Return the points that have a partner at least so many days away, in order; empty when none has."""
    if not points:
        return []
    first, last = points[0].collected_on, points[-1].collected_on
    return [
        point
        for point in points
        if (point.collected_on - first).days >= days or (last - point.collected_on).days >= days
    ]


def _reaches(point: LabPoint, limit: Decimal) -> bool:
    """Whether a result proves a value of at least `limit`: `>x` is at least x, `<x` proves nothing."""
    return point.comparator != "<" and point.value >= limit


def _exceeds(point: LabPoint, limit: Decimal) -> bool:
    """Whether a result proves a value over `limit`: `>4` is over 4, `4` is not."""
    return point.value >= limit if point.comparator == ">" else not point.comparator and point.value > limit


def _texts(points: Sequence[LabPoint], text: str) -> tuple[str, ...]:
    return tuple(text.format(value_text(point), point.collected_on.isoformat()) for point in points)
