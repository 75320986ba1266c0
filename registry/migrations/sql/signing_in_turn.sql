-- Who signs and who writes the same record take turns, whatever path writes. Without that a change begun before a
-- signature and committed after it saw nothing to void: lists called valid what the pages showed as changed.

-- Whoever writes keeps the patient's row, as a foreign key does, until the end. KEY SHARE: writers do not wait for
-- each other, nor for who saves a form, only for who signs.
CREATE OR REPLACE FUNCTION guard.check_rows() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
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
    -- An update of the patient's own row keeps it in any case. EXECUTE, as below: planned for these rows. A plan kept
    -- since a row of the only patient joins fifty thousand rows with every patient, one by one.
    IF tg_table_name <> 'registry_patient' THEN
        EXECUTE format('SELECT FROM registry_patient p WHERE p.id IN (SELECT t.patient_id FROM (%s) t) FOR KEY SHARE', touched);
    END IF;
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

-- Whoever signs waits for who writes this record at the moment, and is waited for: in the next statement the
-- record is what it stays until the signature stands.
CREATE OR REPLACE FUNCTION guard.signs_what_stands() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM public.registry_patient p WHERE p.id = new.patient_id FOR UPDATE;
    IF new.voided_at IS NOT NULL OR new.sha256 <> guard.sha256_of(new.content)
       OR new.content IS DISTINCT FROM guard.content(new.patient_id, new.visit_id)::text THEN
        RAISE EXCEPTION 'a signature is of the record as it stands' USING ERRCODE = 'check_violation';
    END IF;
    RETURN new;
END $$;

CREATE OR REPLACE FUNCTION guard.void_if_changed() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    signed registry_signature;
    actor_of_commit text := current_setting('registry.actor', true);
BEGIN
    DELETE FROM guard.signature_check c WHERE c.signature_id = new.signature_id AND c.txid = new.txid;
    SELECT * INTO signed FROM registry_signature s WHERE s.id = new.signature_id AND s.voided_at IS NULL;
    IF NOT FOUND OR signed.sha256 = guard.sha256_of(guard.content_as_signed(signed)) THEN RETURN NULL; END IF;
    -- The scope of the writer has been left by now; the trail must still say whose change it was.
    PERFORM set_config('registry.actor', coalesce(new.actor_id::text, ''), true);
    UPDATE registry_signature SET voided_at = new.at, voided_by_id = new.actor_id, voided_reason = coalesce(new.reason, '')
    WHERE id = signed.id AND voided_at IS NULL;  -- of two who change it at once, the first voids it
    PERFORM set_config('registry.actor', coalesce(actor_of_commit, ''), true);
    RETURN NULL;
END $$;

-- Nothing here makes temporary tables, and a session that can might hide a table from who forgets pg_temp.
DO $$ BEGIN
    EXECUTE format('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC, registry_app', current_database());
END $$;
