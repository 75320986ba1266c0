-- Facts that belong together: a child row's study, site, course and patient are the parent's own.
ALTER TABLE registry_patient ADD CONSTRAINT patient_site_is_of_its_study
    FOREIGN KEY (site_id, study_id) REFERENCES registry_site (id, study_id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE registry_infusion ADD CONSTRAINT infusion_course_is_of_its_patient
    FOREIGN KEY (course_id, patient_id) REFERENCES registry_course (id, patient_id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE registry_visit ADD CONSTRAINT visit_course_is_of_its_patient
    FOREIGN KEY (course_id, patient_id) REFERENCES registry_course (id, patient_id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE registry_visit ADD CONSTRAINT visit_with_patient UNIQUE (id, patient_id);
ALTER TABLE registry_labresult ADD CONSTRAINT result_visit_is_of_its_patient
    FOREIGN KEY (visit_id, patient_id) REFERENCES registry_visit (id, patient_id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE registry_labnotdone ADD CONSTRAINT not_done_visit_is_of_its_patient
    FOREIGN KEY (visit_id, patient_id) REFERENCES registry_visit (id, patient_id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE registry_adverseevent ADD CONSTRAINT event_study_is_its_patients
    FOREIGN KEY (patient_id, study_id) REFERENCES registry_patient (id, study_id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE registry_adverseevent ADD CONSTRAINT event_with_patient UNIQUE (id, patient_id);
ALTER TABLE registry_adverseeventfollowup ADD CONSTRAINT follow_up_is_of_its_events_patient
    FOREIGN KEY (event_id, patient_id) REFERENCES registry_adverseevent (id, patient_id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE registry_alert ADD CONSTRAINT alert_with_patient UNIQUE (id, patient_id);
ALTER TABLE registry_alertmove ADD CONSTRAINT move_is_of_its_alerts_patient
    FOREIGN KEY (alert_id, patient_id) REFERENCES registry_alert (id, patient_id) DEFERRABLE INITIALLY DEFERRED;

-- A course's day 0 is its infusion's date, and of a comparator the index date.
CREATE FUNCTION registry_infusion_opens_its_course() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT day_zero FROM registry_course WHERE id = new.course_id) IS DISTINCT FROM new.infused_on THEN
        RAISE EXCEPTION 'an infusion opens the course of its own day' USING ERRCODE = 'check_violation';
    END IF;
    RETURN new;
END $$;
CREATE TRIGGER infusion_opens_its_course BEFORE INSERT OR UPDATE ON registry_infusion
    FOR EACH ROW EXECUTE FUNCTION registry_infusion_opens_its_course();

-- A completed visit lies in its course: not before day 0, and not on or after the next one.
CREATE FUNCTION registry_visit_lies_in_its_course() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF new.visited_on IS NOT NULL AND new.visited_on < (SELECT day_zero FROM registry_course WHERE id = new.course_id) THEN
        RAISE EXCEPTION 'a visit is not dated before its day 0' USING ERRCODE = 'check_violation';
    END IF;
    RETURN new;
END $$;
CREATE TRIGGER visit_lies_in_its_course BEFORE INSERT OR UPDATE ON registry_visit
    FOR EACH ROW EXECUTE FUNCTION registry_visit_lies_in_its_course();

-- A laboratory result is never edited: it is superseded, once.
CREATE FUNCTION registry_result_is_only_superseded() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF tg_op = 'DELETE' THEN
        RAISE EXCEPTION 'a laboratory result is superseded, never deleted' USING ERRCODE = 'check_violation';
    END IF;
    IF old.superseded_at IS NOT NULL
       OR (to_jsonb(new) - '{superseded_by_id,superseded_at,superseded_reason}'::text[])
          IS DISTINCT FROM (to_jsonb(old) - '{superseded_by_id,superseded_at,superseded_reason}'::text[]) THEN
        RAISE EXCEPTION 'a laboratory result is superseded, never changed' USING ERRCODE = 'check_violation';
    END IF;
    RETURN new;
END $$;
CREATE TRIGGER result_is_only_superseded BEFORE UPDATE OR DELETE ON registry_labresult
    FOR EACH ROW EXECUTE FUNCTION registry_result_is_only_superseded();

-- The life cycle of an alert; the pairs are those of registry/monitoring/lifecycle.py, a test compares.
CREATE FUNCTION registry_alert_move_is_allowed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF tg_op = 'DELETE' THEN
        RAISE EXCEPTION 'an alert is never deleted' USING ERRCODE = 'check_violation';
    END IF;
    IF (old.patient_id, old.rule, old.subject, old.public_id, old.raised_at)
       IS DISTINCT FROM (new.patient_id, new.rule, new.subject, new.public_id, new.raised_at) THEN
        RAISE EXCEPTION 'an alert stays with its patient, rule and subject' USING ERRCODE = 'check_violation';
    END IF;
    IF old.state <> new.state AND (old.state, new.state) NOT IN (
        ('open', 'acknowledged'), ('open', 'in_review'), ('open', 'confirmed'), ('open', 'dismissed'),
        ('open', 'resolved'), ('open', 'withdrawn'),
        ('acknowledged', 'in_review'), ('acknowledged', 'confirmed'), ('acknowledged', 'dismissed'),
        ('acknowledged', 'resolved'), ('acknowledged', 'withdrawn'),
        ('in_review', 'confirmed'), ('in_review', 'dismissed'),
        ('in_review', 'resolved'), ('in_review', 'withdrawn'),
        ('confirmed', 'open'), ('dismissed', 'open'), ('resolved', 'open'), ('withdrawn', 'open')
    ) THEN
        RAISE EXCEPTION 'alert: no move from % to %', old.state, new.state USING ERRCODE = 'check_violation';
    END IF;
    RETURN new;
END $$;
CREATE TRIGGER alert_move_is_allowed BEFORE UPDATE OR DELETE ON registry_alert
    FOR EACH ROW EXECUTE FUNCTION registry_alert_move_is_allowed();

CREATE FUNCTION registry_never_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is written once and never changed', tg_table_name USING ERRCODE = 'check_violation';
END $$;
CREATE TRIGGER never_changed BEFORE UPDATE OR DELETE ON registry_alertmove
    FOR EACH ROW EXECUTE FUNCTION registry_never_changed();
CREATE TRIGGER never_changed BEFORE UPDATE OR DELETE ON registry_exportrecord
    FOR EACH ROW EXECUTE FUNCTION registry_never_changed();
CREATE TRIGGER never_changed BEFORE UPDATE OR DELETE ON registry_pseudonym
    FOR EACH ROW EXECUTE FUNCTION registry_never_changed();
CREATE TRIGGER never_changed BEFORE UPDATE OR DELETE ON registry_adverseeventfollowup
    FOR EACH ROW EXECUTE FUNCTION registry_never_changed();
