-- Who took a copy of a record is itself a record: seen like the patient, never changed.
ALTER TABLE registry_casebooktaken ENABLE ROW LEVEL SECURITY;
CREATE POLICY scope ON registry_casebooktaken USING (
    CASE WHEN (SELECT registry_sees_everything()) THEN patient_id > 0
         WHEN (SELECT registry_sees_canaries()) THEN patient_id < 0
         ELSE patient_id IN (SELECT id FROM registry_patient) END);
REVOKE UPDATE, DELETE ON registry_casebooktaken FROM registry_app;
SELECT audit.watch('registry_casebooktaken');
