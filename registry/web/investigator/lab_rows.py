"""One row of the laboratory grid: what was typed, read into a result or into why there is none.

Not a Django form: 27 rows of eight fields cost half of the page's time to build and the other half to draw
(docs/decisions/0023).
"""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Final

from django.core.exceptions import ValidationError

from registry.actions.laboratory import ResultEntry, problems_of
from registry.actions.visits import NotDoneEntry, not_done_problems
from registry.clinical.analytes import Analyte
from registry.clinical.plausibility import Fix, Reported, Unlikely, fixes_of_refused
from registry.clinical.refusals import Problem
from registry.clinical.units import format_value, read_result, unit_label
from registry.models import LabResult, Patient
from registry.queries.laboratories import Habit
from registry.queries.visit_sheet import EarlierResult
from registry.templatetags.words import grade_words
from registry.web.investigator.dates import read_typed

FIELDS: Final = (
    "value",
    "unit",
    "lower_limit",
    "upper_limit",
    "collected_on",
    "missing",
    "not_done",
    "sure",
    "right_because",
    "result",
)
_AT = {"laboratory": "value"}  # problems of fields that are not the row's own stand at its value


class ResultRow:
    """One analyte. An empty row is no result; a remembered unit or range alone fills no row.

    `habits`: how the laboratories of the site report it, whichever is chosen.
    """

    def __init__(
        self,
        *,
        analyte: Analyte,
        typed: Mapping[str, str],
        previous: EarlierResult | None = None,
        recorded: LabResult | None = None,
        also: tuple[LabResult, ...] = (),
        habits: tuple[Habit, ...] = (),
    ):
        self.analyte = analyte
        self.typed = dict(typed)
        self.previous = previous
        self.recorded = recorded
        self.also = also
        self.errors: dict[str, list[str]] = {}
        self.question = ""
        self.fixes: tuple[Fix, ...] = ()
        self.grade = ""
        self.canonical = ""
        self.entry: ResultEntry | None = None
        self.missing: NotDoneEntry | None = None
        self.reported: Reported | None = None
        self._habits = habits

    def name(self, field: str) -> str:
        """The name that a field is sent under."""
        return f"lab-{self.analyte.key}-{field}"

    def text(self, field: str) -> str:
        """What was typed, without the spaces around it."""
        return self.typed.get(field, "").strip()

    @property
    def is_filled(self) -> bool:
        """Whether the row says something of a measurement."""
        limits = (self.text("lower_limit"), self.text("upper_limit"))
        has_own_limits = any(limits) and not self._is_remembered(limits)
        return bool(self.text("value") or self.text("collected_on") or has_own_limits)

    @property
    def is_missing(self) -> bool:
        return bool(self.text("missing") or self.text("not_done"))

    @property
    def is_touched(self) -> bool:
        """Whether the row holds something to see."""
        return bool(self.errors or self.text("value") or self.is_missing)

    @property
    def sure_of(self) -> str:
        """What a reason says yes to: it belongs to the value it was given for, not to the next one."""
        return f"{self.text('value')} {self.text('unit')}".strip()

    @property
    def sure_words(self) -> str:
        """The same for people to read: `150 ×10⁹/L`."""
        return f"{self.text('value')} {unit_label(self.text('unit'))}".strip()

    @property
    def is_unchanged(self) -> bool:
        """Whether the row says what is recorded: nobody is asked twice about the same value."""
        there, said = self.recorded, self.reported
        return (
            there is not None
            and said is not None
            and (there.value, there.comparator) == (said.read.canonical, said.read.entered.comparator)
            and (there.entered_unit, there.collected_on) == (said.unit, said.on)
        )

    def read(self, *, patient: Patient, on: date | None, today: date, laboratory: str) -> None:
        """Judge what was typed; `on`: the day of collection unless the row names its own."""
        if any("\x00" in text for text in self.typed.values()):
            self._add("value", "Null characters are not allowed.")
        elif self.is_missing:
            self._read_missing()
        elif self.is_filled:
            self._drop_range_of_another_unit()
            self._read_result(patient, on, today, laboratory)

    def ask(self, doubt: Unlikely) -> None:
        """Ask whether an unlikely value is right; a reason given for this very value answers."""
        assert self.entry is not None  # noqa: S101 - only results are asked about
        self.question, self.fixes = doubt.question, doubt.fixes
        if not (self.text("sure") == self.sure_of and self.text("right_because")):
            self._add("value", doubt.question)

    @property
    def is_answered(self) -> bool:
        return bool(self.question) and "value" not in self.errors

    def look_at_recorded(self) -> None:
        """Say the grade of a result that stands as recorded."""
        if (there := self.recorded) is not None:
            self._say(there.value, there.comparator, there.entered_unit, there.lower_limit)

    def summary(self, *, prefix: str = "") -> list[tuple[str, str]]:
        """The errors as pairs of the field's id and words, for the summary at the top."""
        return [
            (f"id_{self.name(field)}", f"{prefix}{words}")
            for field in FIELDS
            for words in self.errors.get(field, ())
        ]

    def _read_missing(self) -> None:
        if self.text("value"):
            self._add("not_done", "There is a value as well. Leave one of the two empty.")
            return
        entry = NotDoneEntry(analyte=self.analyte.key, reason=self.text("not_done"))
        self._add_problems(not_done_problems(entry=entry))
        if not self.errors:
            self.missing = entry

    def _read_result(self, patient: Patient, on: date | None, today: date, laboratory: str) -> None:
        day = self._day(on)
        if day is None:
            return
        entry = ResultEntry(
            analyte=self.analyte.key,
            value=self.text("value"),
            unit=self.text("unit"),
            collected_on=day,
            lower_limit=self.text("lower_limit"),
            upper_limit=self.text("upper_limit"),
            laboratory=laboratory,
            right_because=self.text("right_because"),
        )
        self._add_problems(problems_of(entry=entry, patient=patient, today=today))
        if self.errors:
            self.fixes = fixes_of_refused(
                entry.value, analyte=entry.analyte, unit=entry.unit, decimal_comma=True
            )
            return
        self.entry = entry
        read = read_result(entry.value, analyte=entry.analyte, unit=entry.unit, decimal_comma=True)
        self.reported = Reported(entry.analyte, entry.unit, day, read)
        self._say(read.canonical, read.entered.comparator, entry.unit, entry.lower_limit)

    def _day(self, on: date | None) -> date | None:
        if own := self.text("collected_on"):
            try:
                return read_typed(own)
            except ValidationError as refusal:
                self._add("collected_on", refusal.messages[0])
                return None
        if on is None:
            self._add("collected_on", "Give the day of collection, or the date of the visit above.")
        return on

    def _say(self, value: Decimal, comparator: str, unit: str, lower_limit: Decimal | str | None) -> None:
        key = self.analyte.key
        self.grade = grade_words(
            analyte=key, value=value, comparator=comparator, unit=unit, lower_limit=lower_limit
        )
        if self.analyte.units.get(unit) != 1:
            number = format_value(value, analyte=key)
            self.canonical = f"= {comparator}{number} {unit_label(self.analyte.canonical_unit)}"

    def _is_remembered(self, limits: tuple[str, str]) -> bool:
        return any(limits == limits_of(habit) for habit in self._habits)

    def _drop_range_of_another_unit(self) -> None:
        """A remembered range is in the laboratory's unit; beside another it would be a thousandfold off."""
        limits = (self.text("lower_limit"), self.text("upper_limit"))
        if any(limits) and self._is_remembered(limits):
            fits = any(
                limits == limits_of(habit) and habit.unit == self.text("unit") for habit in self._habits
            )
            is_recorded = self.recorded is not None and self.recorded.entered_unit == self.text("unit")
            if not fits and not is_recorded:
                self.typed["lower_limit"] = self.typed["upper_limit"] = ""

    def _add(self, field: str, words: str) -> None:
        self.errors.setdefault(field, []).append(words)

    def _add_problems(self, problems: list[Problem]) -> None:
        for problem in problems:
            field = _AT.get(problem.field, problem.field)
            field = field if field in FIELDS else "value"
            if field not in self.errors:
                self._add(field, problem.for_people)


def limits_of(habit: Habit) -> tuple[str, str]:
    """A remembered range as the grid writes it."""
    return plain(habit.lower_limit), plain(habit.upper_limit)


def plain(limit: Decimal | None) -> str:
    """A limit without trailing zeros; empty for none."""
    return "" if limit is None else format(limit.normalize(), "f")
