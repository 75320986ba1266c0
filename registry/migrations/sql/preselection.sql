-- Results that changed are to be packed again: noted in the transaction of the change, whatever path wrote.
-- A note is only added, never updated, so that two writers of one patient do not wait for each other.
CREATE FUNCTION registry_note_labs_to_repack() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
BEGIN
    -- Canaries (negative keys) are never packed, so that every night reads some patients as they are.
    INSERT INTO registry_labstorepack (patient_id) SELECT DISTINCT c.patient_id FROM changed_rows c WHERE c.patient_id > 0;
    RETURN NULL;
END $$;
CREATE TRIGGER repack_insert AFTER INSERT ON registry_labresult REFERENCING NEW TABLE AS changed_rows
    FOR EACH STATEMENT EXECUTE FUNCTION registry_note_labs_to_repack();
CREATE TRIGGER repack_update AFTER UPDATE ON registry_labresult REFERENCING NEW TABLE AS changed_rows
    FOR EACH STATEMENT EXECUTE FUNCTION registry_note_labs_to_repack();
-- Before an update the row may have been another patient's.
CREATE TRIGGER repack_update_old AFTER UPDATE ON registry_labresult REFERENCING OLD TABLE AS changed_rows
    FOR EACH STATEMENT EXECUTE FUNCTION registry_note_labs_to_repack();
CREATE TRIGGER repack_delete AFTER DELETE ON registry_labresult REFERENCING OLD TABLE AS changed_rows
    FOR EACH STATEMENT EXECUTE FUNCTION registry_note_labs_to_repack();

-- A report that changed is to be screened again. A new one has no screening yet.
CREATE FUNCTION registry_forget_event_screening() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
BEGIN
    DELETE FROM registry_reportscreening s USING old_rows o WHERE s.event_id = o.id AND s.number = 0;
    RETURN NULL;
END $$;
CREATE FUNCTION registry_forget_follow_up_screening() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
BEGIN
    DELETE FROM registry_reportscreening s USING old_rows o WHERE s.event_id = o.event_id AND s.number = o.number;
    RETURN NULL;
END $$;
CREATE TRIGGER screening_update AFTER UPDATE ON registry_adverseevent REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION registry_forget_event_screening();
CREATE TRIGGER screening_delete AFTER DELETE ON registry_adverseevent REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION registry_forget_event_screening();
CREATE TRIGGER screening_update AFTER UPDATE ON registry_adverseeventfollowup REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION registry_forget_follow_up_screening();
CREATE TRIGGER screening_delete AFTER DELETE ON registry_adverseeventfollowup REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION registry_forget_follow_up_screening();

-- Rule secondary_malignancy: the few visits that say something, the few deaths with a cause.
CREATE INDEX visit_says_malignancy ON registry_visit (patient_id) WHERE new_malignancy OR new_malignancy_text <> '';
CREATE INDEX patient_with_cause_of_death ON registry_patient (id) WHERE cause_of_death <> '';
-- Every rule: alerts that stand may have lost their ground, so their patients are always judged.
CREATE INDEX alert_standing ON registry_alert (rule, patient_id)
    WHERE merged_into_id IS NULL AND NOT ground_gone AND state NOT IN ('resolved', 'withdrawn');

DO $$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['registry_packedlabs', 'registry_labstorepack', 'registry_reportscreening'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY scope ON %I USING ((SELECT registry_sees_everything()) OR patient_id IN (SELECT id FROM registry_patient))', t);
    END LOOP;
END $$;
