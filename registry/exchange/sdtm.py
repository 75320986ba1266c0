"""A finished trial's SDTM datasets on their way in, as comparators. What is not taken is counted by reason.

Source: contract.md section 3, "SDTM mapping"; exports.md section 2 for the variables. Subjects count from
their first exposure; those without one were screened. Concomitant medication has no place in the mapping;
what looks like supportive treatment in it is counted apart, because it can hide a low blood count.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from registry.actions.importing.record import (
    LISTED_ERRORS,
    ImportReport,
    Record,
    RowError,
)
from registry.actions.imports import Today, import_record
from registry.clinical.frame_checks import time_zones
from registry.exchange.sdtm_datasets import (
    REQUIRED,
    Dataset,
    UnreadableDataset,
    find_datasets,
    read_dataset,
)
from registry.exchange.sdtm_mapping import Mapped, map_record
from registry.models import User

# Which dataset the rows of a bundle's file were made of, and which variable its columns.
_DATASET_OF = {
    "sites.csv": "dm",
    "patients.csv": "dm",
    "visits.csv": "sv",
    "labs.csv": "lb",
    "adverse_events.csv": "ae",
}
_VARIABLE_OF = {
    "patient_id": "USUBJID",
    "site_id": "SITEID",
    "country": "COUNTRY",
    "birth_year": "BRTHDTC",
    "index_date": "EXSTDTC",
    "enrolled_on": "EXSTDTC",
    "follow_up_ended_on": "DTHDTC or DSSTDTC",
    "visit_code": "VISIT",
    "visited_on": "SVSTDTC",
    "collected_on": "LBDTC",
    "analyte": "LBTESTCD",
    "value": "LBORRES",
    "unit": "LBORRESU",
    "lower_limit": "LBORNRLO",
    "upper_limit": "LBORNRHI",
    "event_id": "AESEQ",
    "term": "AETERM",
    "coded_term": "AEDECOD",
    "body_system": "AEBODSYS",
    "grade": "AETOXGR",
    "started_on": "AESTDTC",
    "ended_on": "AEENDTC",
}


@dataclass(frozen=True, slots=True)
class SdtmReport:
    """An import's report, and for each dataset how many observations were taken and why others were not."""

    report: ImportReport
    mapped: Mapping[str, int] = field(default_factory=dict)
    not_mapped: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    variables_not_mapped: Mapping[str, list[str]] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return the import's report with what is said of datasets beside it."""
        left_out = [error.as_json() for error in self.report.left_out[:LISTED_ERRORS]]
        in_part = [error.as_json() for error in self.report.left_out_in_part[:LISTED_ERRORS]]
        return {
            **self.report.as_json(),
            "mapped": dict(self.mapped),
            "not_mapped": {name: dict(reasons) for name, reasons in self.not_mapped.items()},
            "variables_not_mapped": dict(self.variables_not_mapped),
            "left_out_count": len(self.report.left_out),
            "left_out": left_out,
            "left_out_in_part_count": len(self.report.left_out_in_part),
            "left_out_in_part": in_part,
        }


def import_sdtm(
    directory: Path,
    *,
    study_key: str,
    time_zone: str,
    at: datetime,
    today: Today,
    dry_run: bool = False,
    by: User | None = None,
) -> SdtmReport:
    """Load the SDTM datasets of `directory` into the study, which gets no visit schedule.

    Observations that the checks refuse are left out and listed; a dataset that cannot be read stops all.
    """
    datasets, errors = _read(directory)
    if time_zone not in time_zones():
        accepted = "An IANA name such as Europe/Vienna or UTC."
        errors.append(
            RowError("", None, "time_zone", time_zone, f"{time_zone} is not a time zone.", accepted)
        )
    mapped = Mapped() if errors else map_record(datasets, time_zone=time_zone)
    report = import_record(
        record=Record(tables=mapped.tables, errors=[*errors, *mapped.errors]),
        study_key=study_key,
        at=at,
        today=today,
        dry_run=dry_run,
        by=by,
        with_schedule=False,
        leaves_out=True,
    )
    if not report.is_clean:
        return SdtmReport(_in_their_words(report, datasets))
    return SdtmReport(
        report=_in_their_words(report, datasets),
        mapped=_taken(report, mapped, datasets),
        not_mapped=_reasons(report, mapped, datasets),
        variables_not_mapped={
            name: [variable for variable in dataset.variables if variable not in mapped.used[name]]
            for name, dataset in datasets.items()
        },
    )


def _read(directory: Path) -> tuple[dict[str, Dataset], list[RowError]]:
    if not directory.is_dir():
        return {}, [RowError(str(directory), None, "", "", "There is no such directory.", "")]
    datasets = {}
    errors = []
    for name, paths in find_datasets(directory).items():
        if len(paths) > 1:
            files = ", ".join(path.name for path in paths)
            problem = f"The dataset {name} is there more than once: {files}."
            errors.append(RowError(paths[0].name, None, "", "", problem, "One file for each dataset."))
            continue
        try:
            dataset = datasets[name] = read_dataset(paths[0])
        except UnreadableDataset as refusal:
            errors.append(RowError(paths[0].name, refusal.line, "", "", refusal.problem, refusal.accepted))
            continue
        errors += [
            RowError(dataset.file, 1, variable, "", f"The variable {variable} is missing.", "")
            for variable in REQUIRED[name]
            if variable not in dataset.variables
        ]
    if "dm" not in datasets and not errors:
        accepted = "dm with any of lb, ae, sv, ex, ds, cm as .xpt, .csv, .parquet or .json."
        errors.append(RowError(str(directory), None, "", "", "The directory has no dataset dm.", accepted))
    return datasets, errors


def _in_their_words(report: ImportReport, datasets: Mapping[str, Dataset]) -> ImportReport:
    """Name the dataset and variable that a row was made of, not the file and column it was made to."""

    def told(errors: tuple[RowError, ...]) -> tuple[RowError, ...]:
        return tuple(
            replace(
                error,
                file=datasets[_DATASET_OF[error.file]].file,
                column=_VARIABLE_OF.get(error.column, error.column),
            )
            if error.file in _DATASET_OF
            else error
            for error in errors
        )

    return replace(
        report,
        errors=told(report.errors),
        left_out=told(report.left_out),
        left_out_in_part=told(report.left_out_in_part),
    )


def _taken(report: ImportReport, mapped: Mapped, datasets: Mapping[str, Dataset]) -> dict[str, int]:
    taken = {name: mapped.used_up[name] for name in datasets}
    for file, name in _DATASET_OF.items():
        if name in datasets and file != "sites.csv":
            taken[name] = report.created[file] + report.updated[file] + report.unchanged[file]
    return taken


def _reasons(
    report: ImportReport, mapped: Mapped, datasets: Mapping[str, Dataset]
) -> dict[str, Counter[str]]:
    reasons = {name: Counter(mapped.reasons.get(name, {})) for name in datasets}
    lines: dict[tuple[str, int | None], str] = {}
    for error in report.left_out:
        # A row may have several problems; it is counted by the first.
        lines.setdefault((error.file, error.line), error.column)
    for (file, _), column in lines.items():
        reasons[_DATASET_OF[file]][f"refused by the checks: {column}"] += 1
    for file, count in report.orphans.items():
        reasons[_DATASET_OF[file]]["of a subject who was not taken"] += count
    return reasons
