"""Disease activity and serology in the visit form: the scores of the patient's disease, the others folded."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from django.http import QueryDict
from django.utils.safestring import SafeString

from registry.actions.disease_activity import ActivityPart, ScoreEntry, SerologyEntry, clashes
from registry.clinical.code_lists import SCORES, CodeList
from registry.clinical.disease_activity import (
    EUSTAR_ITEMS,
    MRSS_SITES,
    SLEDAI_ITEMS,
    TIS_LEVELS,
    TIS_MEASURES,
    USUAL_SCORES,
    VARIANTS,
    Item,
    check_clinical_sledai,
    check_items,
    clinical_sledai,
    item_names,
    read_score,
    total_of,
)
from registry.models import Score
from registry.queries.activity import detail_of, points_of, scores_of, serology_of
from registry.queries.visit_sheet import VisitSheet
from registry.web.investigator import typed_html as html
from registry.web.investigator.row_forms import About
from registry.web.investigator.serology_part import SerologyFields
from registry.web.investigator.typed import Typed, TypedFields

_SHORT = {
    "SLEDAI-2K": "sledai",
    "PHGA": "phga",
    "MRSS": "mrss",
    "EUSTAR": "eustar",
    "MMT8": "mmt8",
    "TIS": "tis",
    "HAQ-DI": "haq",
}
_HINTS = {
    "PHGA": "One number by the physician. The scale is asked because 2 is much on 0–3 and little on 0–10.",
    "MRSS": "Each site 0 normal, 1 mild, 2 moderate, 3 severe thickening; or only the total, 0–51.",
    "EUSTAR": "Tick what is present; or only the total.",
    "MMT8": "Eight muscles, 0–10 each.",
    "TIS": "Improvement since baseline, each core measure by its level; or only the total, 0–100.",
    "HAQ-DI": "0–3 in steps of 0.125.",
    "SLEDAI-2K": "Tick what is present and due to lupus. The totals are computed.",
}
_CAUSES = {
    "": "Not present",
    "lupus": "Present, due to lupus",
    "other": "Present, not due to lupus: not counted",
}
_QUESTIONS = {
    "new_activity": "New lupus activity since the previous assessment?",
    "haemolysis_or_gi": "Haemolytic anaemia or gastrointestinal activity of lupus?",
}
_ANSWERS = {"yes": True, "no": False}


@dataclass(slots=True)
class ItemRow:
    """One item of a score in the form: a tick, a question for its cause, or a step."""

    item: Item
    is_ticked: bool = False
    cause: Typed | None = None


@dataclass(slots=True)
class Block:
    """One score in the form, with its latest value beside it."""

    score: str
    short: str
    name: str
    hint: str
    total: Typed
    previous: Score | None
    variant: Typed | None = None
    variants: CodeList | None = None
    none: Typed | None = None
    ticks: tuple[ItemRow, ...] = ()
    steps: tuple[tuple[Typed, tuple[tuple[str, str], ...]], ...] = ()
    questions: tuple[Typed, ...] = ()
    clinical: Typed | None = None
    computed: str = ""

    @property
    def items_html(self) -> SafeString:
        """The items or steps of the score, drawn by hand."""
        name = f"activity-{self.short}-item"
        rows = (
            html.item(row.item, name=name, is_ticked=row.is_ticked, cause=row.cause, causes=_CAUSES)
            for row in self.ticks
        )
        steps = (html.step(typed, options=options) for typed, options in self.steps)
        return html.joined([*rows, *steps])

    @property
    def previous_variant(self) -> str:
        detail = detail_of(self.previous) if self.previous is not None else None
        return (self.variants or {}).get(detail.variant, "") if detail is not None else ""

    @property
    def is_filled(self) -> bool:
        return bool(
            self.total.value
            or (self.none and self.none.value)
            or any(row.is_ticked or (row.cause and row.cause.value) for row in self.ticks)
            or any(typed.value for typed, _ in self.steps)
            or any(typed.value for typed in self.questions)
            or (self.clinical and self.clinical.value)
        )

    @property
    def fields(self) -> list[Typed]:
        found = [self.total, self.variant, self.none, self.clinical, *self.questions]
        found += [typed for typed, _ in self.steps] + [row.cause for row in self.ticks]
        return [typed for typed in found if typed is not None]

    @property
    def has_errors(self) -> bool:
        return any(typed.errors for typed in self.fields)


class ActivitySection:
    """The section `activity`: scores as entries, their items, and serology by assay."""

    key = "activity"
    title = "Disease activity and serology"
    template = "investigator/_activity_section.html"

    def __init__(self, *, about: About, sheet: VisitSheet, data: QueryDict | None):
        self.about = about
        self.sheet = sheet
        self.recorded_on = sheet.visit.visited_on if sheet.visit is not None else None
        self._scores = scores_of(patient=about.patient)
        self._here = {row.score: row for row in self._scores if row.assessed_on == self.recorded_on}
        self.fields = TypedFields(key=self.key, data=data)
        blocks = {score: self._block(score, short) for score, short in _SHORT.items()}
        usual = USUAL_SCORES.get(about.patient.diagnosis, USUAL_SCORES["OTHER"])
        self.usual = [blocks[score] for score in usual]
        self.further = [block for score, block in blocks.items() if score not in usual]
        self.serology = SerologyFields(
            fields=self.fields,
            rows=serology_of(patient=about.patient),
            diagnosis=about.patient.diagnosis,
            recorded_on=self.recorded_on,
            day_zero=sheet.course.day_zero,
        )
        self._entries: list[ScoreEntry] = []
        self._tests: list[SerologyEntry] = []
        self._visited_on: date | None = None

    # --- showing -----------------------------------------------------------------------------

    def _block(self, score: str, short: str) -> Block:
        row = self._here.get(score)
        detail = detail_of(row) if row is not None else None
        points = points_of(detail)
        by_items = points is not None
        fields, name = self.fields, SCORES[score]
        block = Block(
            score=score,
            short=short,
            name=name,
            hint=_HINTS[score],
            # A total that its items make is computed, never typed again.
            total=fields.add(
                f"{short}-total",
                label=name,
                recorded="" if row is None or by_items else f"{row.value.normalize():f}",
            ),
            previous=self._previous(score),
        )
        if score in VARIANTS:
            usual = "10" if score == "SLEDAI-2K" else ""
            block.variants = VARIANTS[score]
            block.variant = fields.add(
                f"{short}-variant",
                label=f"{name}, {'look-back' if score == 'SLEDAI-2K' else 'scale'}",
                recorded=detail.variant if detail is not None else usual,
            )
        known: Mapping[str, Decimal] = points or {}
        if score in ("SLEDAI-2K", "EUSTAR"):
            items = SLEDAI_ITEMS if score == "SLEDAI-2K" else EUSTAR_ITEMS
            is_empty = by_items and not known
            block.none = fields.add(
                f"{short}-none", label=f"{name}: none present", recorded="on" if is_empty else ""
            )
            ticked = fields.chosen(f"{short}-item", recorded=known)
            block.ticks = tuple(self._tick(item, short, ticked, known) for item in items)
        if score == "MRSS":
            block.steps = tuple(
                (self._step(short, key, label, known), ()) for key, label in MRSS_SITES.items()
            )
        if score == "TIS":
            block.steps = tuple(
                (self._step(short, key, label, known), _levels(steps))
                for key, (label, steps) in TIS_MEASURES.items()
            )
        if score == "SLEDAI-2K":
            answers = detail.answers if detail is not None else {}
            block.questions = tuple(
                fields.add(
                    f"{short}-{key}",
                    label=question,
                    recorded="" if key not in answers else "yes" if answers[key] else "no",
                )
                for key, question in _QUESTIONS.items()
            )
            clinical = self._here.get("CSLEDAI")
            block.clinical = fields.add(
                "csledai-total",
                label=SCORES["CSLEDAI"],
                recorded="" if clinical is None or by_items else f"{clinical.value.normalize():f}",
            )
        block.computed = self._computed(block)
        return block

    def _tick(self, item: Item, short: str, ticked: set[str], known: Mapping[str, Decimal]) -> ItemRow:
        if not item.asks_cause:
            return ItemRow(item, item.key in ticked)
        recorded = "" if item.key not in known else "lupus" if known[item.key] else "other"
        return ItemRow(item, cause=self.fields.add(f"{short}-{item.key}", label=item.name, recorded=recorded))

    def _step(self, short: str, key: str, label: str, known: Mapping[str, Decimal]) -> Typed:
        recorded = f"{known[key].normalize():f}" if key in known else ""
        return self.fields.add(f"{short}-{key}", label=label, recorded=recorded)

    def _previous(self, score: str) -> Score | None:
        return next(
            (
                row
                for row in self._scores
                if row.score == score and (self.recorded_on is None or row.assessed_on < self.recorded_on)
            ),
            None,
        )

    def _computed(self, block: Block) -> str:
        points = self._points(block)
        if points is None:
            return ""
        total = f"{total_of(points).normalize():f}"
        if block.score != "SLEDAI-2K":
            return total
        return f"{total}, clinical SLEDAI {clinical_sledai(points).normalize():f}"

    def _points(self, block: Block) -> dict[str, Decimal] | None:
        """The items as typed; None when none is. What is no number is left for judging."""
        points: dict[str, Decimal] = {}
        for row in block.ticks:
            if row.is_ticked:
                points[row.item.key] = row.item.points
            elif row.cause and row.cause.value in ("lupus", "other"):
                points[row.item.key] = row.item.points if row.cause.value == "lupus" else Decimal(0)
        for typed, _ in block.steps:
            if typed.value and typed.value.replace(".", "", 1).isdigit() and typed.value.isascii():
                points[typed.name.removeprefix(f"{self.key}-{block.short}-")] = Decimal(typed.value)
        return points if points or (block.none and block.none.value) else None

    @property
    def further_are_filled(self) -> bool:
        return any(block.is_filled or block.has_errors for block in self.further)

    @property
    def further_names(self) -> str:
        return ", ".join(block.name for block in self.further)

    @property
    def is_touched(self) -> bool:
        return any(block.is_filled for block in (*self.usual, *self.further)) or self.serology.is_filled

    @property
    def left_open(self) -> list[str]:
        return []  # every score is optional

    @property
    def status(self) -> str:
        """A word for the list of sections."""
        count = sum(block.is_filled for block in (*self.usual, *self.further))
        if not count:
            return "Serology filled in" if self.serology.is_filled else "Not begun"
        return "1 score" if count == 1 else f"{count} scores"

    @property
    def problems(self) -> list[tuple[str, str]]:
        return self.fields.problems

    # --- judging -----------------------------------------------------------------------------

    def is_valid(self, *, visited_on: date | None) -> bool:
        """Judge every score and test; a visit without a day has none."""
        self._visited_on = visited_on
        if not self.fields.is_bound:
            return True
        for block in (*self.usual, *self.further):
            self._judge(block)
        self._tests = self.serology.entries()
        if visited_on is None and (self._entries or self._tests):
            self.fields.refuse(
                "", f"{self.title}: give the day of the visit above; a visit not done brings none."
            )
        elif visited_on is not None:
            found = clashes(
                entries=self._entries, recorded=self._scores, on=visited_on, replaces_on=self.recorded_on
            )
            for score, problem in found:
                self.fields.refuse(f"{_SHORT.get(score, 'csledai')}-total", problem.for_people)
        return not self.problems

    def _judge(self, block: Block) -> None:
        name = f"{block.short}-total"
        variant = self._variant(block)
        for typed, _ in block.steps:
            if typed.value and typed.value not in _steps_of(block, typed):
                typed.errors.append(f"{typed.value[:20]} is not possible. 0, 1, 2 or 3.")
                return
        points = self._points(block)
        if block.none and block.none.value and points:
            block.none.errors.append("Items are chosen as well. Leave one of the two.")
            return
        total: Decimal | None = None
        if block.total.value:
            total, problems = read_score(block.total.value, score=block.score, variant=variant)
            self.fields.refuse_all(name, problems)
            if problems:
                return
        if points is not None:
            problems = check_items(score=block.score, points=points, total=total)
            self.fields.refuse_all(name, problems)
            if problems:
                return
            total = total_of(points)
        answers = {
            typed.name.rpartition("-")[2]: _ANSWERS[typed.value]
            for typed in block.questions
            if typed.value in _ANSWERS
        }
        if block.clinical is not None:
            self._judge_clinical(block.clinical, points, total)
        if total is None:
            if answers:
                block.total.errors.append("A question is answered and the score is empty. Give it as well.")
            return
        if block.variant is not None and not variant:
            block.variant.errors.append("Say which one it is; the number alone does not tell.")
            return
        self._entries.append(
            ScoreEntry(score=block.score, value=total, variant=variant, items=points, answers=answers)
        )

    def _variant(self, block: Block) -> str:
        if block.variant is None or block.variants is None:
            return ""
        return block.variant.value if block.variant.value in block.variants else ""

    def _judge_clinical(
        self, typed: Typed, points: Mapping[str, Decimal] | None, sledai: Decimal | None
    ) -> None:
        value: Decimal | None = None
        if typed.value:
            value, problems = read_score(typed.value, score="CSLEDAI")
            if value is not None:
                problems = check_clinical_sledai(value=value, sledai=sledai)
            self.fields.refuse_all("csledai-total", problems)
        if points is not None:
            computed = clinical_sledai(points)
            if value is not None and value != computed:
                typed.errors.append(
                    f"The items make {computed.normalize():f}. Leave it empty: it is worked out from them."
                )
            value = computed
        if value is not None and not typed.errors:
            self._entries.append(ScoreEntry(score="CSLEDAI", value=value))

    # --- keeping -----------------------------------------------------------------------------

    def part(self) -> ActivityPart | None:
        """The scores and tests as they now are; None when there are none and there were none."""
        if not self.fields.is_bound:
            return None
        if not (self._entries or self._tests or self._here or self.serology.has_recorded):
            return None
        return ActivityPart(
            scores=tuple(self._entries), serology=tuple(self._tests), replaces_on=self.recorded_on
        )

    def compared(self) -> list[tuple[str, str, str]]:
        if not self.fields.is_bound:
            return []
        there = {row.score: row for row in self._scores if row.assessed_on == self._visited_on}
        mine = {entry.score: entry for entry in self._entries}
        found = []
        for score, name in SCORES.items():
            entry, row = mine.get(score), there.get(score)
            detail = detail_of(row) if row is not None else None
            yours = _score_words(score, entry.value, entry.items) if entry else ""
            theirs = _score_words(score, row.value, points_of(detail)) if row else ""
            found.append((name, yours, theirs))
        return found + self.serology.compared(self._tests, on=self._visited_on)


def _score_words(score: str, value: Decimal, points: Mapping[str, Decimal] | None) -> str:
    named = item_names(score=score, points=points) if points else ()
    total = f"{value.normalize():f}"
    return f"{total} ({'; '.join(named)})" if named else total


def _levels(steps: Iterable[Decimal]) -> tuple[tuple[str, str], ...]:
    """The points of a core measure with their level in words; two levels may be worth the same."""
    found: dict[str, str] = {}
    for level, points in zip(TIS_LEVELS, steps, strict=True):
        key = f"{points.normalize():f}"
        found[key] = f"{found[key]} or {level}" if key in found else level
    return tuple((key, f"{words}: {key}") for key, words in found.items())


def _steps_of(block: Block, typed: Typed) -> set[str]:
    steps = next(options for each, options in block.steps if each is typed)
    return {key for key, _ in steps} or {"0", "1", "2", "3"}
