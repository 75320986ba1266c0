-- Every duty to judge leaves a note that the answers kept are to be renewed. The duty goes when somebody has
-- judged; the note goes with an answer that has taken it into account, so that nobody can forget one with the other.
CREATE FUNCTION registry_note_answers_to_renew() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
BEGIN
    INSERT INTO registry_answerstorenew (patient_id) SELECT DISTINCT n.patient_id FROM new_rows n WHERE n.patient_id > 0;
    RETURN NULL;
END $$;
CREATE TRIGGER answers_to_renew AFTER INSERT ON registry_waitingevaluation REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION registry_note_answers_to_renew();
-- Who waited before this was introduced.
INSERT INTO registry_answerstorenew (patient_id) SELECT DISTINCT w.patient_id FROM registry_waitingevaluation w WHERE w.patient_id > 0;

-- A row that was given to another patient concerns both.
CREATE FUNCTION registry_note_update() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
BEGIN
    INSERT INTO registry_waitingevaluation (patient_id, since, attempts)
    SELECT c.patient_id, statement_timestamp(), 0
    FROM (SELECT n.patient_id FROM new_rows n UNION SELECT o.patient_id FROM old_rows o) AS c;
    RETURN NULL;
END $$;
-- TRUNCATE tells nobody whose rows they were: everybody is judged anew.
CREATE FUNCTION registry_note_truncate() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
BEGIN
    INSERT INTO registry_waitingevaluation (patient_id, since, attempts)
    SELECT p.id, statement_timestamp(), 0 FROM registry_patient p;
    INSERT INTO registry_labstorepack (patient_id) SELECT p.id FROM registry_patient p WHERE p.id > 0;
    RETURN NULL;
END $$;
DO $$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['registry_course', 'registry_infusion', 'registry_visit', 'registry_labresult',
        'registry_supportivetreatment', 'registry_adverseevent', 'registry_adverseeventfollowup'] LOOP
        EXECUTE format('DROP TRIGGER note_update ON %I', t);
        EXECUTE format('CREATE TRIGGER note_update AFTER UPDATE ON %I REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION registry_note_update()', t);
        EXECUTE format('CREATE TRIGGER note_truncate AFTER TRUNCATE ON %I FOR EACH STATEMENT EXECUTE FUNCTION registry_note_truncate()', t);
    END LOOP;
    FOREACH t IN ARRAY ARRAY['registry_scheduledvisit', 'registry_visitschedule'] LOOP
        EXECUTE format('CREATE TRIGGER note_truncate AFTER TRUNCATE ON %I FOR EACH STATEMENT EXECUTE FUNCTION registry_note_truncate()', t);
    END LOOP;
END $$;

ALTER TABLE registry_answerstorenew ENABLE ROW LEVEL SECURITY;
CREATE POLICY scope ON registry_answerstorenew USING (
    CASE WHEN (SELECT registry_sees_everything()) THEN patient_id > 0
         WHEN (SELECT registry_sees_canaries()) THEN patient_id < 0
         ELSE patient_id IN (SELECT id FROM registry_patient) END);
