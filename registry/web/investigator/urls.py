"""Addresses of the site's pages (contract.md section 5). `<id>` is an opaque id, never a patient's number."""

from django.urls import path, register_converter

from registry.web.investigator import (
    casebook,
    consent,
    contact,
    drafts,
    enrol,
    event_correction,
    events,
    live_checks,
    patients,
    results,
    signing,
    transfer,
    visit_record,
    visit_saved,
    visits,
)

app_name = "investigator"


class VisitCode:
    """A visit's code as schedules and imports spell it; nothing that could end a text in the database."""

    regex = r"[^/\x00-\x1f\x7f]{1,40}"

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value


register_converter(VisitCode, "visit_code")

urlpatterns = [
    path("", patients.patients, name="patients"),
    path("drafts/", drafts.own_drafts, name="own_drafts"),
    path("enrol/", enrol.enrol, name="enrol"),
    path("consents/", consent.to_ask, name="consents"),
    path("consents/<visit_code:study_key>/versions/", consent.versions, name="consent_versions"),
    path("<uuid:public_id>/", patients.patient, name="patient"),
    path("<uuid:public_id>/drafts/", drafts.drafts, name="drafts"),
    path("<uuid:public_id>/drafts/discard/", drafts.discard_draft, name="discard_draft"),
    path("<uuid:public_id>/visits/<visit_code:code>/", visits.visit, name="visit"),
    path("<uuid:public_id>/visits/<visit_code:code>/day/", visits.day, name="visit_day"),
    path("<uuid:public_id>/visits/<visit_code:code>/saved/", visit_saved.visit_saved, name="visit_saved"),
    path("<uuid:public_id>/visits/<visit_code:code>/contact/", contact.contact, name="contact"),
    path(
        "<uuid:public_id>/visits/<visit_code:code>/contact/saved/",
        contact.contact_saved,
        name="contact_saved",
    ),
    path(
        "<uuid:public_id>/visits/<visit_code:code>/contact/attempt/",
        contact.attempt,
        name="contact_attempt",
    ),
    path("<uuid:public_id>/infusions/", enrol.infusion, name="infusion"),
    path("<uuid:public_id>/end/", enrol.end, name="end"),
    path("<uuid:public_id>/consent/", consent.consent, name="consent"),
    path("<uuid:public_id>/consent/withdraw/", consent.withdraw, name="withdraw"),
    path(
        "<uuid:public_id>/consent/withdrawals/<int:withdrawal_id>/",
        consent.annul,
        name="annul_withdrawal",
    ),
    path("<uuid:public_id>/transfer/", transfer.transfer, name="transfer"),
    path("<uuid:public_id>/visits/<visit_code:code>/record/", visit_record.record, name="visit_record"),
    path("<uuid:public_id>/visits/<visit_code:code>/history/", visit_record.history, name="visit_history"),
    path("<uuid:public_id>/visits/<visit_code:code>/sign/", signing.sign_visit, name="sign_visit"),
    path("<uuid:public_id>/sign/", signing.sign_patient, name="sign_patient"),
    path("<uuid:public_id>/signatures/", signing.signatures, name="signatures"),
    path("<uuid:public_id>/results/check/", live_checks.check_results, name="check_results"),
    path("<uuid:public_id>/results/<int:result_id>/", results.correct_result, name="result"),
    path("<uuid:public_id>/activity/", patients.activity, name="activity"),
    path("<uuid:public_id>/checks/", patients.checks, name="checks"),
    path("<uuid:public_id>/history/", patients.history, name="history"),
    path("<uuid:public_id>/history.csv", patients.history_file, name="history_file"),
    path("<uuid:public_id>/casebook/", casebook.page, name="casebook"),
    path("<uuid:public_id>/casebook.pdf", casebook.pdf, name="casebook_pdf"),
    path("<uuid:public_id>/events/", events.events, name="events"),
    path("<uuid:public_id>/events/<int:event_id>/", events.event, name="event"),
    path("<uuid:public_id>/events/<int:event_id>/follow-up/", events.follow_up, name="follow_up"),
    path("<uuid:public_id>/events/<int:event_id>/correct/", event_correction.correct, name="correct_event"),
]
