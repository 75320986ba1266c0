"""The laboratory part of the visit form: one header, one row per analyte, a report to paste."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from typing import Final

from django.core.exceptions import ValidationError
from django.utils.safestring import SafeString

from registry.actions.laboratories import laboratory_problems, learn_names
from registry.clinical.analytes import ANALYTES
from registry.clinical.short_names import name_in_short
from registry.models import LabNotDone, LabResult, User
from registry.queries.earlier_results import doubts_about
from registry.queries.laboratories import (
    Habit,
    KnownLaboratory,
    laboratories_for,
    names_learned,
)
from registry.queries.visit_sheet import EarlierResult
from registry.templatetags.words import on as in_words
from registry.web.investigator.dates import read_date, read_typed
from registry.web.investigator.grid_html import rows_html
from registry.web.investigator.lab_rows import FIELDS, ResultRow, limits_of, plain
from registry.web.investigator.report_paste import PASTE_STEPS, ReportPaste
from registry.web.investigator.row_forms import About

# What nearly every follow-up visit reports; the others wait below, open when one of them is filled.
ROUTINE: Final = (
    "ANC",
    "WBC",
    "HGB",
    "PLT",
    "ALC",
    "MCV",
    "CD19",
    "IGG",
    "CRP",
    "FERRITIN",
    "CREATININE",
)
ORDER: Final = (*ROUTINE, *(key for key in ANALYTES if key not in ROUTINE))
_HEADER: Final = ("laboratory", "new_laboratory", "filled_for", "collected_on")
_ERRORS: Final = (*_HEADER, "report")


def is_grid_step(step: str) -> bool:
    """Whether a button of the grid was pressed: it changes what stands in the form and stores nothing."""
    return step.partition(" ")[0] in {"use", "laboratory", *PASTE_STEPS}


class LabGrid:
    """What the site typed of a visit's results. `recorded`: what is stored of it; `previous`: before it.

    `units`: what the site enters most, where no laboratory says it.

    Buttons of the grid come with the form as `step`; what they do to it is done when it is built.
    """

    def __init__(
        self,
        *,
        about: About,
        data: Mapping[str, str] | None,
        recorded: Sequence[LabResult] = (),
        not_done: Sequence[LabNotDone] = (),
        previous: Mapping[str, EarlierResult] | None = None,
        units: Mapping[str, str] | None = None,
        visited_on: date | None = None,
    ):
        self.about = about
        self.errors: dict[str, list[str]] = {}
        self.known = laboratories_for(patient=about.patient)
        self._previous = previous or {}
        self._units = units or {}
        self._recorded: dict[str, list[LabResult]] = {}
        for result in recorded:
            self._recorded.setdefault(result.analyte, []).append(result)
        self._not_done = {row.analyte: row.reason for row in not_done}
        self._initial = self._initial_header(recorded, visited_on)
        self.is_bound = data is not None
        self.step = "" if data is None else data.get("step", "")
        self.header = (
            self._initial
            if data is None
            else {name: data.get(f"labs-{name}", "").strip() for name in _HEADER}
        )
        typed = self._initial_rows(visited_on) if data is None else _typed_rows(data)
        # As pasted and not read yet; taken over, it is gone from the box.
        self.report = "" if data is None else data.get("labs-report", "")
        self._do_step(typed)
        self.paste = self._paste(data, typed) if data is not None else None
        if self.paste is not None:
            self.report = self.paste.text
        self.rows = [self._row(key, typed[key]) for key in ORDER]
        if data is None:
            for row in self.rows:
                row.look_at_recorded()

    # --- reading ------------------------------------------------------------------------------

    def judge(
        self,
        *,
        visited_on: date | None,
        is_date_wrong: bool,
        transfusions: Collection[tuple[date, str]] = (),
    ) -> bool:
        """Judge every row on the day of collection, or of the visit; ask about the unlikely.

        While the date of the visit is itself wrong, only the values are judged: one error, not twelve.
        """
        on = self._day_of_header() or (self.about.today if is_date_wrong else visited_on)
        self._judge_laboratory()
        if self.report.strip() and self.paste is None:
            self.errors["report"] = [
                "A report is pasted and was not taken over. Press “Read the report”, or empty the box."
            ]
        for row in self.rows:
            is_as_recorded = row.recorded is not None and not self._is_laboratory_changed
            row.read(
                patient=self.about.patient,
                on=on,
                today=self.about.today,
                # A recorded result keeps its laboratory until somebody says another.
                laboratory="" if is_as_recorded else self.laboratory_name,
            )
        asked = [row.reported for row in self.rows if row.reported and not row.is_unchanged]
        if asked:
            replaced = [row.recorded.pk for row in self.rows if row.recorded]
            doubts = doubts_about(
                patient=self.about.patient, reported=asked, without=replaced, transfusions=transfusions
            )
            for row in self.rows:
                if row.analyte.key in doubts:
                    row.ask(doubts[row.analyte.key])
        return not self.errors and not any(row.errors for row in self.rows)

    def look(self, *, data: Mapping[str, str]) -> None:
        """Say grades and questions of what stands in a form that is not being stored."""
        day = day_typed(data)
        self.judge(visited_on=day, is_date_wrong=day is None)

    @property
    def problems(self) -> list[tuple[str, str]]:
        """Every error as a link for the summary, in the order of the page."""
        found = [(f"id_labs-{name}", words) for name in _ERRORS for words in self.errors.get(name, ())]
        for row in self.rows:
            found += row.summary(prefix=f"{row.analyte.name}: ")
        return found

    @property
    def chosen(self) -> KnownLaboratory | None:
        """The laboratory of the header, when it is one that the site has."""
        if self.header["new_laboratory"]:
            return self._named(self.header["new_laboratory"])
        return next((k for k in self.known if str(k.laboratory.pk) == self.header["laboratory"]), None)

    @property
    def laboratory_name(self) -> str:
        chosen = self.chosen
        return chosen.laboratory.name if chosen else self.header["new_laboratory"]

    # --- drawing ------------------------------------------------------------------------------

    @property
    def routine_html(self) -> SafeString:
        return rows_html(self.rows[: len(ROUTINE)], day_zero=self.about.day_zeros[0])

    @property
    def others_html(self) -> SafeString:
        return rows_html(self.rows[len(ROUTINE) :], day_zero=self.about.day_zeros[0])

    @property
    def others_named(self) -> str:
        """`EOS, MONO, Blasts in blood`"""
        return ", ".join(name_in_short(row.analyte.key) for row in self.others)

    @property
    def analytes(self) -> list[tuple[str, str]]:
        """All analytes by their names, to choose from."""
        return [(key, ANALYTES[key].name) for key in ORDER]

    @property
    def others(self) -> list[ResultRow]:
        return self.rows[len(ROUTINE) :]

    @property
    def others_are_touched(self) -> bool:
        return any(row.is_touched for row in self.others)

    # --- the parts ----------------------------------------------------------------------------

    def _initial_header(self, recorded: Sequence[LabResult], visited_on: date | None) -> dict[str, str]:
        used = [result.laboratory_id for result in recorded if result.laboratory_id]
        if not recorded:
            used = [
                result.laboratory_id
                for result in sorted(self._previous.values(), key=lambda r: r.collected_on, reverse=True)
                if result.laboratory_id
            ] or [known.laboratory.pk for known in self.known[:1]]
        known = {str(each.laboratory.pk) for each in self.known}
        number = next((str(pk) for pk in used if str(pk) in known), "")
        days = {result.collected_on for result in recorded}
        apart = next(iter(days)) if len(days) == 1 and visited_on not in days else None
        return {
            "laboratory": number,
            "new_laboratory": "",
            "filled_for": number,
            "collected_on": in_words(apart),
        }

    def _initial_rows(self, visited_on: date | None) -> dict[str, dict[str, str]]:
        chosen = self.chosen
        habits = chosen.habits if chosen else {}
        return {key: self._initial_row(key, habits.get(key), visited_on) for key in ORDER}

    def _initial_row(self, key: str, habit: Habit | None, visited_on: date | None) -> dict[str, str]:
        if key in self._recorded:
            result = self._recorded[key][0]
            is_usual = in_words(result.collected_on) == (
                self._initial["collected_on"] or in_words(visited_on)
            )
            return {
                "value": result.entered_value,
                "unit": result.entered_unit,
                "lower_limit": plain(result.lower_limit),
                "upper_limit": plain(result.upper_limit),
                "collected_on": "" if is_usual else in_words(result.collected_on),
                "right_because": result.right_because,
                "result": str(result.pk),
            }
        reason = self._not_done.get(key, "")
        previous = self._previous.get(key)
        usual = self._units.get(key) or (previous.entered_unit if previous else "")
        lower, upper = limits_of(habit) if habit else ("", "")
        return {
            "unit": habit.unit if habit else usual or ANALYTES[key].canonical_unit,
            "lower_limit": lower,
            "upper_limit": upper,
            "missing": "on" if reason else "",
            "not_done": reason,
        }

    def _row(self, key: str, typed: Mapping[str, str]) -> ResultRow:
        of_analyte = self._recorded.get(key, [])
        said = typed.get("result", "")
        # Only a result of this sheet; a forged number is none of it.
        recorded = next((result for result in of_analyte if str(result.pk) == said), None)
        return ResultRow(
            analyte=ANALYTES[key],
            typed=typed,
            previous=self._previous.get(key),
            recorded=recorded,
            also=tuple(of_analyte[1:]),
            habits=tuple(known.habits[key] for known in self.known if key in known.habits),
        )

    def _named(self, name: str) -> KnownLaboratory | None:
        return next((k for k in self.known if k.laboratory.name.casefold() == name.casefold()), None)

    @property
    def _is_laboratory_changed(self) -> bool:
        chosen = self.chosen
        return self.laboratory_name != "" and (
            chosen is None or str(chosen.laboratory.pk) != self._initial["laboratory"]
        )

    def _judge_laboratory(self) -> None:
        for problem in laboratory_problems(name=self.header["new_laboratory"]):
            self.errors.setdefault("new_laboratory", []).append(problem.for_people)
        chosen = self.chosen
        of = next((k for k in self.known if str(k.laboratory.pk) == self.header["filled_for"]), None)
        if of is not None and of is not chosen and any(row.text("value") for row in self.rows):
            there = self.laboratory_name or "no laboratory"
            self.errors.setdefault("laboratory", []).append(
                f"Units and ranges below are those of {of.laboratory.name}, and you chose {there}."
                " Press “Fill in units and ranges”, look at the rows, and save again."
            )

    def _day_of_header(self) -> date | None:
        if not self.header["collected_on"]:
            return None
        try:
            return read_typed(self.header["collected_on"])
        except ValidationError as refusal:
            self.errors.setdefault("collected_on", []).append(refusal.messages[0])
            return self.about.today

    # --- the buttons --------------------------------------------------------------------------

    def _do_step(self, typed: dict[str, dict[str, str]]) -> None:
        if self.step == "laboratory":
            self._fill_in(typed)
        elif self.step.startswith("use "):
            _, key, unit, text = [*self.step.split(" ", 3), "", "", ""][:4]
            if key in typed and unit in ANALYTES[key].units:
                typed[key] |= {"value": text[:30], "unit": unit}

    def _fill_in(self, typed: dict[str, dict[str, str]]) -> None:
        """Give every row the unit and range of the chosen laboratory; what a person typed stays."""
        chosen = self.chosen
        habits = chosen.habits if chosen else {}
        for key, row in typed.items():
            habit = habits.get(key)
            limits = (row.get("lower_limit", "").strip(), row.get("upper_limit", "").strip())
            is_free = not any(limits) or any(
                limits == limits_of(known.habits[key]) for known in self.known if key in known.habits
            )
            if habit is not None and not row.get("value", "").strip():
                row["unit"] = habit.unit
            if is_free:
                fits = habit is not None and row.get("unit") == habit.unit
                row["lower_limit"], row["upper_limit"] = limits_of(habit) if habit and fits else ("", "")
        self.header["filled_for"] = str(chosen.laboratory.pk) if chosen else ""

    def _paste(self, data: Mapping[str, str], typed: dict[str, dict[str, str]]) -> ReportPaste | None:
        if self.step not in PASTE_STEPS:
            return None
        chosen = self.chosen
        learned = names_learned(laboratory=chosen.laboratory) if chosen else {}
        paste = ReportPaste(data=data, learned=learned, typed=typed, step=self.step)
        paste.take_over(typed)
        if paste.is_taken:
            self._say_one_day_once(typed)
        return paste

    def _say_one_day_once(self, typed: dict[str, dict[str, str]]) -> None:
        """The one day of every row stands in the header: a dozen equal dates hide the one that differs."""
        filled = [
            row for row in typed.values() if any(row[name] for name in ("value", "missing", "not_done"))
        ]
        days = {row["collected_on"] for row in filled}
        if self.header["collected_on"] or len(days) != 1:
            return
        self.header["collected_on"] = days.pop()
        for row in filled:
            row["collected_on"] = ""


def learn_from_report(*, grid: LabGrid, by: User, at: datetime) -> None:
    """Remember for the laboratory what a person told about names in its report that nobody knew."""
    chosen = grid.chosen
    if grid.paste is not None and grid.paste.told_names and chosen is not None:
        learn_names(
            patient=grid.about.patient,
            laboratory=chosen.laboratory,
            names=grid.paste.told_names,
            by=by,
            at=at,
        )


def day_typed(data: Mapping[str, str]) -> date | None:
    """The date of the visit as it stands in a form, when it is one."""
    try:
        return read_date(*(data.get(f"visited_on_{part}", "").strip() for part in ("day", "month", "year")))
    except ValidationError:
        return None


def _typed_rows(data: Mapping[str, str]) -> dict[str, dict[str, str]]:
    return {key: {field: data.get(f"lab-{key}-{field}", "") for field in FIELDS} for key in ORDER}
