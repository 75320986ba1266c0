"""The frame of an import: study with sponsor, sites, products, visit schedules."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from registry.actions.importing.checking import Facts, accepted
from registry.actions.importing.merging import Entry, Merge, Writes
from registry.actions.importing.record import Ledger, Record, Row
from registry.clinical.default_schedule import DEFAULT_SCHEDULE
from registry.clinical.frame_checks import check_product, check_scheduled_visit, check_site
from registry.clinical.refusals import Problem
from registry.clinical.visit_windows import UNSCHEDULED
from registry.models import Product, ScheduledVisit, Site, Sponsor, Study, VisitSchedule


@dataclass(slots=True)
class Frame:
    """What rows may refer to. `refused` holds the ids of lines that are there but were refused."""

    study: Study
    sites: dict[str, Site] = field(default_factory=dict)
    products: dict[str, Product] = field(default_factory=dict)
    planned: list[ScheduledVisit] = field(default_factory=list)
    refused: set[tuple[str, str]] = field(default_factory=set)

    def visit_codes(self) -> list[str]:
        """Return the codes a visit may have; none when the study plans nothing, and any code is free."""
        codes = list(dict.fromkeys(visit.code for visit in self.planned))
        return [*codes, UNSCHEDULED] if codes else []

    def repeats(self, code: str) -> bool:
        """Whether the code is a yearly repetition of a planned visit: Y16 after Y15, M30+1Y after M30."""
        for visit in self.planned:
            if not visit.repeats_yearly:
                continue
            stem = visit.code.rstrip("0123456789")
            number = visit.code[len(stem) :]
            if stem == "Y" and number and code[:1] == "Y" and code[1:].isdecimal():
                return int(code[1:]) > int(number)
            years = code.removeprefix(f"{visit.code}+").removesuffix("Y")
            if code == f"{visit.code}+{years}Y" and years.isdecimal():
                return True
        return False


def plan_frame(
    *, record: Record, study_key: str, with_schedule: bool, ledger: Ledger, writes: Writes
) -> Frame:
    """Find or plan the study and merge sites, products and schedules.

    `with_schedule`: a study that is created gets the default schedule, unless the record brings its own.
    """
    study = Study.objects.filter(key=study_key).first()
    is_new = study is None
    if study is None:
        study = _new_study(study_key, writes)
    frame = Frame(study=study)
    _merge_sites(record, frame, is_new, ledger, writes)
    _merge_products(record, frame, is_new, ledger, writes)
    _merge_schedules(record, frame, is_new, ledger, writes)
    if is_new and with_schedule and "schedules.csv" not in record.tables:
        _plan_default_schedule(frame, writes)
    return frame


def _new_study(key: str, writes: Writes) -> Study:
    sponsor = Sponsor.objects.filter(key=key).first()
    if sponsor is None:
        sponsor = Sponsor(key=key, name=key)
        writes.create(sponsor)
    study = Study(key=key, name=key, sponsor=sponsor)
    writes.create(study)
    return study


def _merge_sites(record: Record, frame: Frame, is_new: bool, ledger: Ledger, writes: Writes) -> None:
    stored = {} if is_new else {site.code: site for site in Site.objects.filter(study=frame.study)}
    frame.sites.update(stored)
    merge = Merge(
        file="sites.csv",
        ledger=ledger,
        writes=writes,
        stored=stored,
        make=lambda code, values: Site(study=frame.study, code=code, **values),
    )

    def check(facts: Facts) -> list[Problem]:
        return check_site(**facts)

    _merge_by_id(record, frame, merge, check, key="site_id", into=frame.sites)


def _merge_products(record: Record, frame: Frame, is_new: bool, ledger: Ledger, writes: Writes) -> None:
    stored = {} if is_new else {p.code: p for p in Product.objects.filter(study=frame.study)}
    frame.products.update(stored)
    merge = Merge(
        file="products.csv",
        ledger=ledger,
        writes=writes,
        stored=stored,
        make=lambda code, values: Product(study=frame.study, code=code, **values),
    )

    def check(facts: Facts) -> list[Problem]:
        return check_product(**facts)

    _merge_by_id(record, frame, merge, check, key="product_id", into=frame.products)


def _merge_by_id(
    record: Record,
    frame: Frame,
    merge: Merge,
    check: Callable[[Facts], list[Problem]],
    *,
    key: str,
    into: dict[str, Any],
) -> None:
    for row in record.rows(merge.file):
        facts = accepted(file=merge.file, row=row, ledger=merge.ledger, check=check)
        if facts is None:
            frame.refused.add((merge.file, row.cells.get(key, "")))
            continue
        code = facts.pop(key)
        kept = merge.add(Entry(row=row, key=code, values=facts))
        if kept is not None:
            into[code] = kept


def _plan_default_schedule(frame: Frame, writes: Writes) -> None:
    schedule = VisitSchedule(
        study=frame.study,
        version=DEFAULT_SCHEDULE.version,
        effective_from=DEFAULT_SCHEDULE.effective_from,
    )
    writes.create(schedule)
    for visit in DEFAULT_SCHEDULE.visits:
        planned = ScheduledVisit(
            schedule=schedule,
            code=visit.code,
            offset=visit.offset,
            offset_unit=visit.offset_unit,
            days_before=visit.days_before,
            days_after=visit.days_after,
            mode=visit.mode,
            repeats_yearly=visit.repeats_yearly,
        )
        writes.create(planned)
        frame.planned.append(planned)


def _merge_schedules(record: Record, frame: Frame, is_new: bool, ledger: Ledger, writes: Writes) -> None:
    schedules: dict[int, VisitSchedule] = {}
    stored: dict[tuple[int, str], ScheduledVisit] = {}
    if not is_new:
        schedules = {s.version: s for s in VisitSchedule.objects.filter(study=frame.study)}
        version_of = {schedule.pk: version for version, schedule in schedules.items()}
        for visit in ScheduledVisit.objects.filter(schedule__study=frame.study):
            stored[version_of[visit.schedule_id], visit.code] = visit
    frame.planned.extend(stored.values())
    rows = []
    for row in record.rows("schedules.csv"):
        facts = accepted(file="schedules.csv", row=row, ledger=ledger, check=_check_scheduled)
        if facts is not None:
            rows.append((row, facts))
    begins = _effective_dates(rows, ledger)
    moved = set()
    for version, effective_from in begins.items():
        schedule = schedules.get(version)
        if schedule is None:
            schedules[version] = VisitSchedule(
                study=frame.study, version=version, effective_from=effective_from
            )
            writes.create(schedules[version])
        elif schedule.effective_from != effective_from:
            schedule.effective_from = effective_from
            writes.update(schedule, "effective_from")
            moved.add(version)
    merge = Merge(
        file="schedules.csv",
        ledger=ledger,
        writes=writes,
        stored=stored,
        make=lambda key, values: ScheduledVisit(schedule=schedules[key[0]], code=key[1], **values),
    )
    for row, facts in rows:
        version, code = facts.pop("version"), facts.pop("visit_code")
        facts.pop("effective_from")
        if "mode" in facts:
            facts["mode"] = facts["mode"] or "on_site"
        if "repeats_yearly" in facts:
            facts["repeats_yearly"] = bool(facts["repeats_yearly"])
        same_before = ledger.unchanged["schedules.csv"]
        visit = merge.add(Entry(row=row, key=(version, code), values=facts))
        if visit is not None and (version, code) not in stored:
            frame.planned.append(visit)
        # The version's date stands on each of its lines, so each line is a correction when it moves.
        if version in moved and ledger.unchanged["schedules.csv"] > same_before:
            ledger.unchanged["schedules.csv"] -= 1
            ledger.updated["schedules.csv"] += 1


def _check_scheduled(facts: Facts) -> list[Problem]:
    return check_scheduled_visit(**{name: value for name, value in facts.items() if name != "repeats_yearly"})


def _effective_dates(rows: list[tuple[Row, Facts]], ledger: Ledger) -> dict[int, date]:
    """Return each version's date; a version with two dates is refused."""
    begins: dict[int, tuple[Row, date]] = {}
    for row, facts in rows:
        first, on = begins.setdefault(facts["version"], (row, facts["effective_from"]))
        if on != facts["effective_from"]:
            ledger.refuse(
                "schedules.csv",
                row,
                Problem(
                    "effective_from",
                    facts["effective_from"].isoformat(),
                    f"Line {first.line} gives version {facts['version']} the date {on}.",
                    "One date for all lines of a version.",
                ),
            )
    return {version: on for version, (_, on) in begins.items()}
