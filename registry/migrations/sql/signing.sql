-- What is signed with a visit: everything that was told at it. Until here that was not the treatments entered
-- and answered at it, nor the first report of an adverse event; signatures given until here stay what they
-- are, of version 1 of the content.
ALTER TABLE registry_adverseevent ADD CONSTRAINT event_visit_is_of_its_patient
    FOREIGN KEY (visit_id, patient_id) REFERENCES registry_visit (id, patient_id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE registry_treatment ADD CONSTRAINT treatment_visit_is_of_its_patient
    FOREIGN KEY (visit_id, patient_id) REFERENCES registry_visit (id, patient_id) DEFERRABLE INITIALLY DEFERRED;

-- `signed_since_2`: the rows that version 2 of the content adds. `told`: what of a row a visit told. `decides`:
-- the rows by which that is decided of a visit that is not theirs.
ALTER TABLE guard.part ADD COLUMN signed_since_2 text, ADD COLUMN told text NOT NULL DEFAULT 'to_jsonb(r)', ADD COLUMN decides text;
UPDATE guard.part SET signed_since_2 = 'r.visit_id = v.id' WHERE tbl = 'registry_adverseevent';
UPDATE guard.part SET signed_since_2 = 'r.number = 0 AND EXISTS (SELECT FROM registry_adverseevent e'
    ' WHERE e.id = r.event_id AND e.visit_id = v.id)'
WHERE tbl IN ('registry_crsdetails', 'registry_icansdetails', 'registry_infectiondetails', 'registry_licatsdetails',
    'registry_malignancydetails');
-- An answer about a treatment is about what it was then. The stop is told by the visit that answered so, else by
-- the one at which the treatment was entered: a drug that is stopped in autumn leaves the visit of spring signed.
UPDATE guard.part SET signed_since_2 = 'r.visit_id = v.id OR EXISTS (SELECT FROM registry_treatmentanswer a'
    ' WHERE a.treatment_id = r.id AND a.visit_id = v.id)',
    told = $$to_jsonb(r) - CASE WHEN
        EXISTS (SELECT FROM registry_treatmentanswer a WHERE a.treatment_id = r.id AND a.visit_id = v.id AND a.answer <> 'same')
        OR (r.visit_id = v.id AND NOT EXISTS (
            SELECT FROM registry_treatmentanswer a WHERE a.treatment_id = r.id AND a.visit_id <> v.id AND a.answer <> 'same'))
        THEN '' ELSE 'stopped_on' END$$
WHERE tbl = 'registry_treatment';
UPDATE guard.part SET decides = 'EXISTS (SELECT FROM registry_treatment t WHERE t.id = r.treatment_id AND t.visit_id = v.id)'
WHERE tbl = 'registry_treatmentanswer';
CREATE FUNCTION guard.signed(part guard.part, version int DEFAULT 2) RETURNS text LANGUAGE sql IMMUTABLE AS
    $$ SELECT nullif(concat_ws(' OR ', part.signed_with, CASE WHEN version >= 2 THEN part.signed_since_2 END), '') $$;

-- As before, and of the version that the signature is of; without one, of the version that is signed now.
DROP FUNCTION guard.content(bigint, bigint);
CREATE FUNCTION guard.content(patient bigint, visit bigint, version int DEFAULT 2) RETURNS jsonb LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, public SET timezone = 'UTC' AS $$
DECLARE
    part guard.part;
    rows jsonb;
    found jsonb := jsonb_build_object('content_version', version);
    signed text;
    belongs text;
BEGIN
    IF NOT EXISTS (SELECT FROM registry_patient p WHERE p.id = patient) THEN RETURN NULL; END IF;
    FOR part IN SELECT * FROM guard.part LOOP
        signed := guard.signed(part, version);
        belongs := CASE WHEN visit IS NULL
            THEN format('r.%I = $1', CASE WHEN part.tbl = 'registry_patient' THEN 'id' ELSE 'patient_id' END)
            WHEN signed IS NOT NULL THEN format('v.id = $2 AND v.patient_id = $1 AND %s (%s)',
                CASE WHEN part.tbl = 'registry_patient' THEN 'r.id = $1 AND' ELSE 'r.patient_id = $1 AND' END, signed) END;
        CONTINUE WHEN belongs IS NULL;
        EXECUTE format('SELECT jsonb_agg(c ORDER BY c::text COLLATE "C") FROM (
            SELECT guard.row_content(%s, CASE WHEN $2 IS NULL THEN NULL ELSE $3 END) AS c FROM %I r %s WHERE (%s) AND (%s)) AS rows',
            CASE WHEN visit IS NULL THEN 'to_jsonb(r)' ELSE part.told END,
            part.tbl, CASE WHEN visit IS NULL THEN '' ELSE ', registry_visit v' END, part.is_current, belongs)
            INTO rows USING patient, visit, part.kept;
        IF rows IS NOT NULL THEN
            found := found || jsonb_build_object(part.tbl, rows);
        END IF;
    END LOOP;
    RETURN found;
END $$;
-- The record as it stands, in the version of the content that a signature is of.
CREATE FUNCTION guard.content_as_signed(signature registry_signature) RETURNS text LANGUAGE sql STABLE
    SET search_path = pg_catalog, public AS $$
    SELECT guard.content(signature.patient_id, signature.visit_id, (signature.content::jsonb ->> 'content_version')::int)::text $$;

CREATE OR REPLACE FUNCTION guard.void_if_changed() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
DECLARE
    signed registry_signature;
    actor_of_commit text := current_setting('registry.actor', true);
BEGIN
    DELETE FROM guard.signature_check c WHERE c.signature_id = new.signature_id AND c.txid = new.txid;
    SELECT * INTO signed FROM registry_signature s WHERE s.id = new.signature_id AND s.voided_at IS NULL;
    IF NOT FOUND OR signed.sha256 = guard.sha256_of(guard.content_as_signed(signed)) THEN RETURN NULL; END IF;
    -- The scope of the writer has been left by now; the trail must still say whose change it was.
    PERFORM set_config('registry.actor', coalesce(new.actor_id::text, ''), true);
    UPDATE registry_signature SET voided_at = new.at, voided_by_id = new.actor_id, voided_reason = coalesce(new.reason, '') WHERE id = signed.id;
    PERFORM set_config('registry.actor', coalesce(actor_of_commit, ''), true);
    RETURN NULL;
END $$;

-- What is signed with the visit is read with it, also where a lock of the visit does not close it.
CREATE OR REPLACE FUNCTION guard.rows_of_visit(visit bigint) RETURNS TABLE (tbl text, pk bigint, is_current boolean, j jsonb) LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, public SET timezone = 'UTC' AS $$
DECLARE part guard.part;
BEGIN
    FOR part IN SELECT * FROM guard.part p WHERE coalesce(p.of_visit, p.signed_since_2) IS NOT NULL LOOP
        RETURN QUERY EXECUTE format('SELECT %L::text, r.id, %s, to_jsonb(r) FROM %I r, registry_visit v
            WHERE v.id = $1 AND r.patient_id = v.patient_id AND (%s) ORDER BY r.id', part.tbl, part.is_current, part.tbl,
            concat_ws(' OR ', part.of_visit, part.signed_since_2)) USING visit;
    END LOOP;
END $$;

-- As before, with the rows that version 2 adds.
CREATE OR REPLACE FUNCTION guard.check_rows() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
DECLARE
    part guard.part;
    -- A row of the table of patients is its own patient.
    named text := CASE WHEN tg_table_name = 'registry_patient' THEN 'SELECT t.*, t.id AS patient_id FROM %s t' ELSE 'SELECT * FROM %s' END;
    touched text := CASE tg_op
        WHEN 'INSERT' THEN format(named, 'new_rows')
        WHEN 'DELETE' THEN format(named, 'old_rows')
        ELSE format(named, 'old_rows') || ' UNION ALL ' || format(named, 'new_rows') END;
    standing bigint;
BEGIN
    PERFORM pg_advisory_xact_lock_shared(7202613);
    IF EXISTS (SELECT FROM registry_recordlock) THEN
        SELECT * INTO part FROM guard.part WHERE tbl = tg_table_name;
        -- Of a patient who moves, both sites.
        EXECUTE format(
            'WITH p AS MATERIALIZED (' || CASE WHEN tg_table_name = 'registry_patient'
                THEN 'SELECT r.id, r.site_id, r.study_id FROM (%s) r'
                ELSE 'SELECT p.id, p.site_id, p.study_id FROM (SELECT DISTINCT t.patient_id FROM (%s) t) r JOIN registry_patient p ON p.id = r.patient_id' END || ')
            SELECT l.id FROM p JOIN registry_recordlock l ON l.level = ''study'' AND l.study_id = p.study_id WHERE NOT guard.is_open(l.id)
            UNION ALL
            SELECT l.id FROM p JOIN registry_recordlock l ON l.level = ''site'' AND l.site_id = p.site_id WHERE NOT guard.is_open(l.id)
            UNION ALL
            SELECT l.id FROM p JOIN registry_recordlock l ON l.level = ''patient'' AND l.patient_id = p.id WHERE NOT guard.is_open(l.id)
            LIMIT 1', touched) INTO standing;
        IF standing IS NULL AND part.of_visit IS NOT NULL THEN
            EXECUTE format(
                'SELECT l.id FROM (%s) r
                JOIN registry_recordlock l ON l.level = ''visit'' AND l.patient_id = r.patient_id
                JOIN registry_visit v ON v.id = l.visit_id
                WHERE (%s) AND NOT guard.is_open(l.id) LIMIT 1', touched, part.of_visit) INTO standing;
        END IF;
        IF standing IS NOT NULL THEN
            RAISE EXCEPTION USING ERRCODE = 'RLOCK', MESSAGE = guard.words(standing), DETAIL = 'lock ' || standing;
        END IF;
    END IF;
    -- Generous, by patient and for a visit by its rows; whether the content changed is asked at the commit.
    IF EXISTS (SELECT FROM registry_signature) THEN
        SELECT * INTO part FROM guard.part WHERE tbl = tg_table_name;
        EXECUTE format(
            'INSERT INTO guard.signature_check (signature_id, at, actor_id, reason)
            SELECT s.id, statement_timestamp(), audit.context(''actor'')::bigint, audit.context(''reason'') FROM registry_signature s
            WHERE s.voided_at IS NULL AND s.patient_id IN (SELECT t.patient_id FROM (%1$s) t)
              AND (s.visit_id IS NULL OR EXISTS (SELECT FROM (%1$s) r, registry_visit v WHERE v.id = s.visit_id AND r.patient_id = v.patient_id AND (%2$s)))
            ON CONFLICT DO NOTHING', touched, coalesce(nullif(concat_ws(' OR ', guard.signed(part), part.decides), ''), 'false'));
    END IF;
    RETURN NULL;
END $$;

-- A password that somebody else set, by whatever path, cannot sign (21 CFR 11.200(a)(3)). It is the person's own
-- where the act of choosing says so, and it stays what it was where the same password is only digested anew.
CREATE FUNCTION registry_own_secret() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF new.password IS DISTINCT FROM old.password THEN
        new.has_own_secret := CASE current_setting('registry.password', true)
            WHEN 'own ' || new.id THEN true WHEN 'same ' || new.id THEN old.has_own_secret ELSE false END;
    ELSIF new.has_own_secret AND NOT old.has_own_secret THEN
        RAISE EXCEPTION 'only a person who chooses a password has one of their own' USING ERRCODE = 'check_violation';
    END IF;
    RETURN new;
END $$;
CREATE TRIGGER own_secret BEFORE UPDATE ON registry_user FOR EACH ROW EXECUTE FUNCTION registry_own_secret();

-- Where a search path does not name it, the session's own temporary schema is searched first of all: a table of
-- that name would hide a lock, a signature or what is signed from the functions that ask for them.
DO $$
DECLARE f record;
BEGIN
    FOR f IN SELECT p.oid::regprocedure AS named, substring(c FROM '^search_path=(.*)$') AS path
        FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace CROSS JOIN unnest(p.proconfig) AS c
        WHERE n.nspname IN ('public', 'audit', 'guard') AND c LIKE 'search_path=%' LOOP
        EXECUTE format('ALTER FUNCTION %s SET search_path = %s, pg_temp', f.named, f.path);
    END LOOP;
END $$;
