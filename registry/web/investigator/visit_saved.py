"""After saving: what was stored, what it raised, who was told, what is still open, what comes next."""

from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from registry.clock import now
from registry.queries.told import who_is_told
from registry.queries.visit_sheet import after_saving
from registry.queries.visit_state import visit_state
from registry.web.investigator.alert_lines import alert_lines
from registry.web.investigator.lab_grid import ORDER
from registry.web.investigator.visit_overview import left_open_in
from registry.web.investigator.visit_place import address_of, place_of


def visit_saved(request: HttpRequest, public_id: UUID, code: str) -> HttpResponse:
    """What was stored, what comes next, what the rules say of it."""
    place = place_of(request, public_id, code)
    if place.visit is None:
        raise Http404
    found = after_saving(visit=place.visit, sheet=place.sheet, today=place.today, at=now())
    since = found.changed_at or place.visit.entered_at
    lines = alert_lines(found.alerts)
    context = {
        "patient": place.patient,
        "visit": place.visit,
        "course": place.course,
        "window": place.sheet.window,
        "found": found,
        "new_lines": [line for line in lines if line.alert.raised_at >= since],
        "old_lines": [line for line in lines if line.alert.raised_at < since],
        "told": who_is_told(study=place.patient.study, alerts=found.alerts, since=since),
        "results": sorted(found.results, key=lambda result: ORDER.index(result.analyte)),
        "left_open": left_open_in(place=place, visit=place.visit),
        "address": address_of(place.visit, "investigator:visit"),
        "record_address": address_of(place.visit, "investigator:visit_record"),
        "state": visit_state(patient=place.patient, visit=place.visit),
    }
    return render(request, "investigator/visit_saved.html", context)
