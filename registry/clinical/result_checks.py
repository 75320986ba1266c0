"""The impossible among laboratory results and scores; record_checks.py is the door to all checks."""

from datetime import date
from decimal import Decimal

from registry.clinical import code_lists
from registry.clinical.entry_checks import Life, check_decimals, check_listed, missing
from registry.clinical.refusals import EntryRefused, Problem
from registry.clinical.units import analyte_of, read_result, read_value, refuse_impossible, to_canonical


def check_lab(
    *,
    collected_on: date | None,
    analyte: str,
    value: str,
    unit: str,
    birth_year: int | None,
    died_on: date | None,
    today: date,
    decimal_comma: bool,
    lower_limit: str = "",
    upper_limit: str = "",
    corrects_value: str = "",
) -> list[Problem]:
    """Check a laboratory result; the limits and the corrected value are in the unit of the result."""
    life = Life(birth_year=birth_year, died_on=died_on, today=today)
    found = life.check_required(field="collected_on", on=collected_on, what="A sample")
    try:
        analyte_of(analyte)
    except EntryRefused as refusal:
        return [*found, refusal.at("analyte")]
    try:
        to_canonical(Decimal(0), analyte=analyte, unit=unit)
    except EntryRefused as refusal:
        return [*found, refusal.at("unit")]
    try:
        read_result(value, analyte=analyte, unit=unit, decimal_comma=decimal_comma)
    except EntryRefused as refusal:
        found.append(refusal.at("value"))
    if corrects_value:
        try:
            read_value(corrects_value, decimal_comma=decimal_comma)
        except EntryRefused as refusal:
            found.append(refusal.at("corrects_value"))
    return found + _check_range(
        analyte=analyte, unit=unit, lower=lower_limit, upper=upper_limit, decimal_comma=decimal_comma
    )


def _check_range(*, analyte: str, unit: str, lower: str, upper: str, decimal_comma: bool) -> list[Problem]:
    found = []
    limits = {}
    for field, text in (("lower_limit", lower), ("upper_limit", upper)):
        if not text:
            continue
        try:
            entered = read_value(text, decimal_comma=decimal_comma)
            canonical = to_canonical(entered.number, analyte=analyte, unit=unit)
            # A limit of 0 says "none" and is no measurement; one that no patient can reach is another unit.
            if canonical > analyte_of(analyte).hard_high:
                refuse_impossible(canonical, analyte=analyte, entered=entered, unit=unit)
        except EntryRefused as refusal:
            found.append(refusal.at(field))
            continue
        limits[field] = canonical
        if entered.comparator:
            found.append(
                Problem(field, text, f"{text} is no limit of normal.", f"Write {text.lstrip('<> ')} alone.")
            )
    if len(limits) == 2 and limits["lower_limit"] > limits["upper_limit"]:
        found.append(
            Problem(
                "lower_limit",
                lower,
                f"The lower limit {lower} is above the upper limit {upper}.",
                "Correct one of them.",
            )
        )
    return found


def check_score(
    *,
    assessed_on: date | None,
    score: str,
    value: str,
    birth_year: int | None,
    died_on: date | None,
    today: date,
    decimal_comma: bool,
) -> list[Problem]:
    """Check a disease score against the values it can take."""
    life = Life(birth_year=birth_year, died_on=died_on, today=today)
    found = [
        *life.check_required(field="assessed_on", on=assessed_on, what="An assessment"),
        *check_listed(field="score", value=score, codes=code_lists.SCORES),
    ]
    if not value.strip():
        return [*found, missing(field="value")]
    try:
        entered = read_value(value, decimal_comma=decimal_comma)
    except EntryRefused as refusal:
        return [*found, refusal.at("value")]
    taken = code_lists.SCORE_RANGES.get(score)
    if taken is None:
        return found
    number = entered.number
    is_fraction = taken.is_whole and number != number.to_integral_value()
    if entered.comparator or is_fraction or not taken.low <= number <= taken.high:
        kind = "A whole number" if taken.is_whole else "A number"
        found.append(
            Problem(
                "value",
                entered.text,
                f"{score} {entered.text} is not possible.",
                f"{kind} from {taken.low} to {taken.high}.",
            )
        )
    return found or check_decimals(field="value", value=number, most=3)
