"""A pasted report before it fills the grid: what each row becomes, what is asked, what the person left out.

Nothing is dropped: a row goes into the grid or is left out by a person's own word. Nothing is stored here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from registry.clinical.analytes import ANALYTES
from registry.clinical.report_names import analyte_named, folded, unit_named
from registry.clinical.report_rows import MOST_CHARACTERS, MOST_ROWS, ReportRow, read_report
from registry.clinical.units import unit_label
from registry.templatetags.words import on as in_words

PASTE_STEPS: Final = ("report", "take-over", "leave-report")
LEAVE: Final = "leave"
MINE, THEIRS = "mine", "report"


@dataclass(slots=True)
class PastedRow:
    """One row of the report and what becomes of it.

    `analyte`: a key, LEAVE, or empty while nobody has said. `conflict`: what the grid says already; `keep`:
    whose value stays then.
    """

    number: int
    row: ReportRow
    analyte: str
    unit: str
    conflict: str = ""
    keep: str = ""
    suggested: str = ""
    problems: dict[str, str] = field(default_factory=dict)

    @property
    def is_left_out(self) -> bool:
        return self.analyte == LEAVE or (bool(self.conflict) and self.keep == MINE)

    @property
    def is_open(self) -> bool:
        """Whether the row needs a person's word."""
        return bool(self.problems)

    @property
    def becomes(self) -> str:
        """`Neutrophils 0.4 ×10⁹/L`."""
        measured = ANALYTES.get(self.analyte)
        if measured is None:
            return ""
        return f"{measured.name} {self.row.value} {unit_label(self.unit)}".strip()

    @property
    def range_words(self) -> str:
        lower, upper = self.row.lower, self.row.upper
        return (
            f"{lower}–{upper}"
            if lower and upper
            else f"≥ {lower}"
            if lower
            else f"≤ {upper}"
            if upper
            else ""
        )

    @property
    def units(self) -> list[tuple[str, str]]:
        """The units to choose from; none to choose while the report's own is known."""
        measured = ANALYTES.get(self.analyte)
        if measured is None or unit_named(self.row.unit, analyte=measured.key):
            return []
        return [(unit, unit_label(unit)) for unit in measured.units]

    @property
    def date_words(self) -> str:
        return in_words(self.row.on) if self.row.on else self.row.date_text


class ReportPaste:
    """The preview. `typed`: the rows of the grid as they stand; `learned`: the laboratory's own words."""

    def __init__(
        self,
        *,
        data: Mapping[str, str],
        learned: Mapping[str, str],
        typed: Mapping[str, Mapping[str, str]],
        step: str,
    ):
        self.text = data.get("labs-report", "")
        self.is_taken = False
        self.problem = ""
        self.rows: list[PastedRow] = []
        if step == "leave-report":
            self.text = ""
            return
        if len(self.text) > MOST_CHARACTERS:
            self.problem = (
                f"The text has {len(self.text)} characters. Paste at most {MOST_CHARACTERS} at once."
            )
            return
        found = read_report(self.text)
        if not found or len(found) > MOST_ROWS:
            count = f"{len(found)} rows" if found else "no rows"
            self.problem = f"The text has {count}. Paste the table of the report, up to {MOST_ROWS} rows."
            return
        is_answered = step == "take-over" and f"report-{len(found) - 1}-analyte" in data
        self.rows = [
            _pasted(number, row, data, learned, is_answered=is_answered) for number, row in enumerate(found)
        ]
        _judge(self.rows, typed)
        self.is_taken = is_answered and not any(row.is_open for row in self.rows)

    @property
    def open_count(self) -> int:
        return sum(row.is_open for row in self.rows)

    @property
    def left_out_count(self) -> int:
        return sum(row.is_left_out for row in self.rows)

    @property
    def taken_count(self) -> int:
        return len(self.rows) - self.left_out_count

    @property
    def told_names(self) -> dict[str, str]:
        """What the person told about names that nobody knew, to be remembered for the laboratory."""
        return {
            folded(row.row.name): row.analyte
            for row in self.rows
            if self.is_taken and row.analyte in ANALYTES and row.analyte != row.suggested
        }

    def take_over(self, typed: dict[str, dict[str, str]]) -> None:
        """Fill the rows of the grid, once every row of the report has its word."""
        if not self.is_taken:
            return
        for pasted in self.rows:
            if pasted.is_left_out:
                continue
            row = pasted.row
            typed[pasted.analyte] |= {
                "value": row.value,
                "unit": pasted.unit,
                "missing": "",
                "not_done": "",
                "sure": "",
                "right_because": "",
            }
            if row.lower or row.upper:
                typed[pasted.analyte] |= {"lower_limit": row.lower, "upper_limit": row.upper}
            if row.on is not None:
                typed[pasted.analyte]["collected_on"] = in_words(row.on)
        self.text = ""


def _pasted(
    number: int,
    row: ReportRow,
    data: Mapping[str, str],
    learned: Mapping[str, str],
    *,
    is_answered: bool,
) -> PastedRow:
    suggested = analyte_named(row.name, learned=learned) or (
        analyte_named(row.loinc, learned=learned) if row.loinc else None
    )
    analyte = data.get(f"report-{number}-analyte", "") if is_answered else suggested or ""
    if analyte != LEAVE and analyte not in ANALYTES:
        analyte = ""
    known = unit_named(row.unit, analyte=analyte) if analyte in ANALYTES else None
    chosen = data.get(f"report-{number}-unit", "") if is_answered else ""
    if analyte in ANALYTES and chosen not in ANALYTES[analyte].units:
        chosen = ""
    return PastedRow(
        number=number,
        row=row,
        analyte=analyte,
        unit=known or chosen,
        keep=data.get(f"report-{number}-keep", "") if is_answered else "",
        suggested=suggested or "",
    )


def _judge(rows: list[PastedRow], typed: Mapping[str, Mapping[str, str]]) -> None:
    first: dict[str, PastedRow] = {}
    for pasted in rows:
        if pasted.analyte == LEAVE:
            continue
        if not pasted.analyte:
            words = "Which analyte is this? Choose it, or leave the row out."
            pasted.problems["analyte"] = words
            continue
        measured = ANALYTES[pasted.analyte]
        if not pasted.row.value:
            pasted.problems["analyte"] = (
                "The row has no number. Leave it out, or type the value into the grid."
            )
            continue
        if not pasted.unit:
            said = (
                f"The unit “{pasted.row.unit}” is not known" if pasted.row.unit else "The report has no unit"
            )
            pasted.problems["unit"] = f"{said} for {measured.name}. Choose the unit of the report."
        _judge_conflict(pasted, typed[pasted.analyte])
        if pasted.is_left_out:
            continue
        if pasted.analyte in first:
            other = first[pasted.analyte].row.name
            pasted.problems["analyte"] = f"“{other}” is {measured.name} as well. Leave one of the two out."
        first.setdefault(pasted.analyte, pasted)


def _judge_conflict(pasted: PastedRow, there: Mapping[str, str]) -> None:
    """What a person typed is not written over without their word; the same once more is no conflict."""
    value, unit = there.get("value", "").strip(), there.get("unit", "")
    if there.get("missing") or there.get("not_done", "").strip():
        pasted.conflict = "not done"
    elif value and (value.replace(",", "."), unit) != (pasted.row.value.replace(",", "."), pasted.unit):
        pasted.conflict = f"{value} {unit_label(unit)}"
    if pasted.conflict and pasted.keep not in (MINE, THEIRS):
        pasted.problems["keep"] = f"The grid says {pasted.conflict} already. Which of the two stays?"
