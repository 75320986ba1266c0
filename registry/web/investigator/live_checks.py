"""Grades and questions of the rows as they stand in an open form, for the script of the grid. Stores nothing.

By POST: values do not belong into an address, which logs keep.
"""

from uuid import UUID

from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_POST

from registry.access.gates import get_patient
from registry.clock import today
from registry.queries.earlier_results import results_numbered
from registry.web.investigator.grid_html import grade_html, words_html
from registry.web.investigator.lab_grid import LabGrid, is_grid_step
from registry.web.investigator.lab_rows import ResultRow
from registry.web.investigator.row_forms import About

_FILLED = ("unit", "lower_limit", "upper_limit")


@require_POST
def check_results(request: HttpRequest, public_id: UUID) -> JsonResponse:
    """Answer for every row: its grade, what is asked or refused, and the unit and range filled in."""
    patient = get_patient(request, public_id, verb="enter_record")
    numbers = [str(text) for name, text in request.POST.items() if name.endswith("-result")]
    grid = LabGrid(
        about=About(
            patient=patient,
            day_zeros=(),
            code="",
            today=today(time_zone=patient.site.time_zone),
        ),
        data=request.POST,
        recorded=results_numbered(patient=patient, numbers=numbers),
    )
    grid.look(data=request.POST)
    is_filling = is_grid_step(grid.step)
    return JsonResponse(
        {
            "rows": {row.analyte.key: _told(row, is_filling=is_filling) for row in grid.rows},
            "filled_for": grid.header["filled_for"],
            "said": _filled_words(grid) if is_filling else "",
        }
    )


def _told(row: ResultRow, *, is_filling: bool) -> dict[str, object]:
    words = [text for texts in row.errors.values() for text in texts]
    is_without_range = row.is_filled and not (row.text("lower_limit") or row.text("upper_limit"))
    return {
        "grade": grade_html(row),
        "words": words_html(row),
        "wrong": bool(row.errors),
        "said": f"{row.analyte.name}: {' '.join(words) or row.grade or 'read'}",
        "filled": {name: row.typed.get(name, "") for name in _FILLED}
        if is_filling
        else {"lower_limit": "", "upper_limit": ""}
        if is_without_range
        else {},
    }


def _filled_words(grid: LabGrid) -> str:
    return f"Units and ranges of {grid.laboratory_name or 'no laboratory'} are filled in."
