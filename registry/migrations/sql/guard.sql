-- Every table of the record refuses where it is locked, and notes which signatures a change may void, whatever
-- path writes. One line makes a table part of the record, and its rows with a visit part of what is signed:
--     SELECT registry_guard_locks('registry_x');
-- Once a statement, over its rows at once: a COPY of fifty thousand rows asks once.
CREATE FUNCTION guard.check_rows() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
DECLARE
    part guard.part;
    -- A row of the table of patients is its own patient.
    named text := CASE WHEN tg_table_name = 'registry_patient' THEN 'SELECT t.*, t.id AS patient_id FROM %s t' ELSE 'SELECT * FROM %s' END;
    touched text := CASE tg_op
        WHEN 'INSERT' THEN format(named, 'new_rows')
        WHEN 'DELETE' THEN format(named, 'old_rows')
        ELSE format(named, 'old_rows') || ' UNION ALL ' || format(named, 'new_rows') END;
    standing bigint;
BEGIN
    PERFORM pg_advisory_xact_lock_shared(7202613);
    IF EXISTS (SELECT FROM registry_recordlock) THEN
        SELECT * INTO part FROM guard.part WHERE tbl = tg_table_name;
        -- Of a patient who moves, both sites.
        EXECUTE format(
            'WITH p AS MATERIALIZED (' || CASE WHEN tg_table_name = 'registry_patient'
                THEN 'SELECT r.id, r.site_id, r.study_id FROM (%s) r'
                ELSE 'SELECT p.id, p.site_id, p.study_id FROM (SELECT DISTINCT t.patient_id FROM (%s) t) r JOIN registry_patient p ON p.id = r.patient_id' END || ')
            SELECT l.id FROM p JOIN registry_recordlock l ON l.level = ''study'' AND l.study_id = p.study_id WHERE NOT guard.is_open(l.id)
            UNION ALL
            SELECT l.id FROM p JOIN registry_recordlock l ON l.level = ''site'' AND l.site_id = p.site_id WHERE NOT guard.is_open(l.id)
            UNION ALL
            SELECT l.id FROM p JOIN registry_recordlock l ON l.level = ''patient'' AND l.patient_id = p.id WHERE NOT guard.is_open(l.id)
            LIMIT 1', touched) INTO standing;
        IF standing IS NULL AND part.of_visit IS NOT NULL THEN
            EXECUTE format(
                'SELECT l.id FROM (%s) r
                JOIN registry_recordlock l ON l.level = ''visit'' AND l.patient_id = r.patient_id
                JOIN registry_visit v ON v.id = l.visit_id
                WHERE (%s) AND NOT guard.is_open(l.id) LIMIT 1', touched, part.of_visit) INTO standing;
        END IF;
        IF standing IS NOT NULL THEN
            RAISE EXCEPTION USING ERRCODE = 'RLOCK', MESSAGE = guard.words(standing), DETAIL = 'lock ' || standing;
        END IF;
    END IF;
    -- Generous, by patient and for a visit by its rows; whether the content changed is asked at the commit.
    IF EXISTS (SELECT FROM registry_signature) THEN
        SELECT * INTO part FROM guard.part WHERE tbl = tg_table_name;
        EXECUTE format(
            'INSERT INTO guard.signature_check (signature_id, at, actor_id, reason)
            SELECT s.id, statement_timestamp(), audit.context(''actor'')::bigint, audit.context(''reason'') FROM registry_signature s
            WHERE s.voided_at IS NULL AND s.patient_id IN (SELECT t.patient_id FROM (%1$s) t)
              AND (s.visit_id IS NULL OR EXISTS (SELECT FROM (%1$s) r, registry_visit v WHERE v.id = s.visit_id AND r.patient_id = v.patient_id AND (%2$s)))
            ON CONFLICT DO NOTHING', touched, coalesce(part.signed_with, 'false'));
    END IF;
    RETURN NULL;
END $$;

-- Makes a table part of the record. Its rows have a patient_id; those with a visit_id belong to that visit,
-- unless a condition on the row (r) and the visit (v) says otherwise.
CREATE FUNCTION registry_guard_locks(t text, of_visit text DEFAULT NULL, signed_with text DEFAULT NULL,
    is_current text DEFAULT 'true', kept text[] DEFAULT NULL) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    by_visit text := CASE WHEN EXISTS (SELECT FROM information_schema.columns c
        WHERE c.table_schema = 'public' AND c.table_name = t AND c.column_name = 'visit_id') THEN 'r.visit_id = v.id' END;
BEGIN
    INSERT INTO guard.part VALUES (t, coalesce(of_visit, by_visit), coalesce(signed_with, of_visit, by_visit), is_current, kept);
    EXECUTE format('CREATE TRIGGER guard_insert AFTER INSERT ON %I REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION guard.check_rows()', t);
    EXECUTE format('CREATE TRIGGER guard_update AFTER UPDATE ON %I REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION guard.check_rows()', t);
    EXECUTE format('CREATE TRIGGER guard_delete AFTER DELETE ON %I REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION guard.check_rows()', t);
END $$;
REVOKE EXECUTE ON FUNCTION registry_guard_locks(text, text, text, text, text[]) FROM public;

-- Whose visit, of which course, is signed; changing the patient or the course is no change of the visit's rows.
SELECT registry_guard_locks('registry_patient', NULL, 'r.id = v.patient_id', 'true', '{code}');
SELECT registry_guard_locks('registry_course', NULL, 'r.id = v.course_id', 'true', '{day_zero}');
SELECT registry_guard_locks('registry_visit', 'r.id = v.id');
-- A result that names no visit (an import) belongs to the visit of its day, as the visit's page shows it.
SELECT registry_guard_locks('registry_labresult', 'r.visit_id = v.id OR (r.visit_id IS NULL AND r.collected_on = v.visited_on)',
    NULL, 'r.superseded_at IS NULL');
SELECT registry_guard_locks('registry_supportivetreatment', 'r.given_on BETWEEN v.visited_on - 45 AND v.visited_on');
SELECT registry_guard_locks('registry_score', 'r.assessed_on = v.visited_on');
SELECT registry_guard_locks('registry_scoredetail',
    'EXISTS (SELECT FROM registry_score s WHERE s.id = r.score_id AND s.assessed_on = v.visited_on)');
SELECT registry_guard_locks('registry_serology', 'r.collected_on = v.visited_on');
DO $$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['registry_crsdetails', 'registry_icansdetails', 'registry_infectiondetails',
        'registry_licatsdetails', 'registry_malignancydetails'] LOOP
        PERFORM registry_guard_locks(t, 'EXISTS (SELECT FROM registry_adverseeventfollowup f'
            ' WHERE f.event_id = r.event_id AND f.number = r.number AND f.visit_id = v.id)');
    END LOOP;
END $$;
-- Every other table of patients that stands by now, but what is not of the site's record: alerts, judging,
-- drafts, copies. tests/models/test_locks.py holds the list together with its reasons.
DO $$
DECLARE t text;
BEGIN
    FOR t IN
        SELECT c.table_name FROM information_schema.columns c JOIN information_schema.tables i USING (table_schema, table_name)
        WHERE c.table_schema = 'public' AND c.column_name = 'patient_id' AND i.table_type = 'BASE TABLE'
          AND c.table_name NOT IN (SELECT tbl FROM guard.part)
          AND c.table_name NOT IN ('registry_alert', 'registry_alertmove', 'registry_scanfailure', 'registry_pseudonym',
              'registry_waitingevaluation', 'registry_answerstorenew', 'registry_judgement', 'registry_packedlabs', 'registry_labstorepack',
              'registry_reportscreening', 'registry_recordlock', 'registry_signature', 'registry_draft',
              'registry_licatsadjudication')
    LOOP
        PERFORM registry_guard_locks(t);
    END LOOP;
END $$;
