"""Which field a sponsor may see. Every field of every model is named; a test fails for one that is not.

The line drawn: coded facts, dates and measurements yes. What identifies a person (the registry's own
numbers, staff names, a lot that is one patient's own), long free text (where names and places are written)
and the machinery, no. `term` and `outcome` of an adverse event are short text that a sponsor is obliged
to assess (E2B(R3) E.i.1, SDTM AETERM) and are seen.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from django.db.models import Model

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

KEY = "a row number of the registry's own"
PATIENT = "identifies the patient inside the registry; the sponsor has a pseudonym"
STAFF = "names a member of staff"
FREE_TEXT = "long free text, where names and places are written"
MACHINERY = "about the running of the registry, not about patients"
UNSIGHTED = "the whole table is not for sponsors"
LICENSED = "licensed to the installation; a sponsor has a licence of its own or none"


@dataclass(frozen=True, slots=True)
class Disclosure:
    """`seen`: fields a sponsor may see. `unseen`: the others, each with the reason."""

    seen: frozenset[str]
    unseen: Mapping[str, str]


def _says(seen: str = "", **unseen: str) -> Disclosure:
    return Disclosure(seen=frozenset(seen.split()), unseen=unseen)


def _nothing(reason: str, fields: str) -> Disclosure:
    return Disclosure(seen=frozenset(), unseen=dict.fromkeys(fields.split(), reason))


SPONSOR_SEES: Mapping[type[Model], Disclosure] = {
    Sponsor: _says("key name", id=KEY),
    Study: _says("key name sponsor", id=KEY, is_canary=MACHINERY),
    Site: _says("study code name country time_zone", id=KEY),
    VisitSchedule: _says("study version effective_from", id=KEY),
    ScheduledVisit: _says(
        "schedule code offset offset_unit days_before days_after mode repeats_yearly", id=KEY
    ),
    Product: _says("study code name target source vector manufacturer", id=KEY),
    Patient: _says(
        "study site sex birth_year birth_year_is_derived diagnosis cohort enrolled_on index_date"
        " follow_up_ended_on follow_up_end_reason disease_onset_year failed_therapies organs_at_baseline"
        " prior_malignancy",
        id=KEY,
        public_id=PATIENT,
        code=PATIENT,
        cause_of_death=FREE_TEXT,
    ),
    Course: _says("day_zero", id=KEY, patient=PATIENT),
    Infusion: _says(
        "id infused_on course product dose_cells lymphodepletion",
        patient=PATIENT,
        # Of an allogeneic product, one lot treats many and is shown: queries/sponsor_data.py.
        lot="the lot of an autologous product is one patient's own and would undo the pseudonym",
    ),
    Visit: _says(
        "id course code status visited_on new_malignancy entered_at origin",
        patient=PATIENT,
        missed_reason=FREE_TEXT,
        new_malignancy_text=FREE_TEXT,
        contact_mode="the site's own note; the files of the contract have no such column",
        comments=FREE_TEXT,
        submission=MACHINERY,
        version=MACHINERY,
        entered_by=STAFF,
    ),
    SupportiveTreatment: _says("id given_on kind entered_at origin", patient=PATIENT, entered_by=STAFF),
    Score: _says("id assessed_on score value entered_at origin", patient=PATIENT, entered_by=STAFF),
    ScoreDetail: _says(
        "score variant items total answers entered_at origin", id=KEY, patient=PATIENT, entered_by=STAFF
    ),
    Serology: _says(
        "id collected_on test assay finding titre comparator value unit upper_limit entered_at origin",
        patient=PATIENT,
        entered_by=STAFF,
    ),
    Treatment: _says(
        "id agent started_on stopped_on mg_per_day entered_at origin",
        patient=PATIENT,
        visit=KEY,
        name="written freely where no agent of the list fits",
        dose="written freely, with whatever else a site puts there",
        entered_by=STAFF,
    ),
    TreatmentAnswer: _says(
        "section treatment answer entered_at origin", id=KEY, patient=PATIENT, visit=KEY, entered_by=STAFF
    ),
    LabResult: _says(
        # The id, because the evidence of an alert names its results by it.
        "id collected_on analyte entered_value entered_unit comparator value lower_limit upper_limit"
        " superseded_by superseded_at entered_at origin",
        patient=PATIENT,
        visit=KEY,
        laboratory="with the name of a laboratory a small site is known",
        right_because=FREE_TEXT,
        superseded_reason=FREE_TEXT,
        entered_by=STAFF,
    ),
    Laboratory: _nothing(UNSIGHTED, "id site name entered_by entered_at origin"),
    LaboratoryAnalyte: _nothing(
        UNSIGHTED, "id laboratory analyte sex unit lower_limit upper_limit reported_at"
    ),
    LaboratoryName: _nothing(UNSIGHTED, "id laboratory name analyte entered_by entered_at origin"),
    LabNotDone: _says(
        "id analyte entered_at origin",
        patient=PATIENT,
        visit=KEY,
        reason=FREE_TEXT,
        entered_by=STAFF,
    ),
    AdverseEvent: _says(
        "id study term category code_system code coded_term body_system grade grade_scale started_on ended_on"
        " serious seriousness relatedness lymphodepletion_relatedness other_drug_relatedness"
        " disease_relatedness outcome aware_on entered_at origin",
        patient=PATIENT,
        kept_because=FREE_TEXT,
        event_id="chosen by the site and often built from the patient's number",
        narrative=FREE_TEXT,
        visit=KEY,
        submission=MACHINERY,
        entered_by=STAFF,
    ),
    AdverseEventFollowUp: _says(
        "event number reported_on term coded_term code_system code outcome grade grade_scale serious"
        " seriousness relatedness lymphodepletion_relatedness other_drug_relatedness disease_relatedness"
        " ended_on still_ongoing entered_at origin",
        id=KEY,
        patient=PATIENT,
        visit=KEY,
        narrative=FREE_TEXT,
        kept_because=FREE_TEXT,
        entered_by=STAFF,
    ),
    CrsDetails: _says(
        "event number has_fever is_fever_explained antipyretics_given tocilizumab_given steroids_given"
        " hypotension hypoxia computed_grade entered_at origin",
        id=KEY,
        patient=PATIENT,
        grade_reason=FREE_TEXT,
        entered_by=STAFF,
    ),
    IcansDetails: _says(
        "event number ice_points ice_total consciousness seizure motor oedema computed_grade"
        " entered_at origin",
        id=KEY,
        patient=PATIENT,
        grade_reason=FREE_TEXT,
        entered_by=STAFF,
    ),
    InfectionDetails: _says(
        "event number site organism documented is_opportunistic treatment was_in_hospital entered_at origin",
        id=KEY,
        patient=PATIENT,
        site_words=FREE_TEXT,
        entered_by=STAFF,
    ),
    LicatsDetails: _says(
        "event number organ serology_trend biopsy immunosuppression_started resolved_without_it care"
        " investigator_label entered_at origin",
        id=KEY,
        patient=PATIENT,
        finding=FREE_TEXT,
        entered_by=STAFF,
    ),
    LicatsAdjudication: _says(
        "event number label entered_at origin", id=KEY, patient=PATIENT, reason=FREE_TEXT, entered_by=STAFF
    ),
    MalignancyDetails: _says(
        "event number diagnosed_on topography morphology basis cell_of_origin transgene_test"
        " transgene_tested_on entered_at origin",
        id=KEY,
        patient=PATIENT,
        transgene_source=FREE_TEXT,
        source=FREE_TEXT,
        entered_by=STAFF,
    ),
    VisitNewEvents: _says(
        "has_new_events entered_at origin", id=KEY, visit=KEY, patient=PATIENT, entered_by=STAFF
    ),
    Alert: _says(
        # `subject` and `evidence` are cleaned of what they quote: queries/sponsor_data.py.
        "public_id rule rule_version subject certainty severity state day_zero first_on last_on evidence"
        " raised_at last_seen_at decided_at decision ground_gone is_new_since_decision merged_into",
        id=KEY,
        patient=PATIENT,
        limits=MACHINERY,
        one_per_subject=MACHINERY,
        as_of=MACHINERY,
        late_since=MACHINERY,
        decided_by=STAFF,
    ),
    AlertMove: _says(
        "id alert at kind from_state to_state decision rule_version evidence",
        patient=PATIENT,
        by=STAFF,
        reason=FREE_TEXT,
    ),
    ConsentVersion: _says(
        "study version title text_digest effective_from scopes",
        id=KEY,
        entered_by=STAFF,
        entered_at=MACHINERY,
    ),
    Consent: _says(
        "study version given_on scopes entered_at origin replaced_at",
        id=KEY,
        patient=PATIENT,
        submission=MACHINERY,
        replaced_reason=FREE_TEXT,
        entered_by=STAFF,
    ),
    ConsentWithdrawal: _says(
        "withdrawn_on scopes entered_at origin annulled_at",
        id=KEY,
        patient=PATIENT,
        submission=MACHINERY,
        reason=FREE_TEXT,
        annulled_reason=FREE_TEXT,
        annulled_by=STAFF,
        entered_by=STAFF,
    ),
    AnnualContact: _says(
        "visit blood_disorder serious_infection autoimmune_or_neurological malignancy_event"
        " blood_disorder_event serious_infection_event autoimmune_or_neurological_event entered_at origin",
        id=KEY,
        patient=PATIENT,
        contact_details="whether a person can be reached is the site's own affair",
        entered_by=STAFF,
    ),
    ContactAttempt: _says(
        "course code attempted_on way outcome entered_at origin",
        id=KEY,
        patient=PATIENT,
        note=FREE_TEXT,
        entered_by=STAFF,
    ),
    SiteStay: _says(
        "study site stay",
        id=KEY,
        patient=PATIENT,
        submission=MACHINERY,
        reason=FREE_TEXT,
        moved_by=STAFF,
        moved_at=MACHINERY,
    ),
    Pseudonym: _says("code", id=KEY, sponsor=KEY, patient=PATIENT),
    ScanRun: _nothing(
        MACHINERY,
        "id rule rule_version limits as_of trigger is_whole started_at finished_at"
        " lists is_from_raw slot missed_since patients_in_scope patients_judged patients_skipped_as_clear"
        " patients_unchanged failure_count"
        " findings raised extended withdrawn resolved unchanged seconds"
        " canaries_expected canaries_found canary_problems",
    ),
    RecountRun: _nothing(
        MACHINERY,
        "id at as_of share finished_at patients_counted patients_waiting overdue_patients_counted"
        " overdue_visits_counted difference_count overdue_difference_count differences overdue_differences"
        " seconds explanation explained_by explained_at",
    ),
    OutsidePing: _nothing(MACHINERY, "name at is_heard answer answered_at"),
    ScanPart: _nothing(MACHINERY, "id run first_patient_id last_patient_id finished_at counts"),
    ScanFailure: _nothing(MACHINERY, "id run patient rule at error settled_at"),
    PackedLabs: _nothing(MACHINERY, "patient packed_as counts others"),
    LabsToRepack: _nothing(MACHINERY, "id patient"),
    AnswersToRenew: _nothing(MACHINERY, "id patient"),
    ReportScreening: _nothing(MACHINERY, "id event number patient lists names_malignancy"),
    WaitingEvaluation: _nothing(MACHINERY, "id patient since attempts not_before"),
    Judgement: _nothing(
        MACHINERY, "id patient rule rule_version at as_of wake_on seen answered_as notes is_clear"
    ),
    DueRun: _nothing(MACHINERY, "id job due_at state attempts error finished_at"),
    AlertNews: _nothing(MACHINERY, "id alert kind purpose since"),
    Notification: _nothing(
        STAFF,
        "id public_id recipient kind day payload state attempts not_before error created_at sent_at sent_to"
        " given_up_at given_up_by given_up_reason",
    ),
    NotificationPreference: _nothing(STAFF, "id user wants_digest changed_at"),
    RecordLock: _nothing(
        "about the keeping of the record, not of what it says",
        "id level study site patient visit locked_by locked_at reason",
    ),
    Signature: _nothing(
        STAFF,
        "id patient visit signed_by signed_at printed_name meaning content sha256 voided_at voided_by"
        " voided_reason",
    ),
    SecurityEvent: _nothing(STAFF, "id at kind user"),
    Unlocking: _nothing(
        STAFF,
        "id lock asked_by asked_at reason hours decision decided_by decided_at decision_reason until ended_by"
        " ended_at",
    ),
    Heartbeat: _nothing(MACHINERY, "name at"),
    Draft: _nothing(
        "what somebody types and has not sent is no record",
        "id user patient key page form version payload stored_as saved_at let_go_at",
    ),
    DictionaryVersion: _nothing(
        LICENSED,
        "id dictionary version number revision name digest is_in_force rows loaded_at",
    ),
    DictionaryTerm: _nothing(
        LICENSED,
        "id version code level name pt_code hlt_code hlgt_code soc_code is_current groups",
    ),
    AuditEvent: _says(
        # When and by which way a row was entered, of tables that do not keep it themselves.
        "at origin",
        **dict.fromkeys(
            ("id", "actor_id", "reason", "op", "tbl", "pk_text", "patient_id", "old", "new"),
            "holds every field of every row, in the internal profile only",
        ),
    ),
    Question: _nothing(
        UNSIGHTED,
        "id public_id patient fact state asked_by asked_at due_on check_key check_version ground answered_at"
        " closed_at closed_because",
    ),
    QuestionMessage: _nothing(
        UNSIGHTED,
        "id question patient at by kind from_state to_state text value because check_key alert due_on",
    ),
    ApiKey: _nothing(
        UNSIGHTED,
        "digest token_key user created expiry sponsor study scopes last_used_on revoked_at",
    ),
    CasebookTaken: _nothing(UNSIGHTED, "id patient at by row_count sha256"),
    ExportRecord: _nothing(UNSIGHTED, "id at study by key_prefix dataset format profile row_count sha256"),
    User: _nothing(
        STAFF,
        "id password last_login is_superuser username first_name last_name email is_staff is_active"
        " date_joined is_demo has_own_secret groups user_permissions",
    ),
    Membership: _nothing(STAFF, "id user role site study sponsor granted_at ended_at"),
}


def sponsor_may_see(model: type[Model], field: str) -> bool:
    """Whether a sponsor may see a field; a field that nobody decided about is a KeyError, not a yes."""
    disclosure = SPONSOR_SEES[model]
    if field in disclosure.seen:
        return True
    disclosure.unseen[field]
    return False
