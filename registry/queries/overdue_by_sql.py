"""Overdue visits a second time, by plain SQL written from OVD-1 to OVD-5 and not from the rule.

Two ways of computing the same thing must agree: the nightly recount holds this against the stored alerts.
Nothing here is shared with registry/monitoring; a mistake there is not repeated here.
"""

from collections.abc import Mapping
from datetime import date

from django.db import connection

# Every planned visit of every day 0 that occurs, by the versions that hold for it: counted once for all the
# patients of that study and day. `step` walks through the versions that take effect during the course.
_SQL = """
WITH RECURSIVE asked AS (
    SELECT * FROM unnest(%(ids)s::bigint[], %(days)s::date[]) AS a (patient_id, as_of)
), seen AS (  -- G-2: nothing dated after the as-of date
    SELECT a.patient_id, a.as_of, p.study_id, p.enrolled_on, c.id AS course_id, c.day_zero,
           lead(c.day_zero) OVER (PARTITION BY c.patient_id ORDER BY c.day_zero) AS next_day_zero,
           CASE WHEN p.follow_up_ended_on <= a.as_of THEN p.follow_up_ended_on END AS ended_on
    FROM asked a
    JOIN registry_patient p ON p.id = a.patient_id
    JOIN registry_course c ON c.patient_id = p.id AND c.day_zero <= a.as_of
    WHERE p.enrolled_on <= a.as_of
), starts AS (
    SELECT DISTINCT study_id, day_zero, as_of FROM seen
), versions AS (
    -- In force on the as-of date, from the one that held on day 0; the first also held before it took effect.
    SELECT s.study_id, s.day_zero, s.as_of, v.id AS schedule_id, v.effective_from,
           row_number() OVER (PARTITION BY s.study_id, s.day_zero, s.as_of ORDER BY v.version) AS step
    FROM starts s
    JOIN registry_visitschedule v ON v.study_id = s.study_id
    WHERE v.version >= coalesce(
            (SELECT max(h.version) FROM registry_visitschedule h
             WHERE h.study_id = s.study_id AND h.effective_from <= least(s.day_zero, s.as_of)),
            (SELECT min(f.version) FROM registry_visitschedule f WHERE f.study_id = s.study_id))
      AND (v.effective_from <= s.as_of
           OR v.version = (SELECT min(f.version) FROM registry_visitschedule f WHERE f.study_id = s.study_id))
), planned_rows AS (  -- OVD-1, and its yearly repetitions; G-4: from day 0, clamped at the end of a month
    SELECT v.study_id, v.day_zero, v.as_of, v.step, v.effective_from, w.id, again.years,
           CASE WHEN again.years = 0 THEN w.code
                WHEN w.code ~ '^Y[0-9]+$' THEN 'Y' || (substr(w.code, 2)::int + again.years)
                ELSE w.code || '+' || again.years || 'Y' END AS code,
           CASE WHEN w.offset_unit = 'month'
                THEN (v.day_zero + make_interval(months => w."offset"::int + 12 * again.years))::date
                ELSE (v.day_zero + make_interval(years => again.years))::date + w."offset"::int
           END AS target_on,
           w.days_before::int AS days_before, w.days_after::int AS days_after
    FROM versions v
    JOIN registry_scheduledvisit w ON w.schedule_id = v.schedule_id
    CROSS JOIN LATERAL generate_series(
        0, CASE WHEN w.repeats_yearly THEN extract(year FROM age(v.as_of, v.day_zero))::int + 3 ELSE 0 END
    ) AS again (years)
), planned AS (
    SELECT DISTINCT ON (study_id, day_zero, as_of, step, code)
           study_id, day_zero, as_of, step, code,
           target_on - days_before AS opens_on, target_on + days_after AS closes_on
    FROM planned_rows ORDER BY study_id, day_zero, as_of, step, code, id DESC, years DESC
), codes AS (
    SELECT DISTINCT study_id, day_zero, as_of, code FROM planned
), standing AS (  -- a new version moves only visits whose window has not opened
    SELECT c.study_id, c.day_zero, c.as_of, c.code, 1::bigint AS step, p.opens_on, p.closes_on
    FROM codes c
    LEFT JOIN planned p
        ON (p.study_id, p.day_zero, p.as_of, p.step, p.code) = (c.study_id, c.day_zero, c.as_of, 1, c.code)
), walked AS (
    SELECT * FROM standing
    UNION ALL
    SELECT w.study_id, w.day_zero, w.as_of, w.code, v.step,
           CASE WHEN w.opens_on <= v.effective_from THEN w.opens_on
                WHEN w.opens_on IS NOT NULL OR p.opens_on > v.effective_from THEN p.opens_on END,
           CASE WHEN w.opens_on <= v.effective_from THEN w.closes_on
                WHEN w.opens_on IS NOT NULL OR p.opens_on > v.effective_from THEN p.closes_on END
    FROM walked w
    JOIN versions v
        ON (v.study_id, v.day_zero, v.as_of, v.step) = (w.study_id, w.day_zero, w.as_of, w.step + 1)
    LEFT JOIN planned p
        ON (p.study_id, p.day_zero, p.as_of) = (v.study_id, v.day_zero, v.as_of)
        AND (p.step, p.code) = (v.step, w.code)
), holds AS (
    SELECT DISTINCT ON (study_id, day_zero, as_of, code) *
    FROM walked ORDER BY study_id, day_zero, as_of, code, step DESC
)
SELECT s.patient_id, h.code || '@' || s.day_zero
FROM seen s
JOIN holds h ON (h.study_id, h.day_zero, h.as_of) = (s.study_id, s.day_zero, s.as_of)
WHERE h.closes_on < s.as_of                                                      -- OVD-4
  AND (s.next_day_zero IS NULL OR h.closes_on < s.next_day_zero)                 -- OVD-5
  AND h.closes_on >= s.enrolled_on AND (s.ended_on IS NULL OR h.closes_on <= s.ended_on)  -- OVD-3
  AND NOT EXISTS (                                                               -- OVD-2
        SELECT FROM registry_visit v
        WHERE v.course_id = s.course_id AND v.code = h.code
          AND (v.visited_on IS NULL OR v.visited_on <= s.as_of))
"""


def overdue_visits(*, days: Mapping[int, date]) -> set[tuple[int, str]]:
    """Return patient and subject of every overdue visit of these patients, each on the date given."""
    with connection.cursor() as cursor:
        cursor.execute(_SQL, {"ids": list(days), "days": list(days.values())})
        return {(patient_id, subject) for patient_id, subject in cursor.fetchall()}
