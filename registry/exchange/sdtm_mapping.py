"""SDTM observations as rows of a bundle: the mapping of contract.md section 3, variable by variable."""

import re
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from registry.actions.importing.record import Row, RowError, Table
from registry.clinical.code_lists import COUNTRIES
from registry.clinical.country_codes import ALPHA_2_OF
from registry.clinical.refusals import EntryRefused
from registry.clinical.units import analyte_of, read_value, to_canonical
from registry.exchange.bundle_columns import COLUMNS
from registry.exchange.sdtm_datasets import Dataset, Observation

ANALYTE_OF: Mapping[str, str] = {
    "PLAT": "PLT",
    "HGB": "HGB",
    "WBC": "WBC",
    "NEUT": "ANC",
    "LYM": "ALC",
    "MCV": "MCV",
    "EOS": "EOS",
    "MONO": "MONO",
}
# Codelist NCOMPLT; every other reason to leave is a withdrawal.
_END_REASONS = {"COMPLETED": "completed", "DEATH": "death", "LOST TO FOLLOW-UP": "lost"}
_DISPOSITION = "DISPOSITION EVENT"
_LOOKS_LIKE_SUPPORT = re.compile(
    r"GRASTIM|ELTROMBOPAG|ROMIPLOSTIM|AVATROMBOPAG|TRANSFUSION|RED BLOOD CELL|PLATELETS|THROMBOCYTES"
)
_USED = {
    "dm": "USUBJID SITEID SEX COUNTRY BRTHDTC AGE AGEU RFSTDTC RFICDTC DMDTC DTHDTC",
    "ex": "USUBJID EXSTDTC",
    "ds": "USUBJID DSCAT DSDECOD DSSTDTC",
    "sv": "USUBJID VISIT SVSTDTC",
    "lb": "USUBJID LBTESTCD LBORRES LBORRESU LBORNRLO LBORNRHI LBDTC",
    "ae": "USUBJID AESEQ AETERM AEDECOD AEBODSYS AESER AETOXGR AESTDTC AEENDTC",
    "cm": "",
}
_SAME_FOR_ALL = {"STUDYID", "DOMAIN"}
_YEAR = re.compile(r"\d{4}", re.ASCII)
_COUNT = re.compile(r"(\d+)(?:\.0*)?", re.ASCII)
_PARTIAL = re.compile(r"\d{4}(-\d{2}(-\d{2})?)?", re.ASCII)


@dataclass(slots=True)
class Mapped:
    """A record made of datasets; `reasons` counts the observations that made no row, `used_up` those that
    made part of another's row."""

    tables: dict[str, Table] = field(default_factory=dict)
    errors: list[RowError] = field(default_factory=list)
    reasons: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    used_up: Counter[str] = field(default_factory=Counter)
    used: dict[str, set[str]] = field(
        default_factory=lambda: {name: {*words.split()} | _SAME_FOR_ALL for name, words in _USED.items()}
    )

    def add(self, file: str, line: int, cells: Mapping[str, str], **facts: Any) -> None:
        """Add a row to a table; `facts` are what a bundle has no column for."""
        read = {column.name: column.read for column in COLUMNS[file]}
        typed = {name: read[name](cell) for name, cell in cells.items()}
        self.tables.setdefault(file, Table()).rows.append(Row(line, dict(cells), {**typed, **facts}))


@dataclass(frozen=True, slots=True)
class _End:
    on: date
    reason: str


def map_record(datasets: Mapping[str, Dataset], *, time_zone: str) -> Mapped:
    """Return the record that the datasets make; every observation is in it or in `reasons`."""
    mapped = Mapped()
    for file in ("sites.csv", "patients.csv", "visits.csv", "labs.csv", "adverse_events.csv"):
        mapped.tables[file] = Table()
    index_dates = _first_exposures(datasets.get("ex"), mapped)
    ends = _dispositions(datasets.get("ds"), index_dates, mapped)
    _map_sites(datasets["dm"], mapped, time_zone)
    for subject in datasets["dm"].observations:
        _map_subject(subject, index_dates, ends, mapped)
    _map_visits(datasets.get("sv"), index_dates, mapped)
    _map_results(datasets.get("lb"), mapped)
    for event in _observations(datasets.get("ae")):
        _map_event(event, mapped)
    for medication in _observations(datasets.get("cm")):
        told = f"{medication['CMDECOD']} {medication['CMTRT']}".upper()
        mapped.reasons["cm"][
            "looks like supportive treatment: enter it in support.csv"
            if _LOOKS_LIKE_SUPPORT.search(told)
            else "concomitant medication is not mapped"
        ] += 1
    return mapped


def _observations(dataset: Dataset | None) -> tuple[Observation, ...]:
    return dataset.observations if dataset else ()


def complete_date(text: str) -> date | None:
    """Return the day of an ISO 8601 date or instant; None when the day is not known."""
    try:
        return date.fromisoformat(text[:10]) if len(text) >= 10 and text[10:11] in ("", "T") else None
    except ValueError:
        return None


def partial_date(text: str) -> str:
    """Return `YYYY-MM-DD`, `YYYY-MM` or `YYYY`, as precisely as an ISO 8601 text is known; else empty."""
    on = text.partition("T")[0]
    if found := complete_date(on):
        return found.isoformat()
    while on and not (_PARTIAL.fullmatch(on) and _is_possible(on)):
        on = on.rpartition("-")[0].rstrip("-") if "-" in on else ""
    return on


def _count(text: str) -> str:
    """Return a numeric variable without the decimals that some writers give whole numbers: 1.0 is 1."""
    found = _COUNT.fullmatch(text)
    return found[1] if found else text


def _is_possible(on: str) -> bool:
    """A whole date that is none of the calendar, such as 30 February, is known to the month at most."""
    return len(on) < 10 and (len(on) < 7 or "01" <= on[5:7] <= "12")


def _first_exposures(ex: Dataset | None, mapped: Mapped) -> dict[str, date]:
    first: dict[str, date] = {}
    dated = 0
    for exposure in _observations(ex):
        on = complete_date(exposure["EXSTDTC"])
        if on is None:
            mapped.reasons["ex"]["no complete start date"] += 1
            continue
        dated += 1
        subject = exposure["USUBJID"]
        first[subject] = min(on, first.get(subject, on))
    mapped.used_up["ex"] = len(first)
    if dated > len(first):
        mapped.reasons["ex"]["an exposure after the first"] += dated - len(first)
    return first


def _dispositions(ds: Dataset | None, index_dates: Mapping[str, date], mapped: Mapped) -> dict[str, _End]:
    """Return how each subject's follow-up ended: their latest disposition."""
    latest: dict[str, _End] = {}
    reasons = mapped.reasons["ds"]
    has_category = ds is not None and "DSCAT" in ds.variables
    for event in _observations(ds):
        subject, decoded = event["USUBJID"], event["DSDECOD"].upper()
        on = complete_date(event["DSSTDTC"])
        if has_category and event["DSCAT"].upper() != _DISPOSITION:
            reasons["not a disposition"] += 1
        elif subject not in index_dates:
            reasons["of a screened subject, whose follow-up never began"] += 1
        elif on is None:
            reasons["no complete date"] += 1
        else:
            end = _End(on, _END_REASONS.get(decoded, "withdrawal"))
            if (known := latest.get(subject)) is not None:
                reasons["a disposition before the last"] += 1
                end = max(known, end, key=lambda e: (e.on, e.reason == "death"))
            latest[subject] = end
    mapped.used_up["ds"] = len(latest)
    return latest


def _map_sites(dm: Dataset, mapped: Mapped, time_zone: str) -> None:
    countries: dict[str, Counter[str]] = {}
    first: dict[str, Observation] = {}
    for subject in dm.observations:
        if site := subject["SITEID"]:
            first.setdefault(site, subject)
            countries.setdefault(site, Counter())[subject["COUNTRY"].upper()] += 1
    for site, subject in first.items():
        told = max((code for code in countries[site] if code), key=countries[site].__getitem__, default="")
        country = ALPHA_2_OF.get(told, told if told in COUNTRIES else "")
        if not country:
            problem = f"{told or 'An empty field'} is not a country of ISO 3166."
            accepted = "Three capital letters such as USA."
            mapped.errors.append(RowError(dm.file, subject.line, "COUNTRY", told, problem, accepted))
            continue
        mapped.add(
            "sites.csv",
            subject.line,
            {"site_id": site, "name": f"Site {site}", "country": country, "time_zone": time_zone},
        )


def _map_subject(
    subject: Observation, index_dates: Mapping[str, date], ends: Mapping[str, _End], mapped: Mapped
) -> None:
    code = subject["USUBJID"]
    index_date = index_dates[code].isoformat() if code in index_dates else ""
    died_on = complete_date(subject["DTHDTC"])
    end = _End(died_on, "death") if died_on else ends.get(code)
    year, is_derived = _birth_year(subject)
    mapped.add(
        "patients.csv",
        subject.line,
        {
            "patient_id": code,
            "site_id": subject["SITEID"],
            "sex": subject["SEX"] if subject["SEX"] in ("F", "M") else "U",
            "birth_year": year,
            "diagnosis": "OTHER",
            "cohort": "COMPARATOR",
            "enrolled_on": index_date,
            "index_date": index_date,
            "follow_up_ended_on": end.on.isoformat() if end else "",
            "follow_up_end_reason": end.reason if end else "",
        },
        birth_year_is_derived=is_derived,
    )


def _birth_year(subject: Observation) -> tuple[str, bool]:
    if found := _YEAR.match(subject["BRTHDTC"]):
        return found[0], False
    # A screened subject has no reference start, and their age is that of the consent or of the asking.
    reference = next(
        filter(None, (_YEAR.match(subject[name]) for name in ("RFSTDTC", "RFICDTC", "DMDTC"))), None
    )
    age = _count(subject["AGE"])
    if reference and age.isdecimal() and subject["AGEU"].upper() in ("YEARS", ""):
        return str(int(reference[0]) - int(age)), True
    return "", False


def _map_visits(sv: Dataset | None, index_dates: Mapping[str, date], mapped: Mapped) -> None:
    dates: dict[tuple[str, str], date] = {}
    reasons = mapped.reasons["sv"]
    for visit in _observations(sv):
        subject, name = visit["USUBJID"], visit["VISIT"]
        on = complete_date(visit["SVSTDTC"])
        if not name:
            reasons["no name"] += 1
        elif on is None:
            reasons["no complete date"] += 1
        elif subject not in index_dates:
            reasons["of a screened subject, who has no day 0"] += 1
        elif on < index_dates[subject]:
            reasons["before day 0"] += 1
        elif (known_on := dates.get((subject, name))) is not None:
            same = known_on == on
            reasons["the same visit, merged" if same else "another date of a visit of this name"] += 1
        else:
            dates[subject, name] = on
            mapped.add(
                "visits.csv",
                visit.line,
                {
                    "patient_id": subject,
                    "visit_code": name,
                    "visited_on": on.isoformat(),
                    "status": "completed",
                },
            )


def _map_results(lb: Dataset | None, mapped: Mapped) -> None:
    reasons = mapped.reasons["lb"]
    seen = set()
    for result in _observations(lb):
        test, value, unit = result["LBTESTCD"], result["LBORRES"], result["LBORRESU"]
        analyte = ANALYTE_OF.get(test)
        on = complete_date(result["LBDTC"])
        if analyte is None:
            reasons[f"the test {test or 'without a code'} is not mapped"] += 1
            continue
        if not value:
            reasons["no result"] += 1
            continue
        if unit not in analyte_of(analyte).units:
            reasons[f"{test} in {unit or 'no unit'}"] += 1
            continue
        if on is None:
            reasons["no complete date"] += 1
            continue
        try:
            entered = read_value(value, decimal_comma=False)
        except EntryRefused:
            reasons["the result is not a number"] += 1
            continue
        canonical = to_canonical(entered.number, analyte=analyte, unit=unit)
        key = (result["USUBJID"], on, analyte, entered.comparator, canonical)
        if key in seen:
            reasons["the same result of the same day, merged"] += 1
            continue
        seen.add(key)
        mapped.add(
            "labs.csv",
            result.line,
            {
                "patient_id": result["USUBJID"],
                "collected_on": on.isoformat(),
                "analyte": analyte,
                "value": value,
                "unit": unit,
                "lower_limit": result["LBORNRLO"],
                "upper_limit": result["LBORNRHI"],
            },
        )


def _map_event(event: Observation, mapped: Mapped) -> None:
    number, grade = _count(event["AESEQ"]), _count(event["AETOXGR"])
    mapped.add(
        "adverse_events.csv",
        event.line,
        {
            "patient_id": event["USUBJID"],
            "event_id": f"{event['USUBJID']}-{number}" if number else "",
            "term": event["AETERM"],
            "grade": grade if grade.isdecimal() else "",
            "started_on": partial_date(event["AESTDTC"]),
            "ended_on": partial_date(event["AEENDTC"]),
            "serious": event["AESER"] if event["AESER"] in ("Y", "N") else "",
        },
        coded_term=event["AEDECOD"],
        body_system=event["AEBODSYS"],
    )
