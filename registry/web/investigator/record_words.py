"""A recorded visit in words: each row with what it says now, what it said before, who changed it and why."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from registry.clinical.analytes import ANALYTES
from registry.clinical.spoken_dates import spoken
from registry.clinical.units import unit_label
from registry.exchange.casebook import Speaker, before_and_after, is_fact
from registry.models import LabResult, Signature
from registry.queries.casebook import BookRow, Casebook, RowChange
from registry.queries.column_names import column_name

_RESULTS = LabResult._meta.db_table
# How a superseded result came to be so stands in the row that took its place.
_TOLD_BY_SUCCESSOR = frozenset({"superseded_by", "superseded_at", "superseded_reason"})
Key = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Step:
    """One change: the field, what it was and became in words, who, when, why, by which way."""

    at: datetime
    who: str
    label: str
    old: str
    new: str
    reason: str
    origin: str


@dataclass(frozen=True, slots=True)
class Story:
    """One row of the visit with its changes, latest first, and how it was entered.

    `anchor` names it on the page of the history. `mark`: empty, `removed` or `taken back`.
    """

    key: Key
    anchor: str
    title: str
    mark: str
    facts: tuple[tuple[str, str], ...]
    made_by: str
    made_at: datetime | None
    steps: tuple[Step, ...]
    changed_fields: frozenset[str]

    @property
    def is_changed(self) -> bool:
        return bool(self.steps or self.mark)


def stories_of(*, book: Casebook, keys: Collection[Key], visit_id: int) -> list[Story]:
    """Return the visit's rows, the visit first, then as they came; a result with all that it replaced."""
    speaker = Speaker(book)
    gone = [key for key, row in book.every.items() if row.removed and row.columns.get("visit_id") == visit_id]
    wanted = [key for key in [*keys, *gone] if key in book.every]
    replaced = {
        (_RESULTS, row.columns["superseded_by_id"]): row
        for (table, _), row in book.every.items()
        if table == _RESULTS and row.columns.get("superseded_by_id")
    }
    return [
        _story(speaker, book, book.every[key], replaced)
        for key in dict.fromkeys(wanted)
        if not book.every[key].columns.get("superseded_by_id")
    ]


def since(*, stories: Sequence[Story], signed: BookRow) -> list[tuple[Story, Step]]:
    """Return what changed after a signature, in the order in which it happened."""
    at = signed.made.at if signed.made else None
    if at is None:
        return []
    found = [(story, step) for story in stories for step in story.steps if step.at > at]
    for story in stories:
        if story.made_at is not None and story.made_at > at and not story.steps:
            facts = "; ".join(f"{label}: {value}" for label, value in story.facts)
            told = story.title if story.key[0] == _RESULTS else facts or story.title
            found.append((story, Step(story.made_at, story.made_by, "Added", "", told, "", "")))
    return sorted(found, key=lambda line: line[1].at)


def signed_row(*, book: Casebook, signature: Signature) -> BookRow | None:
    """Return the signature's own row of the book: the trail knows when it was written."""
    return book.every.get((Signature._meta.db_table, signature.pk))


def _story(speaker: Speaker, book: Casebook, row: BookRow, replaced: dict[Key, BookRow]) -> Story:
    steps = sorted(_steps(speaker, row, replaced), key=lambda step: step.at, reverse=True)
    fields = {each.attname: each.name for each in row.model._meta.concrete_fields if is_fact(each)}
    made = row.made
    first = row
    while (before := replaced.get(first.key)) is not None:
        first = before
    made = first.made or made
    return Story(
        key=row.key,
        anchor=f"{row.key[0].removeprefix('registry_')}-{row.key[1]}",
        title=speaker.title(row),
        mark="removed" if row.removed else "taken back" if row.columns.get("superseded_at") else "",
        facts=(*_above(speaker, book, row), *speaker.facts(row)),
        made_by=made.who if made else "The registry",
        made_at=made.at if made else None,
        steps=tuple(steps),
        changed_fields=frozenset(
            fields[column] for change in row.changes for column in change.new if column in fields
        ),
    )


def _above(speaker: Speaker, book: Casebook, row: BookRow) -> Iterator[tuple[str, str]]:
    """What the row is about: the casebook shows it below that, a visit shows it alone."""
    if row.hangs_on and row.hangs_on != "visit_id":
        target = row.model._meta.get_field(row.hangs_on.removesuffix("_id")).related_model
        number = row.columns.get(row.hangs_on)
        if isinstance(target, type) and number and (above := book.every.get((target._meta.db_table, number))):
            yield "About", speaker.title(above)


def _steps(speaker: Speaker, row: BookRow, replaced: dict[Key, BookRow]) -> Iterator[Step]:
    fields = {each.attname: each for each in row.model._meta.concrete_fields}
    for change in row.changes:
        if change.new.get("superseded_at"):
            if not row.columns.get("superseded_by_id"):
                yield _step(change, "Result", _result(row), "taken back", row.columns["superseded_reason"])
            continue
        before, after = before_and_after(row=row, change=change)
        for column, new in change.new.items():
            each = fields.get(column)
            if each is None or not is_fact(each) or each.name in _TOLD_BY_SUCCESSOR:
                continue
            label = column_name(each)
            label = label[:1].upper() + label[1:]
            old = speaker.measured(each, before, change.old.get(column))
            yield _step(change, label, old, speaker.measured(each, after, new))
    if row.removed:
        yield _step(row.removed, "Row", "", "removed")
    then = row
    while (earlier := replaced.get(then.key)) is not None:
        told = next((c for c in earlier.changes if c.new.get("superseded_at")), None)
        if told is not None:
            reason = earlier.columns["superseded_reason"]
            yield _step(told, "Result", _result(earlier), _result(then), reason)
        then = earlier


def _step(change: RowChange, label: str, old: str, new: str, reason: str = "") -> Step:
    why = reason or change.reason
    return Step(
        at=change.at,
        who=change.who,
        label=label,
        old=old or "(empty)",
        new=new or "(empty)",
        reason=why if why != change.origin else "",
        origin=change.origin,
    )


def _result(row: BookRow) -> str:
    columns = row.columns
    name = ANALYTES[columns["analyte"]].name
    day = spoken(date.fromisoformat(columns["collected_on"]))
    return f"{name} {columns['entered_value']} {unit_label(columns['entered_unit'])}, {day}"
