SELECT audit.watch('registry_laboratory');
SELECT audit.watch('registry_laboratoryname');

-- A result names a laboratory of its own study. Not of its site: a patient moves, the results stay.
CREATE FUNCTION registry_result_names_a_laboratory_of_its_study() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT s.study_id FROM registry_laboratory l JOIN registry_site s ON s.id = l.site_id WHERE l.id = new.laboratory_id)
       IS DISTINCT FROM (SELECT study_id FROM registry_patient WHERE id = new.patient_id) THEN
        RAISE EXCEPTION 'a result names a laboratory of its own study' USING ERRCODE = 'check_violation';
    END IF;
    RETURN new;
END $$;
CREATE TRIGGER result_names_a_laboratory_of_its_study BEFORE INSERT ON registry_labresult
    FOR EACH ROW WHEN (new.laboratory_id IS NOT NULL) EXECUTE FUNCTION registry_result_names_a_laboratory_of_its_study();

-- A laboratory, and what it was learned to call a thing, stay: results and reports name them.
REVOKE DELETE ON registry_laboratory FROM registry_app;
