"""The casebook of a patient: every form, change and signature, to print and as PDF."""

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_POST

from registry import VERSION
from registry.access.gates import get_patient, get_user
from registry.access.roles import may
from registry.actions.exports import record_casebook
from registry.clock import now
from registry.exchange.casebook import in_words
from registry.exchange.casebook_pdf import casebook_pdf
from registry.models import Patient
from registry.queries.casebook import casebook
from registry.queries.signatures import canonical
from registry.templatetags.words import moment


def page(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """The whole record on one page, made for printing."""
    patient = get_patient(request, public_id)
    # Before everything that is shown: who signs from here signs what stood here, or is told that it changed.
    may_sign = may(get_user(request), "sign_record", patient=patient)
    stands = canonical(patient=patient, visit=None) if may_sign else None
    book = in_words(book=casebook(patient=patient))
    context = {"patient": patient, "book": book, "about": _about(request, patient), "stands": stands}
    return render(request, "investigator/casebook.html", context)


@require_POST
def pdf(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """The same words as a file, and a note of who took it.

    Its name says the subject, as whoever files it needs; the address does not.
    """
    patient = get_patient(request, public_id)
    book = in_words(book=casebook(patient=patient))
    record_casebook(
        patient=patient, row_count=book.rows_count, sha256=book.sha256, by=get_user(request), at=now()
    )
    document = casebook_pdf(book=book, title=f"Casebook of {patient.code}", about=_about(request, patient))
    name = "".join(letter if letter.isalnum() or letter in "-_" else "_" for letter in patient.code)
    return HttpResponse(
        document,
        content_type="application/pdf",
        headers={"Content-Disposition": f'attachment; filename="casebook-{name}.pdf"'},
    )


def _about(request: HttpRequest, patient: Patient) -> dict[str, str]:
    return {
        "Study": patient.study.key
        if patient.study.name == patient.study.key
        else f"{patient.study.key} {patient.study.name}",
        "Site": f"{patient.site.code} {patient.site.name}",
        "Record as of": moment(now(), patient.site.time_zone),
        "Taken by": str(get_user(request)),
        "Made by": f"CAR-T Safety Registry {VERSION}",
    }
