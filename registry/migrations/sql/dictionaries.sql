-- Another dictionary in force can change what a code says: every patient with an event coded in it waits to be
-- judged, noted in the transaction of the load.
CREATE FUNCTION registry_note_dictionary_change() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
BEGIN
    INSERT INTO registry_waitingevaluation (patient_id, since, attempts)
    SELECT coded.patient_id, statement_timestamp(), 0
    FROM (SELECT e.patient_id FROM registry_adverseevent e WHERE lower(e.code_system) = new.dictionary
          UNION
          SELECT f.patient_id FROM registry_adverseeventfollowup f WHERE lower(f.code_system) = new.dictionary) AS coded;
    RETURN NULL;
END $$;
CREATE TRIGGER note_insert AFTER INSERT ON registry_dictionaryversion
    FOR EACH ROW WHEN (new.is_in_force) EXECUTE FUNCTION registry_note_dictionary_change();
CREATE TRIGGER note_update AFTER UPDATE ON registry_dictionaryversion
    FOR EACH ROW WHEN (new.is_in_force AND NOT old.is_in_force) EXECUTE FUNCTION registry_note_dictionary_change();
-- What the MedDRA in force says of a code, packed as a rule is handed it: dictionary, term, SMQs.
CREATE VIEW registry_meddra AS
    SELECT t.code, jsonb_build_array(v.name, t.name, t.groups) AS says
    FROM registry_dictionaryterm t JOIN registry_dictionaryversion v ON v.id = t.version_id
    WHERE v.dictionary = 'meddra' AND v.is_in_force;
-- What was loaded stands as it was loaded; only which version is in force may change.
REVOKE DELETE ON registry_dictionaryversion FROM registry_app;
REVOKE INSERT, UPDATE, DELETE ON registry_meddra FROM registry_app;
REVOKE UPDATE, DELETE ON registry_dictionaryterm FROM registry_app;
SELECT audit.watch('registry_dictionaryversion', 'id', '{}');
