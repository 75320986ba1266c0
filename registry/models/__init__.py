"""What is stored, and what must never be stored."""

from registry.models.activity import ScoreDetail, Serology
from registry.models.adverse_event import AdverseEvent, AdverseEventFollowUp
from registry.models.alert import Alert, AlertMove, ScanFailure, ScanPart, ScanRun
from registry.models.audit import AuditEvent
from registry.models.consent import Consent, ConsentVersion, ConsentWithdrawal
from registry.models.contact import AnnualContact, ContactAttempt
from registry.models.dictionary import DictionaryTerm, DictionaryVersion
from registry.models.draft import Draft
from registry.models.event_details import (
    CrsDetails,
    IcansDetails,
    InfectionDetails,
    LicatsAdjudication,
    LicatsDetails,
    MalignancyDetails,
    VisitNewEvents,
)
from registry.models.export import ApiKey, CasebookTaken, ExportRecord, Pseudonym
from registry.models.laboratory import (
    LabNotDone,
    Laboratory,
    LaboratoryAnalyte,
    LaboratoryName,
    LabResult,
)
from registry.models.locking import RecordLock, Unlocking
from registry.models.notification import AlertNews, Notification, NotificationPreference
from registry.models.patient import Course, Infusion, Patient
from registry.models.people import Membership, User
from registry.models.preselection import AnswersToRenew, LabsToRepack, PackedLabs, ReportScreening
from registry.models.question import Question, QuestionMessage
from registry.models.running import DueRun, Heartbeat, Judgement, WaitingEvaluation
from registry.models.signature import SecurityEvent, Signature
from registry.models.site_stay import SiteStay
from registry.models.study import Product, ScheduledVisit, Site, Sponsor, Study, VisitSchedule
from registry.models.treatment import Treatment, TreatmentAnswer
from registry.models.visit import Score, SupportiveTreatment, Visit
from registry.models.watchman import OutsidePing, RecountRun

__all__ = [
    "AdverseEvent",
    "AdverseEventFollowUp",
    "Alert",
    "AlertMove",
    "AlertNews",
    "AnnualContact",
    "AnswersToRenew",
    "ApiKey",
    "AuditEvent",
    "CasebookTaken",
    "Consent",
    "ConsentVersion",
    "ConsentWithdrawal",
    "ContactAttempt",
    "Course",
    "CrsDetails",
    "DictionaryTerm",
    "DictionaryVersion",
    "Draft",
    "DueRun",
    "ExportRecord",
    "Heartbeat",
    "IcansDetails",
    "InfectionDetails",
    "Infusion",
    "Judgement",
    "LabNotDone",
    "LabResult",
    "Laboratory",
    "LaboratoryAnalyte",
    "LaboratoryName",
    "LabsToRepack",
    "LicatsAdjudication",
    "LicatsDetails",
    "MalignancyDetails",
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
    "RecordLock",
    "RecountRun",
    "ReportScreening",
    "ScanFailure",
    "ScanPart",
    "ScanRun",
    "ScheduledVisit",
    "Score",
    "ScoreDetail",
    "SecurityEvent",
    "Serology",
    "Signature",
    "Site",
    "SiteStay",
    "Sponsor",
    "Study",
    "SupportiveTreatment",
    "Treatment",
    "TreatmentAnswer",
    "Unlocking",
    "User",
    "Visit",
    "VisitNewEvents",
    "VisitSchedule",
    "WaitingEvaluation",
]
