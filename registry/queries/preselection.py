"""Which patients could have a finding of a rule: a necessary condition that the database tests.

Generous and never narrow: the rule itself decides over whoever is left, and `recompute --diff` judges
everybody without any of this. Free of the as-of date but for overdue visits: whoever is not returned has no
finding on any day as long as the record stays as it is.
"""

from datetime import date
from typing import Any

from django.db import connection

from registry.monitoring.blood_counts import LINEAGES, CountLimits
from registry.monitoring.rule import Rule


def patients_who_could(
    *, rule: Rule, latest_day: date, first_id: int | None = None, last_id: int | None = None
) -> set[int] | None:
    """Return the patients of a range of ids who could have a finding of the rule; None: everybody.

    `latest_day`: the latest date on which anybody is judged. A patient with an alert of the rule that
    still stands is always among them: it may have lost its ground.
    """
    needs = rule.needs
    if needs.everyone:
        return None
    conditions = [
        """
        SELECT patient_id FROM registry_alert
        WHERE rule = %(rule)s AND merged_into_id IS NULL
          AND state NOT IN ('resolved', 'withdrawn') AND NOT ground_gone
        """
    ]
    parameters: dict[str, Any] = {"rule": rule.key}
    if needs.low_results:
        # At the limit is not low, but `<limit` is (CYT-1): at or below, to be generous.
        conditions.append(
            """
            SELECT r.patient_id FROM registry_labresult r
            JOIN unnest(%(lineages)s::text[], %(limits)s::numeric[]) AS low (analyte, at_most)
                ON low.analyte = r.analyte AND r.value <= low.at_most
            WHERE r.superseded_at IS NULL
            """
        )
        parameters["lineages"] = list(LINEAGES)
        parameters["limits"] = [CountLimits().low_below(lineage) for lineage in LINEAGES]
    if needs.adverse_events:
        conditions.append("SELECT patient_id FROM registry_adverseevent")
    if needs.new_malignancy_answers:
        conditions.append(
            "SELECT patient_id FROM registry_visit WHERE new_malignancy OR new_malignancy_text <> ''"
        )
    if needs.analytes:
        conditions.append(
            "SELECT patient_id FROM registry_labresult WHERE superseded_at IS NULL"
            " AND analyte = ANY (%(analytes)s)"
        )
        parameters["analytes"] = list(needs.analytes)
    if needs.cause_of_death:
        conditions.append("SELECT id FROM registry_patient WHERE cause_of_death <> ''")
    with connection.cursor() as cursor:
        cursor.execute(" UNION ".join(conditions), parameters)
        found = {row[0] for row in cursor.fetchall()}
    return {
        patient_id
        for patient_id in found
        if (first_id is None or first_id <= patient_id) and (last_id is None or patient_id <= last_id)
    }
