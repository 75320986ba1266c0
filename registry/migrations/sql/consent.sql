-- Facts that belong together.
ALTER TABLE registry_consent ADD CONSTRAINT consent_study_is_its_patients
    FOREIGN KEY (patient_id, study_id) REFERENCES registry_patient (id, study_id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE registry_consent ADD CONSTRAINT consent_version_is_of_its_study
    FOREIGN KEY (version_id, study_id) REFERENCES registry_consentversion (id, study_id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE registry_annualcontact ADD CONSTRAINT contact_visit_is_of_its_patient
    FOREIGN KEY (visit_id, patient_id) REFERENCES registry_visit (id, patient_id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE registry_annualcontact ADD CONSTRAINT contact_malignancy_is_of_its_patient
    FOREIGN KEY (malignancy_event_id, patient_id) REFERENCES registry_adverseevent (id, patient_id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE registry_annualcontact ADD CONSTRAINT contact_blood_disorder_is_of_its_patient
    FOREIGN KEY (blood_disorder_event_id, patient_id) REFERENCES registry_adverseevent (id, patient_id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE registry_annualcontact ADD CONSTRAINT contact_infection_is_of_its_patient
    FOREIGN KEY (serious_infection_event_id, patient_id) REFERENCES registry_adverseevent (id, patient_id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE registry_annualcontact ADD CONSTRAINT contact_condition_is_of_its_patient
    FOREIGN KEY (autoimmune_or_neurological_event_id, patient_id) REFERENCES registry_adverseevent (id, patient_id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE registry_contactattempt ADD CONSTRAINT attempt_course_is_of_its_patient
    FOREIGN KEY (course_id, patient_id) REFERENCES registry_course (id, patient_id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE registry_sitestay ADD CONSTRAINT stay_study_is_its_patients
    FOREIGN KEY (patient_id, study_id) REFERENCES registry_patient (id, study_id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE registry_sitestay ADD CONSTRAINT stay_site_is_of_its_study
    FOREIGN KEY (site_id, study_id) REFERENCES registry_site (id, study_id) DEFERRABLE INITIALLY DEFERRED;

-- A consent gives only what its version asks about.
CREATE FUNCTION registry_consent_is_of_its_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT new.scopes <@ (SELECT scopes FROM registry_consentversion WHERE id = new.version_id) THEN
        RAISE EXCEPTION 'a consent gives only what its version asks about' USING ERRCODE = 'check_violation';
    END IF;
    RETURN new;
END $$;
CREATE TRIGGER consent_is_of_its_version BEFORE INSERT ON registry_consent
    FOR EACH ROW EXECUTE FUNCTION registry_consent_is_of_its_version();

-- Of what was agreed, taken back or tried nothing is changed; the arguments name the columns in which a row
-- may be closed, once.
CREATE FUNCTION registry_only_closed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF tg_op = 'DELETE' OR to_jsonb(old) ->> tg_argv[0] IS NOT NULL
       OR to_jsonb(new) - tg_argv[0:] IS DISTINCT FROM to_jsonb(old) - tg_argv[0:] THEN
        RAISE EXCEPTION '% is written once and only closed', tg_table_name USING ERRCODE = 'check_violation';
    END IF;
    RETURN new;
END $$;
CREATE TRIGGER only_closed BEFORE UPDATE OR DELETE ON registry_consent
    FOR EACH ROW EXECUTE FUNCTION registry_only_closed('replaced_at', 'replaced_reason');
CREATE TRIGGER only_closed BEFORE UPDATE OR DELETE ON registry_consentwithdrawal
    FOR EACH ROW EXECUTE FUNCTION registry_only_closed('annulled_at', 'annulled_by_id', 'annulled_reason');
CREATE TRIGGER never_changed BEFORE UPDATE OR DELETE ON registry_consentversion
    FOR EACH ROW EXECUTE FUNCTION registry_never_changed();
CREATE TRIGGER never_changed BEFORE UPDATE OR DELETE ON registry_contactattempt
    FOR EACH ROW EXECUTE FUNCTION registry_never_changed();

-- A stay is ended once, and the one without an end is where the patient is: whatever path moves a patient
-- who was ever transferred has to say since when.
CREATE FUNCTION registry_stay_is_only_ended() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF tg_op = 'DELETE' OR NOT upper_inf(old.stay) OR lower(new.stay) IS DISTINCT FROM lower(old.stay)
       OR to_jsonb(new) - 'stay' IS DISTINCT FROM to_jsonb(old) - 'stay' THEN
        RAISE EXCEPTION 'a stay at a site is written once and only ended' USING ERRCODE = 'check_violation';
    END IF;
    RETURN new;
END $$;
CREATE TRIGGER stay_is_only_ended BEFORE UPDATE OR DELETE ON registry_sitestay
    FOR EACH ROW EXECUTE FUNCTION registry_stay_is_only_ended();
CREATE FUNCTION registry_patient_is_at_the_site_of_the_stay() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, public AS $$
DECLARE p bigint := coalesce(to_jsonb(new) ->> 'patient_id', to_jsonb(new) ->> 'id')::bigint;
BEGIN
    IF EXISTS (SELECT FROM registry_sitestay WHERE patient_id = p)
       AND NOT EXISTS (SELECT FROM registry_sitestay s JOIN registry_patient q ON q.id = s.patient_id AND q.site_id = s.site_id
                       WHERE s.patient_id = p AND upper_inf(s.stay)) THEN
        RAISE EXCEPTION 'a patient who was transferred is at the site of the latest stay' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER patient_is_at_the_site_of_the_stay AFTER UPDATE OF site_id ON registry_patient
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION registry_patient_is_at_the_site_of_the_stay();
CREATE CONSTRAINT TRIGGER patient_is_at_the_site_of_the_stay AFTER INSERT OR UPDATE ON registry_sitestay
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION registry_patient_is_at_the_site_of_the_stay();

-- Whether a scope stands on a day; null when nobody spoke of it: as in registry/clinical/consent_scopes.py.
CREATE FUNCTION registry_scope_stands(p bigint, s text, d date) RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, public AS $$
    SELECT act.stands FROM (
        SELECT c.given_on AS at_day, 0 AS place, s = ANY (c.scopes) AS stands
        FROM registry_consent c JOIN registry_consentversion v ON v.id = c.version_id
        WHERE c.patient_id = p AND c.replaced_at IS NULL AND c.given_on <= d AND s = ANY (v.scopes)
        UNION ALL
        SELECT w.withdrawn_on, 1, false FROM registry_consentwithdrawal w
        WHERE w.patient_id = p AND w.annulled_at IS NULL AND w.withdrawn_on < d AND s = ANY (w.scopes)
    ) AS act ORDER BY act.at_day DESC, act.place DESC, act.stands LIMIT 1 $$;

-- Nothing is kept that is dated on a day on which the consent does not stand, whatever path writes. Arguments:
-- the column with the date, the scope. For whole statements, so that an import of millions asks once; who has
-- no consent on record is passed over before anything is worked out.
CREATE FUNCTION registry_refuse_without_consent() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, public AS $$
DECLARE refused date;
BEGIN
    IF NOT EXISTS (SELECT FROM registry_consent) AND NOT EXISTS (SELECT FROM registry_consentwithdrawal) THEN
        RETURN NULL;
    END IF;
    EXECUTE format($q$
        SELECT n.day FROM (
            SELECT DISTINCT r.patient_id, registry_first_day(r.%1$I::text) AS day FROM new_rows r WHERE r.%1$I IS NOT NULL
            AND r.patient_id IN (SELECT patient_id FROM registry_consent UNION ALL SELECT patient_id FROM registry_consentwithdrawal)
        ) AS n WHERE registry_scope_stands(n.patient_id, %2$L, n.day) IS FALSE LIMIT 1
    $q$, tg_argv[0], tg_argv[1]) INTO refused;
    IF refused IS NOT NULL THEN
        RAISE EXCEPTION 'consent: % is not consented to on %', tg_argv[1], refused USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
-- The earliest day that a date, which may be partial, can mean; null for none.
CREATE FUNCTION registry_first_day(told text) RETURNS date LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE length(told) WHEN 4 THEN told || '-01-01' WHEN 7 THEN told || '-01' WHEN 10 THEN told END::date $$;
-- A changed date is a new date; other changes complete what may be completed.
CREATE FUNCTION registry_refuse_redating_without_consent() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, public AS $$
DECLARE day date := registry_first_day(to_jsonb(new) ->> tg_argv[0]);
BEGIN
    IF to_jsonb(new) ->> tg_argv[0] IS DISTINCT FROM to_jsonb(old) ->> tg_argv[0]
       AND registry_scope_stands(new.patient_id, tg_argv[1], day) IS FALSE THEN
        RAISE EXCEPTION 'consent: % is not consented to on %', tg_argv[1], day USING ERRCODE = 'check_violation';
    END IF;
    RETURN new;
END $$;
DO $$
DECLARE w text[];
BEGIN
    FOREACH w SLICE 1 IN ARRAY ARRAY[
        ['registry_infusion', 'infused_on', 'follow_up'], ['registry_visit', 'visited_on', 'follow_up'],
        ['registry_labresult', 'collected_on', 'laboratory'], ['registry_supportivetreatment', 'given_on', 'follow_up'],
        ['registry_score', 'assessed_on', 'follow_up'], ['registry_adverseevent', 'started_on', 'follow_up'],
        ['registry_serology', 'collected_on', 'laboratory'], ['registry_contactattempt', 'attempted_on', 'follow_up'],
        ['registry_treatment', 'started_on', 'follow_up']] LOOP
        EXECUTE format('CREATE TRIGGER consent_stands AFTER INSERT ON %I REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION registry_refuse_without_consent(%L, %L)', w[1], w[2], w[3]);
        EXECUTE format('CREATE TRIGGER consent_stands_for_the_date BEFORE UPDATE OF %I ON %I FOR EACH ROW EXECUTE FUNCTION registry_refuse_redating_without_consent(%L, %L)', w[2], w[1], w[2], w[3]);
    END LOOP;
END $$;
-- Whoever does not want to be called is not called.
CREATE FUNCTION registry_contact_is_wanted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF registry_scope_stands(new.patient_id, 'remote_contact', new.visited_on) IS FALSE THEN
        RAISE EXCEPTION 'consent: remote_contact is not consented to on %', new.visited_on USING ERRCODE = 'check_violation';
    END IF;
    RETURN new;
END $$;
CREATE TRIGGER contact_is_wanted BEFORE INSERT OR UPDATE OF contact_mode, visited_on ON registry_visit
    FOR EACH ROW WHEN (new.contact_mode IN ('phone', 'video', 'letter')) EXECUTE FUNCTION registry_contact_is_wanted();

-- Whose data no sponsor takes: sharing was not agreed to, or was taken back. Who was never asked is not here.
CREATE FUNCTION registry_patients_not_shared() RETURNS SETOF bigint LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = pg_catalog, public AS $$
    SELECT told.patient_id FROM (
        SELECT patient_id FROM registry_consent UNION SELECT patient_id FROM registry_consentwithdrawal
    ) AS told WHERE registry_scope_stands(told.patient_id, 'share_sponsor', 'infinity') IS FALSE $$;

DO $$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['registry_consent', 'registry_consentwithdrawal', 'registry_annualcontact',
        'registry_contactattempt', 'registry_sitestay'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY scope ON %I USING (CASE WHEN (SELECT registry_sees_everything()) THEN patient_id > 0'
            ' WHEN (SELECT registry_sees_canaries()) THEN patient_id < 0'
            ' ELSE patient_id IN (SELECT id FROM registry_patient) END)', t);
        PERFORM audit.watch(t);
    END LOOP;
END $$;
SELECT audit.watch('registry_consentversion');
REVOKE DELETE ON registry_consentversion, registry_consent, registry_consentwithdrawal, registry_annualcontact,
    registry_contactattempt, registry_sitestay FROM registry_app;
-- Consent itself is no part of what is locked: it is the patient's to give and to take back at any time.
SELECT registry_guard_locks(t) FROM unnest(ARRAY['registry_annualcontact', 'registry_contactattempt', 'registry_sitestay']) AS t;
