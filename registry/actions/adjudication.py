"""The safety officer's label of a LICATS event, beside the investigator's and without looking at it."""

from datetime import datetime

from django.db import transaction
from django.db.models import Max

from registry.access.roles import require
from registry.actions.laboratory import lock_patient
from registry.actions.refused import refuse_if
from registry.clinical.entry_checks import check_listed, check_present, check_text
from registry.clinical.event_lists import LICATS_LABELS
from registry.clinical.refusals import Problem
from registry.models import AdverseEvent, LicatsAdjudication, User

_REASON_LIMIT = 1000


class NotLicats(ValueError):
    """The event is of another category and has no label to adjudicate."""

    def __init__(self, event: AdverseEvent):
        super().__init__(event.pk)
        self.event = event


class LabelledMeanwhile(RuntimeError):
    """Somebody gave a label since the page was opened; `latest` is theirs."""

    def __init__(self, latest: LicatsAdjudication):
        super().__init__(latest.pk)
        self.latest = latest

    @property
    def for_people(self) -> str:
        return (
            f"{self.latest.entered_by} gave a label while you were deciding: version {self.latest.number}. "
            "Read it; if yours is still another, give it again."
        )


def label_problems(*, label: str, reason: str) -> list[Problem]:
    """What is missing of a label."""
    return [
        *check_listed(field="label", value=label, codes=LICATS_LABELS),
        *(
            check_present(field="reason", value=reason)
            or check_text(field="reason", value=reason, maximum=_REASON_LIMIT)
        ),
    ]


def adjudicate(
    *, event: AdverseEvent, label: str, reason: str, version: int, by: User | None, at: datetime
) -> LicatsAdjudication:
    """Keep a label as the next version and return it; earlier ones stay.

    `version` is the one the person saw as next. The same label twice is one. Raises NotAllowed, NotLicats,
    RecordRefused, LabelledMeanwhile. A lock of the site's record does not hold a label up: it is not theirs.
    """
    require(by, "review_alerts", patient=event.patient)
    if event.category != "licats":
        raise NotLicats(event)
    refuse_if(label_problems(label=label, reason=reason))
    with transaction.atomic():
        lock_patient(event.patient)
        labels = LicatsAdjudication.objects.filter(event=event)
        latest = labels.aggregate(Max("number"))["number__max"] or 0
        if version <= latest:
            there = labels.select_related("entered_by").get(number=latest)
            if (there.label, there.reason, there.entered_by) == (label, reason.strip(), by):
                return there
            raise LabelledMeanwhile(there)
        return LicatsAdjudication.objects.create(
            event=event,
            patient_id=event.patient_id,
            number=latest + 1,
            label=label,
            reason=reason.strip(),
            entered_by=by,
            entered_at=at,
            origin="form",
        )
