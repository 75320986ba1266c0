-- Canaries are invented patients with negative keys. Whoever works over everybody does not see them; only a
-- transaction whose scope names their own study does (registry/actions/canaries.py). So no export, count or
-- listing has to remember to leave them out.
CREATE FUNCTION registry_sees_canaries() RETURNS boolean LANGUAGE sql STABLE AS
    $$ SELECT coalesce(current_setting('registry.studies', true), '') LIKE '{-%' $$;
ALTER POLICY scope ON registry_patient USING (
    CASE WHEN (SELECT registry_sees_everything()) THEN id > 0
         WHEN (SELECT registry_sees_canaries()) THEN id < 0  -- told by the sign, without a look at the patients
         ELSE site_id = ANY ((SELECT registry_sites())::bigint[])
              OR study_id = ANY ((SELECT registry_studies())::bigint[]) END);
DO $$
DECLARE t text;
BEGIN
    FOR t IN
        SELECT p.tablename FROM pg_policies p
        JOIN information_schema.columns c
            ON c.table_schema = p.schemaname AND c.table_name = p.tablename AND c.column_name = 'patient_id'
        WHERE p.schemaname = 'public' AND p.policyname = 'scope'
    LOOP
        EXECUTE format('ALTER POLICY scope ON %I USING (CASE WHEN (SELECT registry_sees_everything()) THEN patient_id > 0'
            ' WHEN (SELECT registry_sees_canaries()) THEN patient_id < 0'
            ' ELSE patient_id IN (SELECT id FROM registry_patient) END)', t);
    END LOOP;
END $$;
-- Of the trail also the rows of their study, site, product and schedule, which have no patient.
ALTER POLICY scope ON audit.event USING (
    CASE WHEN (SELECT registry_sees_everything()) THEN coalesce(patient_id, 1) > 0 AND pk NOT LIKE '-%'
         ELSE patient_id IN (SELECT id FROM public.registry_patient) END);

-- Nobody waits to be judged for a canary's sake: it is judged every night whatever changed.
CREATE FUNCTION registry_no_duty() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
CREATE TRIGGER canaries_do_not_wait BEFORE INSERT ON registry_waitingevaluation
    FOR EACH ROW WHEN (new.patient_id < 0) EXECUTE FUNCTION registry_no_duty();

-- A recount stands as it was written; what may follow is its end and a person's explanation, both on record.
REVOKE DELETE ON registry_recountrun FROM registry_app;
SELECT audit.watch('registry_recountrun', 'id', '{}');
