"""What is stored, and what must never be stored."""

from registry.models.adverse_event import AdverseEvent, AdverseEventFollowUp
from registry.models.alert import Alert, AlertMove, ScanFailure, ScanPart, ScanRun
from registry.models.audit import AuditEvent
from registry.models.dictionary import DictionaryTerm, DictionaryVersion
from registry.models.export import ApiKey, ExportRecord, Pseudonym
from registry.models.laboratory import LabNotDone, LabResult
from registry.models.notification import AlertNews, Notification, NotificationPreference
from registry.models.patient import Course, Infusion, Patient
from registry.models.people import Membership, User
from registry.models.preselection import LabsToRepack, PackedLabs, ReportScreening
from registry.models.question import Question, QuestionMessage
from registry.models.running import DueRun, Heartbeat, Judgement, WaitingEvaluation
from registry.models.study import Product, ScheduledVisit, Site, Sponsor, Study, VisitSchedule
from registry.models.visit import Score, SupportiveTreatment, Visit
from registry.models.watchman import OutsidePing, RecountRun

__all__ = [
    "AdverseEvent",
    "AdverseEventFollowUp",
    "Alert",
    "AlertMove",
    "AlertNews",
    "ApiKey",
    "AuditEvent",
    "Course",
    "DictionaryTerm",
    "DictionaryVersion",
    "DueRun",
    "ExportRecord",
    "Heartbeat",
    "Infusion",
    "Judgement",
    "LabNotDone",
    "LabResult",
    "LabsToRepack",
    "Membership",
    "Notification",
    "NotificationPreference",
    "OutsidePing",
    "PackedLabs",
    "Patient",
    "Product",
    "Pseudonym",
    "Question",
    "QuestionMessage",
    "RecountRun",
    "ReportScreening",
    "ScanFailure",
    "ScanPart",
    "ScanRun",
    "ScheduledVisit",
    "Score",
    "Site",
    "Sponsor",
    "Study",
    "SupportiveTreatment",
    "User",
    "Visit",
    "VisitSchedule",
    "WaitingEvaluation",
]
