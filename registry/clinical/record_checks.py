"""The impossible, refused in the same words by page, API and import.

Each check takes one record as typed values and what is known around it, and returns its problems; an
empty list is fine. Laboratory values and scores come as text, because how a number is written is part of
what may be wrong with it. Whatever is merely unlikely is asked about elsewhere (plausibility.py).

Source: contract.md section 3; clinical-reference.md sections 6 and 8.3.
"""

from collections.abc import Collection
from datetime import date
from decimal import Decimal

from registry.clinical import code_lists
from registry.clinical.entry_checks import (
    Life,
    check_all_listed,
    check_code,
    check_decimals,
    check_listed,
    check_present,
    check_required_text,
    check_text,
    check_texts,
    check_whole_number,
    spoken,
)
from registry.clinical.event_checks import check_event
from registry.clinical.refusals import Problem, shortened
from registry.clinical.result_checks import check_lab, check_score
from registry.clinical.visit_windows import UNSCHEDULED

__all__ = [
    "Life",
    "Problem",
    "check_code",
    "check_event",
    "check_infusion",
    "check_lab",
    "check_patient",
    "check_score",
    "check_support",
    "check_text",
    "check_visit",
]

_OLDEST = 120  # years
_MOST_THERAPIES = 50
_HIGHEST_DOSE = Decimal(100_000)  # ×10⁶ cells, ten times any dose given; a count of cells is above it


def check_patient(
    *,
    patient_id: str,
    sex: str,
    birth_year: int | None,
    diagnosis: str,
    cohort: str,
    today: date,
    enrolled_on: date | None = None,
    index_date: date | None = None,
    follow_up_ended_on: date | None = None,
    follow_up_end_reason: str = "",
    cause_of_death: str = "",
    disease_onset_year: int | None = None,
    failed_therapies: int | None = None,
    organs_at_baseline: Collection[str] = (),
    latest_record_on: date | None = None,
) -> list[Problem]:
    """Check a patient. `latest_record_on`: the latest infusion, visit or result already kept, if any.

    A patient without `enrolled_on` is screened; a screened comparator may lack the index date.
    """
    died_on = follow_up_ended_on if follow_up_end_reason == "death" else None
    alive = Life(birth_year=birth_year, died_on=None, today=today)
    found = [
        *check_required_text(field="patient_id", value=patient_id),
        *check_listed(field="sex", value=sex, codes=code_lists.SEXES),
        *check_listed(field="diagnosis", value=diagnosis, codes=code_lists.DIAGNOSES),
        *check_listed(field="cohort", value=cohort, codes=code_lists.COHORTS),
        *check_present(field="birth_year", value=birth_year),
        *check_whole_number(field="birth_year", value=birth_year, low=today.year - _OLDEST, high=today.year),
        *alive.check(field="enrolled_on", on=enrolled_on, what="Enrolment"),
        *alive.check(field="index_date", on=index_date, what="The index date"),
        *alive.check(field="follow_up_ended_on", on=follow_up_ended_on, what="The end of follow-up"),
        *check_whole_number(
            field="disease_onset_year",
            value=disease_onset_year,
            low=birth_year or today.year - _OLDEST,
            high=today.year,
        ),
        *check_whole_number(field="failed_therapies", value=failed_therapies, low=0, high=_MOST_THERAPIES),
        *check_all_listed(field="organs_at_baseline", values=organs_at_baseline, codes=code_lists.ORGANS),
        *check_texts(cause_of_death=cause_of_death),
        *_check_end(
            enrolled_on=enrolled_on,
            ended_on=follow_up_ended_on,
            reason=follow_up_end_reason,
            cause_of_death=cause_of_death,
        ),
    ]
    if cohort == "COMPARATOR" and index_date is None and enrolled_on is not None:
        found.append(
            Problem(
                "index_date", "", "A comparator has no index date.", "Give the day follow-up counts from."
            )
        )
    if cohort == "CAR_T" and index_date is not None:
        found.append(
            Problem(
                "index_date",
                index_date.isoformat(),
                "A patient of the CAR T-cell cohort has an index date.",
                "Leave it empty: follow-up counts from the infusion.",
            )
        )
    for field, what, on in (
        ("index_date", "the index date", index_date),
        ("follow_up_ended_on", "the latest record", latest_record_on),
    ):
        if died_on is not None and on is not None and died_on < on:
            found.append(
                Problem(
                    field,
                    on.isoformat() if field == "index_date" else died_on.isoformat(),
                    f"Death on {spoken(died_on)} is before {what} on {spoken(on)}.",
                    "Correct the date of death, or what is dated after it.",
                )
            )
    return found


def _check_end(
    *, enrolled_on: date | None, ended_on: date | None, reason: str, cause_of_death: str
) -> list[Problem]:
    found = check_listed(
        field="follow_up_end_reason",
        value=reason,
        codes=code_lists.END_REASONS,
        required=ended_on is not None,
    )
    if ended_on is None and reason:
        found.append(
            Problem(
                "follow_up_ended_on",
                "",
                "The end of follow-up has a reason and no date.",
                "Give both or neither.",
            )
        )
    if ended_on is not None and enrolled_on is not None and ended_on < enrolled_on:
        found.append(
            Problem(
                "follow_up_ended_on",
                ended_on.isoformat(),
                f"Follow-up ended on {spoken(ended_on)}, before enrolment on {spoken(enrolled_on)}.",
                "Correct one of the two dates.",
            )
        )
    if cause_of_death and reason != "death":
        found.append(
            Problem(
                "cause_of_death",
                shortened(cause_of_death),
                "There is a cause of death and follow-up did not end by death.",
                "Give the reason death with its date, or leave the cause empty.",
            )
        )
    return found


def check_infusion(
    *,
    infused_on: date | None,
    dose_cells: Decimal | None,
    birth_year: int | None,
    died_on: date | None,
    today: date,
    cohort: str = "CAR_T",
    lot: str = "",
    lymphodepletion: str = "",
) -> list[Problem]:
    """Check an infusion; `dose_cells` in 10⁶ cells."""
    life = Life(birth_year=birth_year, died_on=died_on, today=today)
    found = [
        *life.check_required(field="infused_on", on=infused_on, what="An infusion"),
        *check_texts(lot=lot, lymphodepletion=lymphodepletion),
    ]
    if cohort == "COMPARATOR":
        found.append(
            Problem(
                "infused_on",
                infused_on.isoformat() if infused_on else "",
                "A comparator has an infusion.",
                "Comparators count from the index date; change the cohort if CAR T-cells were given.",
            )
        )
    if dose_cells is not None and not (dose_cells.is_finite() and 0 < dose_cells <= _HIGHEST_DOSE):
        found.append(
            Problem(
                "dose_cells",
                str(dose_cells),
                f"A dose of {dose_cells} ×10⁶ cells is not possible.",
                f"A number above 0 and up to {_HIGHEST_DOSE}, in millions of cells: 100 is 100 ×10⁶.",
            )
        )
    elif dose_cells is not None:
        found.extend(check_decimals(field="dose_cells", value=dose_cells, most=4))
    return found


def check_visit(
    *,
    visit_code: str,
    status: str,
    visited_on: date | None,
    missed_reason: str,
    first_day_zero: date | None,
    birth_year: int | None,
    died_on: date | None,
    today: date,
    new_malignancy_text: str = "",
) -> list[Problem]:
    """Check a visit. `first_day_zero`: the patient's first infusion or index date, None without one."""
    life = Life(birth_year=birth_year, died_on=died_on, today=today)
    found = [
        *check_required_text(field="visit_code", value=visit_code),
        *check_listed(field="status", value=status, codes=code_lists.VISIT_STATUSES),
        *life.check(field="visited_on", on=visited_on, what="A visit"),
        *check_texts(missed_reason=missed_reason, new_malignancy_text=new_malignancy_text),
    ]
    if visited_on is None and (status == "completed" or visit_code == UNSCHEDULED):
        what = "A completed visit" if status == "completed" else "An unscheduled visit"
        found.append(Problem("visited_on", "", f"{what} has no date.", "Give the day of the visit."))
    if status == "missed" and not missed_reason.strip():
        found.append(Problem("missed_reason", "", "A missed visit has no reason.", "Say why it was missed."))
    if status == "completed" and missed_reason:
        found.append(
            Problem(
                "missed_reason",
                shortened(missed_reason),
                "A completed visit has a reason for having been missed.",
                "Leave the reason empty, or give the status missed.",
            )
        )
    return found + _check_has_course(status=status, visited_on=visited_on, first_day_zero=first_day_zero)


def _check_has_course(*, status: str, visited_on: date | None, first_day_zero: date | None) -> list[Problem]:
    given = visited_on.isoformat() if visited_on else ""
    if first_day_zero is None:
        return [
            Problem(
                "visited_on",
                given,
                "There is no infusion or index date that this visit could follow.",
                "Enter the infusion first.",
            )
        ]
    if visited_on is not None and visited_on < first_day_zero:
        return [
            Problem(
                "visited_on",
                given,
                f"The visit on {spoken(visited_on)} is before the first day 0, {spoken(first_day_zero)}.",
                "Give a later date, or correct the date of the infusion or the index date.",
            )
        ]
    return []


def check_support(
    *, given_on: date | None, kind: str, birth_year: int | None, died_on: date | None, today: date
) -> list[Problem]:
    """Check a transfusion or growth factor."""
    life = Life(birth_year=birth_year, died_on=died_on, today=today)
    return [
        *life.check_required(field="given_on", on=given_on, what="Treatment"),
        *check_listed(field="kind", value=kind, codes=code_lists.SUPPORT_KINDS),
    ]
