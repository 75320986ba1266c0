"""Say whether the alert checks run; of one patient, what each rule has said and why it found nothing more."""

import json
from argparse import ArgumentParser
from dataclasses import asdict
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from registry import clock
from registry.access.scope import EVERYTHING, acting
from registry.models import Patient
from registry.queries import monitoring_status
from registry.queries.judgements import RuleStanding, standing_of

_SETTLED = ("judged", "not_in_scope")


class Command(BaseCommand):
    help = (
        "Check the last whole run of each rule, what waits, worker, beat, broker, database, next run;"
        " with --patient, what each rule has said of one patient."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--patient", metavar="CODE", help="the registry's patient id")
        parser.add_argument("--study", metavar="KEY", help="the patient's study, where several know the id")
        parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")

    def handle(self, **options: Any) -> None:
        if options["patient"]:
            self._say_of_patient(**options)
            return
        checks = monitoring_status.checks(at=clock.now())
        ok = all(check.ok for check in checks)
        if options["json"]:
            self.stdout.write(json.dumps({"ok": ok, "checks": [asdict(check) for check in checks]}))
        else:
            for check in checks:
                word = "ok   " if check.ok else "STALE"
                self.stdout.write(f"{word} {check.name}: {check.value} (limit: {check.limit}) {check.detail}")
            self.stdout.write(f"{len(checks)} checks")
        if not ok:
            stale = ", ".join(check.name for check in checks if not check.ok)
            raise CommandError(f"Not all is well: {stale}.", returncode=1)

    def _say_of_patient(self, **options: Any) -> None:
        with acting(rows=EVERYTHING):
            patient = _patient(code=options["patient"], study=options["study"])
            rules = standing_of(patient=patient, today=clock.today(time_zone=patient.site.time_zone))
        open_rules = [standing.rule for standing in rules if standing.state not in _SETTLED]
        if options["json"]:
            said = {
                "ok": not open_rules,
                "study": patient.study.key,
                "patient_id": patient.code,
                "rules": [_as_json(standing) for standing in rules],
            }
            self.stdout.write(json.dumps(said, ensure_ascii=False))
        else:
            for standing in rules:
                when = _instant(standing.judged_at) or "never"
                self.stdout.write(
                    f"{standing.rule} {standing.version}, judged {when}: {_words(standing)}".rstrip(": ")
                )
                for sentence in standing.why_not:
                    self.stdout.write(f"    {sentence}")
            self.stdout.write(f"{len(rules)} rules")
        if open_rules:
            raise CommandError(f"Not judged as the record stands: {', '.join(open_rules)}.", returncode=1)


def _patient(*, code: str, study: str | None) -> Patient:
    found = Patient.objects.filter(code=code).select_related("site", "study").order_by("study__key")
    patients = list(found if study is None else found.filter(study__key=study))
    if not patients:
        raise CommandError(f"There is no patient {code}{f' in study {study}' if study else ''}.")
    if len(patients) > 1:
        studies = ", ".join(patient.study.key for patient in patients)
        raise CommandError(f"Several studies have a patient {code}: {studies}. Name one with --study.")
    return patients[0]


def _words(standing: RuleStanding) -> str:
    waiting = f"waiting since {_instant(standing.since)}" if standing.state == "waiting" else ""
    return "; ".join(filter(None, (waiting, standing.result)))


def _as_json(standing: RuleStanding) -> dict[str, Any]:
    return {
        "rule": standing.rule,
        "version": standing.version,
        "state": standing.state,
        "judged_at": _instant(standing.judged_at),
        "as_of": standing.as_of.isoformat() if standing.as_of else None,
        "since": _instant(standing.since),
        "result": standing.result,
        "why_not": list(standing.why_not),
        "alerts": [str(alert.public_id) for alert in standing.alerts],
    }


def _instant(at: datetime | None) -> str | None:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ") if at else None
