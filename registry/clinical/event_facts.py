"""What belongs to one category of adverse event alone: as a report told it, what is impossible, computed.

Field by field the columns of models/event_details.py. None and empty text are not answered.
"""

import re
from dataclasses import dataclass, fields
from typing import ClassVar

from registry.clinical import code_lists, event_lists
from registry.clinical.astct import ComputedGrade, crs_grade, icans_grade
from registry.clinical.entry_checks import Life, check_all_listed, check_listed, check_text
from registry.clinical.licats import grade_by_care
from registry.clinical.partial_dates import NotADate, PartialDate
from registry.clinical.refusals import Problem, shortened

_TOPOGRAPHY = re.compile(r"C\d\d(\.\d)?", re.ASCII)
_MORPHOLOGY = re.compile(r"[89]\d{3}/[012369]", re.ASCII)
_SHORT, _LONG = 200, 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """The facts of one category. `scale`: of the grade that they compute or point to, if any."""

    category: ClassVar[str]
    scale: ClassVar[str] = ""

    @property
    def is_empty(self) -> bool:
        """Whether nothing is answered."""
        return all(getattr(self, field.name) in (None, "", ()) for field in fields(self))

    @property
    def computed(self) -> ComputedGrade | None:
        """The grade that the answers compute, with the sentence why; None where none is computed."""
        return None

    def problems(self, *, life: Life) -> list[Problem]:
        """Return what is impossible, each with the name of its field."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True, kw_only=True)
class CrsFacts(Facts):
    """The components of a CRS."""

    category: ClassVar[str] = "crs"
    scale: ClassVar[str] = "ASTCT"

    has_fever: bool | None = None
    is_fever_explained: bool | None = None
    antipyretics_given: bool | None = None
    tocilizumab_given: bool | None = None
    steroids_given: bool | None = None
    hypotension: str = ""
    hypoxia: str = ""
    grade_reason: str = ""

    @property
    def computed(self) -> ComputedGrade:
        return crs_grade(
            has_fever=self.has_fever,
            is_fever_explained=self.is_fever_explained,
            is_treated=bool(self.antipyretics_given or self.tocilizumab_given or self.steroids_given),
            hypotension=self.hypotension,
            hypoxia=self.hypoxia,
        )

    def problems(self, *, life: Life) -> list[Problem]:
        return [
            *_listed("hypotension", self.hypotension, event_lists.HYPOTENSION),
            *_listed("hypoxia", self.hypoxia, event_lists.HYPOXIA),
            *check_text(field="grade_reason", value=self.grade_reason, maximum=_LONG),
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class IcansFacts(Facts):
    """The domains of an ICANS. `ice_points`: the items that gave a point, where the items are known."""

    category: ClassVar[str] = "icans"
    scale: ClassVar[str] = "ASTCT"

    ice_points: tuple[str, ...] = ()
    ice_total: int | None = None
    consciousness: str = ""
    seizure: str = ""
    motor: str = ""
    oedema: str = ""
    grade_reason: str = ""

    @property
    def computed(self) -> ComputedGrade:
        return icans_grade(
            ice=self.ice_total,
            consciousness=self.consciousness,
            seizure=self.seizure,
            motor=self.motor,
            oedema=self.oedema,
        )

    def problems(self, *, life: Life) -> list[Problem]:
        found = [
            *check_all_listed(field="ice_points", values=self.ice_points, codes=event_lists.ICE_POINTS),
            *_listed("consciousness", self.consciousness, event_lists.CONSCIOUSNESS),
            *_listed("seizure", self.seizure, event_lists.SEIZURE),
            *_listed("motor", self.motor, event_lists.MOTOR),
            *_listed("oedema", self.oedema, event_lists.OEDEMA),
            *check_text(field="grade_reason", value=self.grade_reason, maximum=_LONG),
        ]
        total = self.ice_total
        if total is not None and not 0 <= total <= len(event_lists.ICE_POINTS):
            found.append(Problem("ice_total", str(total), f"An ICE of {total} is not possible.", "0 to 10."))
        elif self.ice_points and total != len(self.ice_points):
            found.append(
                Problem(
                    "ice_total",
                    str(total),
                    f"The ICE total is {total}, and {len(self.ice_points)} "
                    f"{'is' if len(self.ice_points) == 1 else 'are'} ticked.",
                    "Correct one of the two, or leave the total empty: the ticks are counted.",
                )
            )
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class InfectionFacts(Facts):
    """Where an infection was, what caused it, how it was treated."""

    category: ClassVar[str] = "infection"

    site: str = ""
    site_words: str = ""
    organism: str = ""
    documented: str = ""
    is_opportunistic: bool | None = None
    treatment: str = ""
    was_in_hospital: bool | None = None

    def problems(self, *, life: Life) -> list[Problem]:
        found = [
            *_listed("site", self.site, event_lists.INFECTION_SITES),
            *_listed("documented", self.documented, event_lists.DOCUMENTED),
            *_listed("treatment", self.treatment, event_lists.ANTIMICROBIALS),
            *check_text(field="site_words", value=self.site_words, maximum=_SHORT),
            *check_text(field="organism", value=self.organism, maximum=_SHORT),
        ]
        if self.documented == "microbiological" and not self.organism:
            found.append(
                Problem(
                    "organism",
                    "",
                    "The infection is documented microbiologically and no organism is named.",
                    "Name the organism as the laboratory did, or choose another kind of documentation.",
                )
            )
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class LicatsFacts(Facts):
    """A local toxicity or flare with the investigator's label."""

    category: ClassVar[str] = "licats"
    scale: ClassVar[str] = "LICATS"

    organ: str = ""
    finding: str = ""
    serology_trend: str = ""
    biopsy: str = ""
    immunosuppression_started: bool | None = None
    resolved_without_it: bool | None = None
    care: str = ""
    investigator_label: str = ""

    @property
    def pointed_grade(self) -> int | None:
        """The LICATS severity that the care points to; it may be overruled without a reason."""
        return grade_by_care(care=self.care)

    def problems(self, *, life: Life) -> list[Problem]:
        found = [
            *_listed("organ", self.organ, code_lists.ORGANS),
            *_listed("serology_trend", self.serology_trend, event_lists.SEROLOGY_TRENDS),
            *_listed("biopsy", self.biopsy, event_lists.BIOPSIES),
            *_listed("care", self.care, event_lists.LICATS_CARE),
            *_listed("investigator_label", self.investigator_label, event_lists.LICATS_LABELS),
            *check_text(field="finding", value=self.finding, maximum=_LONG),
        ]
        if self.immunosuppression_started and self.resolved_without_it:
            found.append(
                Problem(
                    "resolved_without_it",
                    "Y",
                    "It cannot have resolved without the immunosuppression that was started.",
                    "Correct one of the two answers.",
                )
            )
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class MalignancyFacts(Facts):
    """The diagnosis of a malignancy and the test for the CAR transgene. Dates may be partial."""

    category: ClassVar[str] = "malignancy"

    diagnosed_on: str = ""
    topography: str = ""
    morphology: str = ""
    basis: str = ""
    cell_of_origin: str = ""
    transgene_test: str = ""
    transgene_tested_on: str = ""
    transgene_source: str = ""
    source: str = ""

    def problems(self, *, life: Life) -> list[Problem]:
        found = [
            *_listed("basis", self.basis, event_lists.BASES),
            *_listed("cell_of_origin", self.cell_of_origin, event_lists.CELLS_OF_ORIGIN),
            *_listed("transgene_test", self.transgene_test, event_lists.TRANSGENE_TESTS),
            *check_text(field="transgene_source", value=self.transgene_source, maximum=_SHORT),
            *check_text(field="source", value=self.source, maximum=_SHORT),
            # A biopsy may be read, and its cells tested, after death.
            *_dated("diagnosed_on", self.diagnosed_on, life, "A diagnosis"),
            *_dated("transgene_tested_on", self.transgene_tested_on, life, "A test"),
        ]
        if self.topography and not _TOPOGRAPHY.fullmatch(self.topography):
            found.append(
                _no_code("topography", self.topography, "topography", "a site such as C50.9 or C77.0")
            )
        if self.morphology and not _MORPHOLOGY.fullmatch(self.morphology):
            found.append(_no_code("morphology", self.morphology, "morphology", "a code such as 9702/3"))
        if self.transgene_tested_on and self.transgene_test in ("", "not_done"):
            found.append(
                Problem(
                    "transgene_test",
                    self.transgene_test,
                    "The transgene test has a date and no result.",
                    "Say what it found or that it is pending, or leave the date empty.",
                )
            )
        return found


FACTS_OF: dict[str, type[Facts]] = {
    kind.category: kind for kind in (CrsFacts, IcansFacts, InfectionFacts, LicatsFacts, MalignancyFacts)
}


def _listed(field: str, value: str, codes: code_lists.CodeList) -> list[Problem]:
    return check_listed(field=field, value=value, codes=codes, required=False)


def _dated(field: str, text: str, life: Life, what: str) -> list[Problem]:
    if not text:
        return []
    try:
        on = PartialDate.parse(text)
    except NotADate as refusal:
        return [refusal.at(field)]
    return Life(birth_year=life.birth_year, died_on=None, today=life.today).check(
        field=field, on=on, what=what
    )


def _no_code(field: str, value: str, what: str, example: str) -> Problem:
    return Problem(
        field,
        shortened(value),
        f"{shortened(value)} is no ICD-O-3 {what} code.",
        f"Write {example}, or leave it empty.",
    )
