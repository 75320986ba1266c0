"""The sections of the visit form beyond visit, results and treatments: one file each, listed here."""

from collections.abc import Sequence
from datetime import date
from typing import Protocol

from django.http import QueryDict

from registry.actions.visit_parts import VisitPart
from registry.queries.event_page import new_events_answer
from registry.queries.visit_sheet import VisitSheet
from registry.web.investigator.activity_section import ActivitySection
from registry.web.investigator.ongoing_section import NEW_NOT_ANSWERED, OngoingSection
from registry.web.investigator.row_forms import About
from registry.web.investigator.treatments_section import PreventionSection, TreatmentsSection


class Section(Protocol):
    """One section of the visit form. Its fields are named with its `key` and a hyphen in front.

    `template` shows it, with `section` and `course` in the context. It is bound when the page was sent or
    comes back from a draft, and shows what is recorded otherwise.
    """

    key: str
    title: str
    template: str

    def is_valid(self, *, visited_on: date | None) -> bool:
        """Judge what was typed; errors stand beside their fields."""

    @property
    def problems(self) -> list[tuple[str, str]]:
        """Every error as the id of its field and words, for the summary at the top."""

    @property
    def is_touched(self) -> bool:
        """Whether it holds something to see: typed, or recorded."""

    @property
    def left_open(self) -> list[str]:
        """What was to be answered and is not, though the visit may be saved without; in sentences."""

    def part(self) -> VisitPart | None:
        """What is to be stored; None when the section says nothing. After is_valid only."""

    def compared(self) -> list[tuple[str, str, str]]:
        """Field in words, what was typed, what is recorded: for two people at one visit."""


class SectionKind(Protocol):
    """Makes a section: with what is recorded of the sheet's visit, or with what was typed."""

    def __call__(self, *, about: About, sheet: VisitSheet, data: QueryDict | None) -> Section: ...


# In the order of the page.
SECTIONS: Sequence[SectionKind] = (OngoingSection, ActivitySection, TreatmentsSection, PreventionSection)


def sections_of(
    *, about: About, sheet: VisitSheet, data: QueryDict | None, as_recorded: frozenset[str] = frozenset()
) -> list[Section]:
    """Return the sections of one page; those of `as_recorded` show the record, whatever was typed."""
    found = [make(about=about, sheet=sheet, data=data) for make in SECTIONS]
    return [
        make(about=about, sheet=sheet, data=None) if section.key in as_recorded else section
        for make, section in zip(SECTIONS, found, strict=True)
    ]


def left_open_of(*, about: About, sheet: VisitSheet) -> list[tuple[str, str]]:
    """Return what the recorded visit leaves open, as the key of the section and words.

    Not by all sections: a page that only names what is open need not read every event and score.
    """
    answered = sheet.visit is None or new_events_answer(visit=sheet.visit) is not None
    found = [] if answered else [(OngoingSection.key, NEW_NOT_ANSWERED)]
    for make in (TreatmentsSection, PreventionSection):
        section = make(about=about, sheet=sheet, data=None)
        found += [(section.key, words) for words in section.left_open]
    return found
