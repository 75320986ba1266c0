-- A patient whose record changed is to be judged: noted in the transaction of the change, whatever path wrote.
CREATE FUNCTION registry_note_change() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
BEGIN
    IF tg_op = 'DELETE' THEN
        INSERT INTO registry_waitingevaluation (patient_id, since, attempts)
        SELECT DISTINCT o.patient_id, statement_timestamp(), 0 FROM old_rows o;
    ELSE
        INSERT INTO registry_waitingevaluation (patient_id, since, attempts)
        SELECT DISTINCT n.patient_id, statement_timestamp(), 0 FROM new_rows n;
    END IF;
    RETURN NULL;
END $$;
CREATE FUNCTION registry_note_patient_change() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
BEGIN
    INSERT INTO registry_waitingevaluation (patient_id, since, attempts)
    SELECT n.id, statement_timestamp(), 0 FROM new_rows n;
    RETURN NULL;
END $$;
-- A changed schedule concerns every patient of its study, a changed time zone every patient of its site.
CREATE FUNCTION registry_note_schedule_change() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
BEGIN
    INSERT INTO registry_waitingevaluation (patient_id, since, attempts)
    SELECT p.id, statement_timestamp(), 0 FROM registry_patient p
    WHERE p.study_id IN (SELECT s.study_id FROM registry_visitschedule s JOIN changed_rows c ON c.schedule_id = s.id);
    RETURN NULL;
END $$;
CREATE FUNCTION registry_note_version_change() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
BEGIN
    INSERT INTO registry_waitingevaluation (patient_id, since, attempts)
    SELECT p.id, statement_timestamp(), 0 FROM registry_patient p
    WHERE p.study_id IN (SELECT c.study_id FROM changed_rows c);
    RETURN NULL;
END $$;
CREATE FUNCTION registry_note_site_change() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
BEGIN
    INSERT INTO registry_waitingevaluation (patient_id, since, attempts)
    SELECT p.id, statement_timestamp(), 0 FROM registry_patient p
    WHERE p.site_id IN (SELECT n.id FROM new_rows n JOIN old_rows o ON o.id = n.id WHERE n.time_zone <> o.time_zone);
    RETURN NULL;
END $$;
DO $$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['registry_course', 'registry_infusion', 'registry_visit', 'registry_labresult',
        'registry_supportivetreatment', 'registry_adverseevent', 'registry_adverseeventfollowup'] LOOP
        EXECUTE format('CREATE TRIGGER note_insert AFTER INSERT ON %I REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION registry_note_change()', t);
        EXECUTE format('CREATE TRIGGER note_update AFTER UPDATE ON %I REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION registry_note_change()', t);
        EXECUTE format('CREATE TRIGGER note_delete AFTER DELETE ON %I REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION registry_note_change()', t);
    END LOOP;
END $$;
CREATE TRIGGER note_insert AFTER INSERT ON registry_patient REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION registry_note_patient_change();
CREATE TRIGGER note_update AFTER UPDATE ON registry_patient REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION registry_note_patient_change();
CREATE TRIGGER note_insert AFTER INSERT ON registry_scheduledvisit REFERENCING NEW TABLE AS changed_rows
    FOR EACH STATEMENT EXECUTE FUNCTION registry_note_schedule_change();
CREATE TRIGGER note_update AFTER UPDATE ON registry_scheduledvisit REFERENCING NEW TABLE AS changed_rows
    FOR EACH STATEMENT EXECUTE FUNCTION registry_note_schedule_change();
CREATE TRIGGER note_delete AFTER DELETE ON registry_scheduledvisit REFERENCING OLD TABLE AS changed_rows
    FOR EACH STATEMENT EXECUTE FUNCTION registry_note_schedule_change();
CREATE TRIGGER note_update AFTER UPDATE ON registry_visitschedule REFERENCING NEW TABLE AS changed_rows
    FOR EACH STATEMENT EXECUTE FUNCTION registry_note_version_change();
CREATE TRIGGER note_delete AFTER DELETE ON registry_visitschedule REFERENCING OLD TABLE AS changed_rows
    FOR EACH STATEMENT EXECUTE FUNCTION registry_note_version_change();
CREATE TRIGGER note_update AFTER UPDATE ON registry_site REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION registry_note_site_change();
