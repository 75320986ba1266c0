-- Details of an event belong to a report of it and are written once: a later report supersedes them.
ALTER TABLE registry_adverseeventfollowup ADD CONSTRAINT follow_up_visit_is_of_its_patient
    FOREIGN KEY (visit_id, patient_id) REFERENCES registry_visit (id, patient_id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE registry_visitnewevents ADD CONSTRAINT answer_is_of_its_visits_patient
    FOREIGN KEY (visit_id, patient_id) REFERENCES registry_visit (id, patient_id) DEFERRABLE INITIALLY DEFERRED;

-- Argument: the category that the table is for.
CREATE FUNCTION registry_details_fit_their_event() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT category FROM registry_adverseevent WHERE id = new.event_id) IS DISTINCT FROM tg_argv[0] THEN
        RAISE EXCEPTION '% is for events of the category %', tg_table_name, tg_argv[0] USING ERRCODE = 'check_violation';
    END IF;
    IF tg_table_name <> 'registry_licatsadjudication' AND new.number > 0 AND NOT EXISTS (
        SELECT FROM registry_adverseeventfollowup f WHERE f.event_id = new.event_id AND f.number = new.number
    ) THEN
        RAISE EXCEPTION 'details belong to a report of their event' USING ERRCODE = 'check_violation';
    END IF;
    RETURN new;
END $$;

-- A grade by ASTCT other than the computed one has a reason. Death, grade 5, is never computed.
CREATE FUNCTION registry_other_grade_has_a_reason() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    reported record;
BEGIN
    SELECT r.grade, r.grade_scale INTO reported FROM (
        SELECT 0 AS number, e.grade, e.grade_scale FROM registry_adverseevent e WHERE e.id = new.event_id
        UNION ALL
        SELECT f.number, f.grade, f.grade_scale FROM registry_adverseeventfollowup f WHERE f.event_id = new.event_id
    ) AS r WHERE r.number <= new.number AND r.grade IS NOT NULL ORDER BY r.number DESC LIMIT 1;
    IF reported.grade_scale = 'ASTCT' AND reported.grade < 5 AND new.computed_grade <> reported.grade AND new.grade_reason = '' THEN
        RAISE EXCEPTION 'a grade other than the computed one has a reason' USING ERRCODE = 'check_violation';
    END IF;
    RETURN new;
END $$;
CREATE TRIGGER other_grade_has_a_reason BEFORE INSERT ON registry_crsdetails
    FOR EACH ROW EXECUTE FUNCTION registry_other_grade_has_a_reason();
CREATE TRIGGER other_grade_has_a_reason BEFORE INSERT ON registry_icansdetails
    FOR EACH ROW EXECUTE FUNCTION registry_other_grade_has_a_reason();

DO $$
DECLARE
    t text;
    category text;
BEGIN
    FOR t, category IN VALUES ('registry_crsdetails', 'crs'), ('registry_icansdetails', 'icans'),
        ('registry_infectiondetails', 'infection'), ('registry_licatsdetails', 'licats'),
        ('registry_malignancydetails', 'malignancy'), ('registry_licatsadjudication', 'licats')
    LOOP
        EXECUTE format('ALTER TABLE %I ADD FOREIGN KEY (event_id, patient_id)'
            ' REFERENCES registry_adverseevent (id, patient_id) DEFERRABLE INITIALLY DEFERRED', t);
        EXECUTE format('CREATE TRIGGER details_fit_their_event BEFORE INSERT ON %I'
            ' FOR EACH ROW EXECUTE FUNCTION registry_details_fit_their_event(%L)', t, category);
        EXECUTE format('CREATE TRIGGER never_changed BEFORE UPDATE OR DELETE ON %I'
            ' FOR EACH ROW EXECUTE FUNCTION registry_never_changed()', t);
        EXECUTE format('REVOKE UPDATE, DELETE ON %I FROM registry_app', t);
    END LOOP;
    FOREACH t IN ARRAY ARRAY['registry_crsdetails', 'registry_icansdetails', 'registry_infectiondetails',
        'registry_licatsdetails', 'registry_malignancydetails', 'registry_licatsadjudication', 'registry_visitnewevents']
    LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY scope ON %I USING (CASE WHEN (SELECT registry_sees_everything()) THEN patient_id > 0'
            ' WHEN (SELECT registry_sees_canaries()) THEN patient_id < 0'
            ' ELSE patient_id IN (SELECT id FROM registry_patient) END)', t);
        PERFORM audit.watch(t, 'id', '{}');
    END LOOP;
END $$;
REVOKE DELETE ON registry_visitnewevents FROM registry_app;
