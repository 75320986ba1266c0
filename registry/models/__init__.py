"""What is stored, and what must never be stored."""

from registry.models.adverse_event import AdverseEvent, AdverseEventFollowUp
from registry.models.alert import Alert, AlertMove, ScanFailure, ScanRun
from registry.models.audit import AuditEvent
from registry.models.dictionary import DictionaryTerm, DictionaryVersion
from registry.models.export import ApiKey, ExportRecord, Pseudonym
from registry.models.laboratory import LabNotDone, LabResult
from registry.models.patient import Course, Infusion, Patient
from registry.models.people import Membership, User
from registry.models.preselection import LabsToRepack, PackedLabs, ReportScreening
from registry.models.running import DueRun, Heartbeat, WaitingEvaluation
from registry.models.study import Product, ScheduledVisit, Site, Sponsor, Study, VisitSchedule
from registry.models.visit import Score, SupportiveTreatment, Visit

__all__ = [
    "AdverseEvent",
    "AdverseEventFollowUp",
    "Alert",
    "AlertMove",
    "ApiKey",
    "AuditEvent",
    "Course",
    "DictionaryTerm",
    "DictionaryVersion",
    "DueRun",
    "ExportRecord",
    "Heartbeat",
    "Infusion",
    "LabNotDone",
    "LabResult",
    "LabsToRepack",
    "Membership",
    "PackedLabs",
    "Patient",
    "Product",
    "Pseudonym",
    "ReportScreening",
    "ScanFailure",
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
