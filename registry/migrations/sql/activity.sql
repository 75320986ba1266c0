-- Activity, serology and treatments: tied to their patient, fenced, audited; what must never be is refused.
ALTER TABLE registry_score ADD CONSTRAINT score_with_patient UNIQUE (id, patient_id);
ALTER TABLE registry_scoredetail ADD CONSTRAINT score_detail_is_of_its_scores_patient
    FOREIGN KEY (score_id, patient_id) REFERENCES registry_score (id, patient_id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE registry_treatmentanswer ADD CONSTRAINT treatment_answer_visit_is_of_its_patient
    FOREIGN KEY (visit_id, patient_id) REFERENCES registry_visit (id, patient_id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE registry_treatmentanswer ADD CONSTRAINT treatment_answer_treatment_is_of_its_patient
    FOREIGN KEY (treatment_id, patient_id) REFERENCES registry_treatment (id, patient_id) DEFERRABLE INITIALLY DEFERRED;

-- The total of an assessment is the sum of its items.
CREATE FUNCTION registry_points_of(items jsonb) RETURNS numeric LANGUAGE sql IMMUTABLE SET search_path = pg_catalog AS
    $$ SELECT coalesce(sum((value #>> '{}')::numeric), 0) FROM jsonb_each(items) $$;
ALTER TABLE registry_scoredetail ADD CONSTRAINT score_total_is_the_sum_of_its_items
    CHECK (items IS NULL OR total = registry_points_of(items));

-- The first and the last day that a partial date could be; an impossible date is refused by make_date.
CREATE FUNCTION registry_earliest_day(t text) RETURNS date LANGUAGE sql IMMUTABLE STRICT SET search_path = pg_catalog AS $$
    SELECT make_date(left(t, 4)::int, coalesce(nullif(substr(t, 6, 2), '')::int, 1), coalesce(nullif(substr(t, 9, 2), '')::int, 1)) $$;
CREATE FUNCTION registry_latest_day(t text) RETURNS date LANGUAGE sql IMMUTABLE STRICT SET search_path = pg_catalog AS $$
    SELECT CASE length(t)
        WHEN 4 THEN make_date(t::int, 12, 31)
        WHEN 7 THEN (make_date(left(t, 4)::int, substr(t, 6, 2)::int, 1) + interval '1 month - 1 day')::date
        ELSE make_date(left(t, 4)::int, substr(t, 6, 2)::int, substr(t, 9, 2)::int) END $$;
-- The days on which a drug was certainly taken: from the latest start to the earliest stop, which is free of it.
CREATE FUNCTION registry_certain_days(started_on text, stopped_on text) RETURNS daterange LANGUAGE sql IMMUTABLE STRICT
    SET search_path = pg_catalog, public AS $$
    SELECT CASE
        WHEN stopped_on = '' THEN daterange(registry_latest_day(started_on), NULL, '[)')
        WHEN registry_latest_day(started_on) < registry_earliest_day(stopped_on)
            THEN daterange(registry_latest_day(started_on), registry_earliest_day(stopped_on), '[)')
        ELSE 'empty'::daterange END $$;
ALTER TABLE registry_treatment
    ADD CONSTRAINT treatment_dates_are_dates CHECK (
        started_on ~ '^\d{4}(-\d{2}(-\d{2})?)?$' AND stopped_on ~ '^(\d{4}(-\d{2}(-\d{2})?)?)?$'
        AND registry_earliest_day(started_on) <= CASE WHEN stopped_on = '' THEN 'infinity' ELSE registry_latest_day(stopped_on) END),
    ADD CONSTRAINT treatment_periods_do_not_overlap EXCLUDE USING gist (
        patient_id WITH =, agent WITH =, name WITH =, registry_certain_days(started_on, stopped_on) WITH &&);

DO $$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['registry_scoredetail', 'registry_serology', 'registry_treatment', 'registry_treatmentanswer'] LOOP
        PERFORM audit.watch(t);
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY scope ON %I USING (CASE WHEN (SELECT registry_sees_everything()) THEN patient_id > 0'
            ' WHEN (SELECT registry_sees_canaries()) THEN patient_id < 0'
            ' ELSE patient_id IN (SELECT id FROM registry_patient) END)', t);
    END LOOP;
END $$;
