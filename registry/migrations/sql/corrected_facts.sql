-- The facts of a first report are corrected in place, as the report is: with a reason, and the trail keeps what
-- they said. Those of a follow-up stay written once; a later report supersedes them.
CREATE FUNCTION registry_facts_are_only_corrected() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF tg_op = 'DELETE' OR old.number > 0 THEN
        RAISE EXCEPTION '% is written once and never changed', tg_table_name USING ERRCODE = 'check_violation';
    END IF;
    IF (old.id, old.event_id, old.patient_id, old.number, old.entered_by_id, old.entered_at, old.origin)
       IS DISTINCT FROM (new.id, new.event_id, new.patient_id, new.number, new.entered_by_id, new.entered_at, new.origin) THEN
        RAISE EXCEPTION 'facts stay with the report that told them' USING ERRCODE = 'check_violation';
    END IF;
    IF audit.context('reason') IS NULL THEN
        RAISE EXCEPTION 'a correction has a reason' USING ERRCODE = 'check_violation';
    END IF;
    RETURN new;
END $$;
ALTER FUNCTION registry_details_fit_their_event() SET search_path = pg_catalog, public, pg_temp;
ALTER FUNCTION registry_other_grade_has_a_reason() SET search_path = pg_catalog, public, pg_temp;
DO $$
DECLARE
    t text;
    category text;
BEGIN
    FOR t, category IN VALUES ('registry_crsdetails', 'crs'), ('registry_icansdetails', 'icans'),
        ('registry_infectiondetails', 'infection'), ('registry_licatsdetails', 'licats'),
        ('registry_malignancydetails', 'malignancy')
    LOOP
        EXECUTE format('DROP TRIGGER never_changed ON %I', t);
        EXECUTE format('CREATE TRIGGER only_corrected BEFORE UPDATE OR DELETE ON %I'
            ' FOR EACH ROW EXECUTE FUNCTION registry_facts_are_only_corrected()', t);
        EXECUTE format('CREATE OR REPLACE TRIGGER details_fit_their_event BEFORE INSERT OR UPDATE ON %I'
            ' FOR EACH ROW EXECUTE FUNCTION registry_details_fit_their_event(%L)', t, category);
        EXECUTE format('GRANT UPDATE ON %I TO registry_app', t);
    END LOOP;
    FOREACH t IN ARRAY ARRAY['registry_crsdetails', 'registry_icansdetails'] LOOP
        EXECUTE format('CREATE OR REPLACE TRIGGER other_grade_has_a_reason BEFORE INSERT OR UPDATE ON %I'
            ' FOR EACH ROW EXECUTE FUNCTION registry_other_grade_has_a_reason()', t);
    END LOOP;
END $$;
