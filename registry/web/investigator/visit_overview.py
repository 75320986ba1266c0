"""The visit form at a glance: how far each section is, the day in words, everything before saving."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from django.core.exceptions import ValidationError

from registry.actions.visits import VisitEntry
from registry.clinical.analytes import ANALYTES
from registry.clinical.units import read_value, unit_label
from registry.clinical.visit_contact import CONTACT_MODES
from registry.clinical.visit_windows import UNSCHEDULED
from registry.models import Visit
from registry.templatetags.words import study_day
from registry.web.investigator.dates import read_date
from registry.web.investigator.lab_grid import ROUTINE
from registry.web.investigator.sections import left_open_of
from registry.web.investigator.visit_forms import VisitSheetForm
from registry.web.investigator.visit_place import Place

_DATE = ("visited_on_day", "visited_on_month", "visited_on_year")
_NOT_BEGUN = "Not begun"


@dataclass(frozen=True, slots=True)
class Line:
    """One section in the list at the left: where it stands and how far it is, in words."""

    anchor: str
    title: str
    state: str
    is_wrong: bool = False


@dataclass(frozen=True, slots=True)
class Answers:
    """One section of the review: its answers as pairs of words."""

    title: str
    pairs: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class LeftOpen:
    """What nobody has answered and a visit may be saved without: in a sentence, and where in the form."""

    words: str
    anchor: str


def typed_day(*, place: Place, data: Mapping[str, str] | None) -> tuple[str, bool]:
    """The typed date of the visit in words, or the recorded one; and whether it cannot be read."""
    if data is None:
        visited_on = place.visit.visited_on if place.visit else None
        return (place.in_words(visited_on), False) if visited_on else ("", False)
    parts = [data.get(name, "").strip() for name in _DATE]
    if not all(parts):
        return "", False
    try:
        return place.in_words(read_date(*parts)), False
    except ValidationError as refusal:
        return " ".join(refusal.messages), True


def contents_of(
    *, form: VisitSheetForm, data: Mapping[str, str] | None, problems: Sequence[tuple[str, str]]
) -> list[Line]:
    """The sections of the page in order, each with how far it is."""

    def line(anchor: str, title: str, state: str, *fields: str) -> Line:
        count = sum(field_id.startswith(fields) for field_id, _ in problems)
        words = f"{count} to correct" if count else state
        return Line(f"s-{anchor}", title, words, bool(count))

    def said(name: str) -> str:
        return str(form.visit[name].value() or "")

    is_missed = said("status") == "missed"
    has_date = any((data or {}).get(name) for name in _DATE) or (data is None and bool(said("visited_on")))
    values, missing = _counted(form, data)
    counted = [f"{values} value{'s' * (values != 1)}"] if values else []
    counted += [f"{missing} not done"] if missing else []
    given = sum(bool(row["kind"].value()) for row in form.supports) + len(form.recorded_supports)
    found = [
        line(
            "visit",
            "The visit",
            "Not done" if is_missed else "Dated" if has_date else _NOT_BEGUN,
            "id_visited_on",
            "id_status",
            "id_missed",
            "id_contact",
        ),
        line("labs", "Laboratory results", ", ".join(counted) or _NOT_BEGUN, "id_lab-", "id_labs-"),
        line("support", "Transfusions, growth factors", f"{given} given" if given else "None", "id_support-"),
        line(
            "malignancy",
            "New malignancy",
            "Answered" if said("new_malignancy") else "To answer",
            "id_new_malignancy",
        ),
    ]
    for section in form.sections:
        state = getattr(section, "status", "") or ("Filled in" if section.is_touched else _NOT_BEGUN)
        count = len(section.problems) if problems else 0
        words = f"{count} to correct" if count else state
        found.append(Line(f"s-{section.key}", section.title, words, bool(count)))
    found.append(line("comments", "Comments", "Written" if said("comments") else "None", "id_comments"))
    if form.reason is not None:
        state = "Written" if form.reason["reason"].value() else "Needed"
        found.append(line("reason", "Reason for the change", state, "id_reason"))
    return found


def _counted(form: VisitSheetForm, data: Mapping[str, str] | None) -> tuple[int, int]:
    """How many results there are, and how many are said to be missing."""
    if data is None:
        return len(form.sheet.results), len(form.sheet.not_done)
    keys = [f"lab-{key}" for key in ANALYTES]
    return (
        sum(bool(data.get(f"{key}-value", "").strip()) for key in keys),
        sum(bool(data.get(f"{key}-not_done", "").strip()) for key in keys),
    )


def answers_of(*, place: Place, form: VisitSheetForm) -> list[Answers]:
    """Everything that was answered, as it will be stored. `form` is judged and valid."""
    entry = form.visit.entry()
    took_place = entry.status == "completed"
    visit = [("Visit", "Took place" if took_place else f"Not done: {entry.missed_reason}")]
    if entry.visited_on:
        visit.append(("Date", place.in_words(entry.visited_on)))
    if entry.contact_mode:
        visit.append(("Contact", CONTACT_MODES[entry.contact_mode]))
    if took_place or entry.new_malignancy is not None:
        answer = {True: "Yes", False: "No", None: "Not known"}[entry.new_malignancy]
        more = f": {entry.new_malignancy_text}" if entry.new_malignancy_text else ""
        visit.append(("New malignancy", answer + more))
    if entry.comments:
        visit.append(("Comments", entry.comments))
    labs = []
    for row in form.rows:
        if row.entry is not None:
            kept = read_value(row.entry.value, decimal_comma=True).as_kept
            words = f"{kept} {unit_label(row.entry.unit)}"
            if row.entry.collected_on != entry.visited_on:
                words += f", collected {study_day(row.entry.collected_on, place.course.day_zero)}"
            words += f" – {row.grade}" if row.grade else ""
            words += f" – right because: {row.entry.right_because}" if row.question else ""
            labs.append((row.analyte.name, words))
        elif row.missing is not None:
            labs.append((row.analyte.name, f"Not done: {row.missing.reason}"))
    supports = [
        (_choice(form, support.kind), f"given {study_day(support.given_on, place.course.day_zero)}")
        for support in form.new_supports()
    ]
    found = [("The visit", visit), ("Laboratory results", labs), ("Transfusions, growth factors", supports)]
    for section in form.sections:
        found.append((section.title, [(words, typed) for words, typed, _ in section.compared() if typed]))
    if form.reason is not None:
        found.append(("Reason for the change", [("Why", form.reason.cleaned_data["reason"])]))
    return [Answers(title, tuple(pairs)) for title, pairs in found if pairs]


def awaits_counts(*, code: str, contact_mode: str) -> bool:
    """Whether the routine values belong to such a visit: planned, and not said to be away from the site."""
    return code != UNSCHEDULED and contact_mode in ("", "on_site")


def left_open_by(*, place: Place, form: VisitSheetForm) -> list[LeftOpen]:
    """What the form leaves open, before it is saved. `form` is judged and valid."""
    said = {row.analyte.key for row in form.rows if row.entry is not None or row.missing is not None}
    words = [(section.key, each) for section in form.sections for each in section.left_open]
    return _left_open(place, form.visit.entry(), said, words)


def left_open_in(*, place: Place, visit: Visit) -> list[LeftOpen]:
    """What the recorded visit leaves open, after it was saved."""
    said = {row.analyte for row in place.sheet.results} | {row.analyte for row in place.sheet.not_done}
    return _left_open(place, visit, said, left_open_of(about=place.about, sheet=place.sheet))


def _left_open(
    place: Place, told: VisitEntry | Visit, said: Collection[str], asked: Sequence[tuple[str, str]]
) -> list[LeftOpen]:
    """One list for both: what was said to be open before saving is open after it."""
    if told.status == "missed":
        return []
    found = []
    silent = [ANALYTES[key].name for key in ROUTINE if key not in said]
    if silent and awaits_counts(code=place.code, contact_mode=told.contact_mode):
        found.append(LeftOpen(f"No value and no reason: {', '.join(silent)}.", "s-labs"))
    if told.new_malignancy is None:
        found.append(LeftOpen("Whether there is a new malignancy is not known.", "s-malignancy"))
    # A visit in between is for its reason, not for the whole list.
    if place.code != UNSCHEDULED:
        found += [LeftOpen(words, f"s-{key}") for key, words in asked]
    if not told.contact_mode:
        found.append(LeftOpen("How the contact was made is not said.", "id_contact_mode"))
    window, on_day = place.sheet.window, told.visited_on
    if window and on_day and not window.opens_on <= on_day <= window.closes_on:
        side = "early" if on_day < window.opens_on else "late"
        found.append(
            LeftOpen(f"The date lies outside the window: the visit is recorded as {side}.", "s-visit")
        )
    return found


def _choice(form: VisitSheetForm, kind: str) -> str:
    return str(dict(form.supports[0].fields["kind"].choices).get(kind, kind))  # type: ignore[attr-defined]
