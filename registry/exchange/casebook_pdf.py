"""The casebook as a PDF: pages that carry the subject's id and `page x of y`, for the trial master file.

The font is DejaVu Sans (its licence lies beside it), because the fonts every reader has know neither
`×10⁹/L` nor the names of half of Europe.
"""

from collections.abc import Mapping
from pathlib import Path

from fpdf import FPDF, XPos, YPos

from registry.exchange.casebook import BookInWords, Changed, Entry

_FONTS = Path(__file__).parent / "fonts"
_INK, _QUIET, _WRONG = (11, 12, 12), (80, 86, 90), (148, 37, 20)
_INDENT = 5


def casebook_pdf(*, book: BookInWords, title: str, about: Mapping[str, str]) -> bytes:
    """Return the PDF. `about` stands on the first page: study, site, when printed, by whom, as of when."""
    pages = _Pages(title)
    pages.front(about)
    for chapter in book.chapters:
        pages.chapter(chapter.title)
        for entry in chapter.entries:
            pages.entry(entry)
    pages.closing(book)
    return bytes(pages.output())


class _Pages(FPDF):
    def __init__(self, title: str):
        super().__init__(format="A4")
        self._heading = title
        self.set_title(title)
        self.set_lang("en")
        self.add_font("DejaVu", "", _FONTS / "DejaVuSans.ttf")
        self.add_font("DejaVu", "B", _FONTS / "DejaVuSans-Bold.ttf")
        self.set_margins(left=18, top=22, right=18)
        self.set_auto_page_break(auto=True, margin=20)
        self.alias_nb_pages("{pages}")
        self.add_page()

    def header(self) -> None:
        self.set_y(10)
        self._ink(8, _QUIET)
        self.cell(0, 5, self._heading, border="B", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        self.ln(4)

    def footer(self) -> None:
        self.set_y(-14)
        self._ink(8, _QUIET)
        self.cell(0, 5, f"Page {self.page_no()} of {{pages}}", align="R")

    def front(self, about: Mapping[str, str]) -> None:
        self._ink(16, _INK, bold=True)
        self._text(self._heading, 8)
        for label, value in about.items():
            self._ink(9, _INK)
            self._text(f"{label}: {value}", 5)
        self._ink(8, _QUIET)
        self._text(
            "‡ marks what was changed after it was first entered: what it was, what it became, by whom, when "
            "and why stands below it. Fields that were never filled are left out.",
            4,
        )

    def chapter(self, title: str) -> None:
        self.ln(4)
        self.start_section(title)
        self._ink(13, _INK, bold=True)
        self._text(title, 7)

    def entry(self, entry: Entry, *, depth: int = 0) -> None:
        self.set_left_margin(18 + _INDENT * depth)
        self.set_x(self.l_margin)
        self._ink(9, _WRONG if entry.mark == "removed" else _INK, bold=True)
        self._text(
            f"{entry.title}{f' – {entry.mark}' if entry.mark else ''}{' ‡' if entry.is_changed else ''}", 4.6
        )
        self._ink(8, _INK)
        if entry.facts:
            self._text(
                " · ".join(
                    f"{fact.label}: {fact.value}{' ‡' if fact.is_changed else ''}" for fact in entry.facts
                ),
                4,
            )
        self._ink(7, _QUIET)
        if entry.made:
            self._text(f"Entered {entry.made}", 3.6)
        self._ink(7, _WRONG)
        for change in entry.changes:
            self._text(f"‡ {told(change)}", 3.6)
        self.ln(1)
        for below in entry.below:
            self.entry(below, depth=depth + 1)
        self.set_left_margin(18)
        self.set_x(18)

    def closing(self, book: BookInWords) -> None:
        self.ln(4)
        self._ink(8, _QUIET)
        self._text(
            f"{book.rows_count} entries, {book.changes_count} changes. SHA-256 of the words: {book.sha256}", 4
        )

    def _ink(self, size: float, colour: tuple[int, int, int], *, bold: bool = False) -> None:
        self.set_font("DejaVu", "B" if bold else "", size)
        self.set_text_color(*colour)

    def _text(self, text: str, height: float) -> None:
        self.multi_cell(0, height, text, align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)


def told(change: Changed) -> str:
    """Return a change as one line."""
    why = f". Reason: {change.reason}" if change.reason else ""
    return f"{change.label}: {change.old} → {change.new}, {change.who}, {change.at}{why}"
