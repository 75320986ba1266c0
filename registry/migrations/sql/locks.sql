-- Locks: whatever path writes, a locked record refuses. One line makes a table part of the record:
--     SELECT registry_guard_locks('registry_x');
CREATE SCHEMA guard;
GRANT USAGE ON SCHEMA guard TO public;
-- The tables of the record. `of_visit`: which rows (r) belong to a visit (v), as a condition; empty for
-- rows of the patient alone.
CREATE TABLE guard.part (tbl text PRIMARY KEY, of_visit text);
GRANT SELECT ON guard.part TO registry_app;

ALTER TABLE registry_recordlock
    ADD CONSTRAINT lock_site_is_of_its_study FOREIGN KEY (site_id, study_id) REFERENCES registry_site (id, study_id) DEFERRABLE INITIALLY DEFERRED,
    ADD CONSTRAINT lock_patient_is_of_its_study FOREIGN KEY (patient_id, study_id) REFERENCES registry_patient (id, study_id) DEFERRABLE INITIALLY DEFERRED,
    ADD CONSTRAINT lock_visit_is_of_its_patient FOREIGN KEY (visit_id, patient_id) REFERENCES registry_visit (id, patient_id) DEFERRABLE INITIALLY DEFERRED;
REVOKE DELETE, UPDATE ON registry_recordlock FROM registry_app;
REVOKE DELETE ON registry_unlocking FROM registry_app;
SELECT audit.watch('registry_recordlock', 'id', '{}');
SELECT audit.watch('registry_unlocking', 'id', '{}');
CREATE TRIGGER never_changed BEFORE UPDATE OR DELETE ON registry_recordlock
    FOR EACH ROW EXECUTE FUNCTION registry_never_changed();

-- A lock is seen by whoever sees what it locks.
ALTER TABLE registry_recordlock ENABLE ROW LEVEL SECURITY;
CREATE POLICY scope ON registry_recordlock USING (
    CASE WHEN (SELECT registry_sees_everything()) THEN study_id > 0
         WHEN (SELECT registry_sees_canaries()) THEN study_id < 0
         ELSE study_id = ANY ((SELECT registry_studies())::bigint[])
              OR site_id = ANY ((SELECT registry_sites())::bigint[])
              OR patient_id IN (SELECT id FROM registry_patient)
              OR (level = 'study' AND study_id IN
                  (SELECT s.study_id FROM registry_site s WHERE s.id = ANY ((SELECT registry_sites())::bigint[]))) END);
ALTER TABLE registry_unlocking ENABLE ROW LEVEL SECURITY;
CREATE POLICY scope ON registry_unlocking USING (lock_id IN (SELECT id FROM registry_recordlock));

-- Asked first and undecided; decided once, by somebody else (a constraint); ended once.
CREATE FUNCTION guard.unlocking_in_steps() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF tg_op = 'INSERT' THEN
        IF new.decision <> '' OR new.ended_at IS NOT NULL OR new.until IS NOT NULL THEN
            RAISE EXCEPTION 'an unlocking is asked for before it is decided' USING ERRCODE = 'check_violation';
        END IF;
        RETURN new;
    END IF;
    IF (old.lock_id, old.asked_by_id, old.asked_at, old.reason, old.hours)
       IS DISTINCT FROM (new.lock_id, new.asked_by_id, new.asked_at, new.reason, new.hours)
       OR (old.decision <> '' AND (old.decision, old.decided_by_id, old.decided_at, old.decision_reason, old.until)
           IS DISTINCT FROM (new.decision, new.decided_by_id, new.decided_at, new.decision_reason, new.until))
       OR (old.ended_at IS NOT NULL AND (old.ended_by_id, old.ended_at) IS DISTINCT FROM (new.ended_by_id, new.ended_at)) THEN
        RAISE EXCEPTION 'what was asked and decided stands' USING ERRCODE = 'check_violation';
    END IF;
    -- Counted from the database's clock, because that clock ends it.
    IF old.decision = '' THEN
        new.until := CASE WHEN new.decision = 'approved' THEN statement_timestamp() + make_interval(hours => new.hours) END;
    END IF;
    RETURN new;
END $$;
CREATE TRIGGER unlocking_in_steps BEFORE INSERT OR UPDATE ON registry_unlocking
    FOR EACH ROW EXECUTE FUNCTION guard.unlocking_in_steps();

CREATE FUNCTION guard.is_open(lock_id bigint) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT EXISTS (SELECT FROM public.registry_unlocking u WHERE u.lock_id = $1 AND u.decision = 'approved'
                   AND u.ended_at IS NULL AND (u.until IS NULL OR u.until > statement_timestamp())) $$;
-- The widest lock that stands over a visit, patient, site or study; null when none does.
CREATE FUNCTION guard.lock_on(study bigint, site bigint, patient bigint, visit bigint) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT l.id FROM public.registry_recordlock l
    WHERE ((l.level = 'study' AND l.study_id = study) OR (l.level = 'site' AND l.site_id = site)
           OR (l.level = 'patient' AND l.patient_id = patient) OR (l.level = 'visit' AND l.visit_id = visit))
      AND NOT guard.is_open(l.id)
    ORDER BY position(l.level IN 'study site patient visit') LIMIT 1 $$;
-- What people read, on whatever path they met the lock.
CREATE FUNCTION guard.words(lock_id bigint) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT format('%s is locked since %s by %s: %s. Nothing was stored. To change it, a data manager or safety lead asks for it to be unlocked and another one approves.',
        CASE l.level WHEN 'study' THEN 'The record of study ' || t.key
                     WHEN 'site' THEN 'The record of site ' || s.code
                     WHEN 'patient' THEN 'The record of patient ' || p.code
                     ELSE 'Visit ' || v.code || ' of patient ' || p.code END,
        to_char(l.locked_at AT TIME ZONE 'UTC', 'FMDD Mon YYYY'),
        coalesce(nullif(trim(u.first_name || ' ' || u.last_name), ''), u.username),
        rtrim(l.reason, '. '))
    FROM public.registry_recordlock l
    JOIN public.registry_study t ON t.id = l.study_id
    JOIN public.registry_user u ON u.id = l.locked_by_id
    LEFT JOIN public.registry_site s ON s.id = l.site_id
    LEFT JOIN public.registry_patient p ON p.id = l.patient_id
    LEFT JOIN public.registry_visit v ON v.id = l.visit_id
    WHERE l.id = $1 $$;

-- Whoever writes holds this until the end; whoever locks waits for the writers of the moment, so that no
-- transaction begun before the lock is committed after it.
CREATE FUNCTION guard.wait_for_writers() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(7202613);
    RETURN NULL;
END $$;
CREATE TRIGGER wait_for_writers BEFORE INSERT ON registry_recordlock
    FOR EACH STATEMENT EXECUTE FUNCTION guard.wait_for_writers();

-- Once a statement, over its rows at once: a COPY of fifty thousand rows asks once.
CREATE FUNCTION guard.refuse_locked() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
DECLARE
    of_visit text := (SELECT part.of_visit FROM guard.part WHERE part.tbl = tg_table_name);
    touched text := CASE tg_op WHEN 'INSERT' THEN 'SELECT * FROM new_rows' WHEN 'DELETE' THEN 'SELECT * FROM old_rows'
                               ELSE 'SELECT * FROM old_rows UNION ALL SELECT * FROM new_rows' END;
    patients text := CASE WHEN tg_table_name = 'registry_patient' THEN 'SELECT r.id, r.site_id, r.study_id FROM (%s) r'
        ELSE 'SELECT p.id, p.site_id, p.study_id FROM (SELECT DISTINCT patient_id FROM (%s) t) r JOIN registry_patient p ON p.id = r.patient_id' END;
    standing bigint;
BEGIN
    PERFORM pg_advisory_xact_lock_shared(7202613);
    IF NOT EXISTS (SELECT FROM registry_recordlock) THEN RETURN NULL; END IF;
    EXECUTE format(
        'WITH p AS MATERIALIZED (' || patients || ')
        SELECT l.id FROM p JOIN registry_recordlock l ON l.level = ''study'' AND l.study_id = p.study_id WHERE NOT guard.is_open(l.id)
        UNION ALL
        SELECT l.id FROM p JOIN registry_recordlock l ON l.level = ''site'' AND l.site_id = p.site_id WHERE NOT guard.is_open(l.id)
        UNION ALL
        SELECT l.id FROM p JOIN registry_recordlock l ON l.level = ''patient'' AND l.patient_id = p.id WHERE NOT guard.is_open(l.id)
        LIMIT 1', touched) INTO standing;
    IF standing IS NULL AND of_visit IS NOT NULL THEN
        EXECUTE format(
            'SELECT l.id FROM (%s) r
            JOIN registry_recordlock l ON l.level = ''visit'' AND l.patient_id = r.patient_id
            JOIN registry_visit v ON v.id = l.visit_id
            WHERE (%s) AND NOT guard.is_open(l.id) LIMIT 1', touched, of_visit) INTO standing;
    END IF;
    IF standing IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'RLOCK', MESSAGE = guard.words(standing), DETAIL = 'lock ' || standing;
    END IF;
    RETURN NULL;
END $$;

-- Makes a table part of the record. Its rows have a patient_id; those with a visit_id belong to that visit,
-- unless a condition says otherwise.
CREATE FUNCTION registry_guard_locks(t text, of_visit text DEFAULT NULL) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    has_visit boolean := EXISTS (SELECT FROM information_schema.columns c WHERE c.table_schema = 'public' AND c.table_name = t AND c.column_name = 'visit_id');
BEGIN
    INSERT INTO guard.part VALUES (t, coalesce(of_visit, CASE WHEN has_visit THEN 'r.visit_id = v.id' END));
    EXECUTE format('CREATE TRIGGER guard_insert AFTER INSERT ON %I REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION guard.refuse_locked()', t);
    EXECUTE format('CREATE TRIGGER guard_update AFTER UPDATE ON %I REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION guard.refuse_locked()', t);
    EXECUTE format('CREATE TRIGGER guard_delete AFTER DELETE ON %I REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION guard.refuse_locked()', t);
END $$;
REVOKE EXECUTE ON FUNCTION registry_guard_locks(text, text) FROM public;

SELECT registry_guard_locks('registry_patient');
SELECT registry_guard_locks('registry_visit', 'r.id = v.id');
SELECT registry_guard_locks('registry_labresult', 'r.visit_id = v.id OR (r.visit_id IS NULL AND r.collected_on = v.visited_on)');
SELECT registry_guard_locks('registry_supportivetreatment', 'r.given_on BETWEEN v.visited_on - 45 AND v.visited_on');
-- Every other table of patients that stands by now, but what is not of the site's record: alerts, runs, mails,
-- questions, drafts and copies. tests/models/test_locks.py holds the list together with its reasons.
DO $$
DECLARE t text;
BEGIN
    FOR t IN
        SELECT c.table_name FROM information_schema.columns c JOIN information_schema.tables i USING (table_schema, table_name)
        WHERE c.table_schema = 'public' AND c.column_name = 'patient_id' AND i.table_type = 'BASE TABLE'
          AND c.table_name NOT IN (SELECT tbl FROM guard.part)
          AND c.table_name NOT IN ('registry_alert', 'registry_alertmove', 'registry_scanfailure', 'registry_pseudonym',
              'registry_waitingevaluation', 'registry_judgement', 'registry_packedlabs', 'registry_labstorepack',
              'registry_reportscreening', 'registry_recordlock')
          AND c.table_name NOT LIKE '%draft%'
    LOOP
        PERFORM registry_guard_locks(t);
    END LOOP;
END $$;
