-- Locks of a visit, patient, site or study, and the two people who open one. What they refuse is in guard.sql.
CREATE SCHEMA guard;
GRANT USAGE ON SCHEMA guard TO public;

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
