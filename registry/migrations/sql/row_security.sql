-- The second fence: rows of patients are visible only inside the scope a transaction was given.
-- The first is the scoping of every query; this one holds when somebody forgets.
CREATE FUNCTION registry_sees_everything() RETURNS boolean LANGUAGE sql STABLE AS
    $$ SELECT coalesce(current_setting('registry.everything', true), '') = 'on' $$;
CREATE FUNCTION registry_sites() RETURNS bigint[] LANGUAGE sql STABLE AS
    $$ SELECT coalesce(nullif(current_setting('registry.sites', true), ''), '{}')::bigint[] $$;
CREATE FUNCTION registry_studies() RETURNS bigint[] LANGUAGE sql STABLE AS
    $$ SELECT coalesce(nullif(current_setting('registry.studies', true), ''), '{}')::bigint[] $$;

ALTER TABLE registry_patient ENABLE ROW LEVEL SECURITY;
CREATE POLICY scope ON registry_patient USING (
    (SELECT registry_sees_everything())
    OR site_id = ANY ((SELECT registry_sites())::bigint[])
    OR study_id = ANY ((SELECT registry_studies())::bigint[]));
DO $$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['registry_course', 'registry_infusion', 'registry_visit', 'registry_labresult', 'registry_labnotdone',
        'registry_supportivetreatment', 'registry_score', 'registry_adverseevent', 'registry_adverseeventfollowup',
        'registry_alert', 'registry_alertmove', 'registry_scanfailure', 'registry_pseudonym'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY scope ON %I USING ((SELECT registry_sees_everything()) OR patient_id IN (SELECT id FROM registry_patient))', t);
    END LOOP;
END $$;
ALTER TABLE audit.event ENABLE ROW LEVEL SECURITY;
CREATE POLICY scope ON audit.event FOR SELECT USING (
    (SELECT registry_sees_everything()) OR patient_id IN (SELECT id FROM public.registry_patient));

-- The application's own role: reads and writes the tables, only reads the trail.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'registry_app') THEN
        RAISE EXCEPTION 'the role registry_app is missing: create it before migrating (deploy/initdb)';
    END IF;
END $$;
GRANT USAGE ON SCHEMA public, audit TO registry_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO registry_app;
REVOKE INSERT, UPDATE, DELETE ON django_migrations FROM registry_app;
REVOKE DELETE ON registry_alert, registry_alertmove, registry_labresult, registry_patient, registry_course,
    registry_user, registry_membership, registry_pseudonym, registry_exportrecord, registry_scanrun FROM registry_app;
GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO registry_app;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO registry_app;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE, SELECT ON SEQUENCES TO registry_app;
GRANT SELECT ON audit.event, audit.seal, audit.watched TO registry_app;
REVOKE EXECUTE ON FUNCTION audit.make_seal(), audit.verify_seals(), audit.replay(text) FROM public;
GRANT EXECUTE ON FUNCTION audit.make_seal(), audit.verify_seals(), audit.replay(text) TO registry_app;
