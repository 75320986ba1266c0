-- Signatures: what was signed is what the database holds, and any change of it voids the signature.
-- A signature is written once; voiding is the database's own, so the application may not update.
REVOKE UPDATE, DELETE ON registry_signature FROM registry_app;
SELECT audit.watch('registry_signature', 'id', '{}');
ALTER TABLE registry_signature ENABLE ROW LEVEL SECURITY;
CREATE POLICY scope ON registry_signature USING (
    CASE WHEN (SELECT registry_sees_everything()) THEN patient_id > 0
         WHEN (SELECT registry_sees_canaries()) THEN patient_id < 0
         ELSE patient_id IN (SELECT id FROM registry_patient) END);
ALTER TABLE registry_signature ADD CONSTRAINT signature_visit_is_of_its_patient
    FOREIGN KEY (visit_id, patient_id) REFERENCES registry_visit (id, patient_id) DEFERRABLE INITIALLY DEFERRED;
REVOKE UPDATE, DELETE ON registry_securityevent FROM registry_app;
SELECT audit.watch('registry_securityevent', 'id', '{}');

-- The tables of the record. Conditions on a row (r) and a visit (v): `of_visit` says which rows a lock of the
-- visit closes, `signed_with` which a signature of it covers. `is_current`: rows that count. `kept`: the
-- columns that are content, where not all are.
CREATE TABLE guard.part (tbl text PRIMARY KEY, of_visit text, signed_with text, is_current text NOT NULL, kept text[]);
GRANT SELECT ON guard.part TO registry_app;

-- One row as content: what somebody stated. Not how the registry numbers it, nor who typed it when (the trail
-- has that). Without what is empty, so that a column of a later version leaves what was signed as it was.
CREATE FUNCTION guard.row_content(j jsonb, kept text[]) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
    SELECT coalesce(jsonb_object_agg(key, value), '{}') FROM jsonb_each(j)
    WHERE (kept IS NULL OR key = ANY (kept))
      AND key NOT IN ('id', 'patient_id', 'visit_id', 'course_id', 'study_id', 'site_id', 'entered_by_id', 'entered_at', 'origin',
                      'submission', 'version', 'public_id', 'superseded_by_id', 'superseded_at', 'superseded_reason')
      AND value NOT IN ('null', '""', '[]', '{}') $$;

-- The content of a visit, or with an empty visit the whole record of the patient: the rows of each table, in the
-- order of their own text. As text this is the canonical form that is signed: jsonb knows one order of keys
-- and one spelling of everything. In UTC, because an instant is text in the zone of whoever asks.
CREATE FUNCTION guard.content(patient bigint, visit bigint) RETURNS jsonb LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, public SET timezone = 'UTC' AS $$
DECLARE
    part guard.part;
    rows jsonb;
    found jsonb := jsonb_build_object('content_version', 1);
    belongs text;
BEGIN
    IF NOT EXISTS (SELECT FROM registry_patient p WHERE p.id = patient) THEN RETURN NULL; END IF;
    FOR part IN SELECT * FROM guard.part LOOP
        belongs := CASE WHEN visit IS NULL
            THEN format('r.%I = $1', CASE WHEN part.tbl = 'registry_patient' THEN 'id' ELSE 'patient_id' END)
            WHEN part.signed_with IS NOT NULL THEN format('v.id = $2 AND v.patient_id = $1 AND %s (%s)',
                CASE WHEN part.tbl = 'registry_patient' THEN 'r.id = $1 AND' ELSE 'r.patient_id = $1 AND' END, part.signed_with) END;
        CONTINUE WHEN belongs IS NULL;
        EXECUTE format('SELECT jsonb_agg(c ORDER BY c::text COLLATE "C") FROM (
            SELECT guard.row_content(to_jsonb(r), CASE WHEN $2 IS NULL THEN NULL ELSE $3 END) AS c FROM %I r %s WHERE (%s) AND (%s)) AS rows',
            part.tbl, CASE WHEN visit IS NULL THEN '' ELSE ', registry_visit v' END, part.is_current, belongs)
            INTO rows USING patient, visit, part.kept;
        IF rows IS NOT NULL THEN
            found := found || jsonb_build_object(part.tbl, rows);
        END IF;
    END LOOP;
    RETURN found;
END $$;
CREATE FUNCTION guard.sha256_of(content text) RETURNS text LANGUAGE sql STABLE AS
    $$ SELECT encode(sha256(convert_to(content, 'UTF8')), 'hex') $$;

-- A signature is of what stands at this moment, to the letter.
CREATE FUNCTION guard.signs_what_stands() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF new.voided_at IS NOT NULL OR new.sha256 <> guard.sha256_of(new.content)
       OR new.content <> guard.content(new.patient_id, new.visit_id)::text THEN
        RAISE EXCEPTION 'a signature is of the record as it stands' USING ERRCODE = 'check_violation';
    END IF;
    RETURN new;
END $$;
CREATE TRIGGER signs_what_stands BEFORE INSERT ON registry_signature FOR EACH ROW EXECUTE FUNCTION guard.signs_what_stands();
CREATE FUNCTION guard.signature_is_only_voided() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF tg_op = 'DELETE' THEN
        RAISE EXCEPTION 'a signature is voided, never deleted' USING ERRCODE = 'check_violation';
    END IF;
    IF old.voided_at IS NOT NULL OR (to_jsonb(new) - '{voided_at,voided_by_id,voided_reason}'::text[])
       IS DISTINCT FROM (to_jsonb(old) - '{voided_at,voided_by_id,voided_reason}'::text[]) THEN
        RAISE EXCEPTION 'a signature is voided, never changed' USING ERRCODE = 'check_violation';
    END IF;
    RETURN new;
END $$;
CREATE TRIGGER signature_is_only_voided BEFORE UPDATE OR DELETE ON registry_signature
    FOR EACH ROW EXECUTE FUNCTION guard.signature_is_only_voided();

-- Which signatures a transaction may have touched; looked at when it commits, so that a form that takes a row
-- away and puts it back voids nothing.
CREATE TABLE guard.signature_check (
    signature_id bigint NOT NULL, txid xid8 NOT NULL DEFAULT pg_current_xact_id(),
    at timestamptz NOT NULL, actor_id bigint, reason text, PRIMARY KEY (signature_id, txid));
CREATE FUNCTION guard.void_if_changed() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
DECLARE
    signed registry_signature;
    actor_of_commit text := current_setting('registry.actor', true);
BEGIN
    DELETE FROM guard.signature_check c WHERE c.signature_id = new.signature_id AND c.txid = new.txid;
    SELECT * INTO signed FROM registry_signature s WHERE s.id = new.signature_id AND s.voided_at IS NULL;
    IF NOT FOUND OR signed.sha256 = guard.sha256_of(guard.content(signed.patient_id, signed.visit_id)::text) THEN RETURN NULL; END IF;
    -- The scope of the writer has been left by now; the trail must still say whose change it was.
    PERFORM set_config('registry.actor', coalesce(new.actor_id::text, ''), true);
    UPDATE registry_signature SET voided_at = new.at, voided_by_id = new.actor_id, voided_reason = coalesce(new.reason, '') WHERE id = signed.id;
    PERFORM set_config('registry.actor', coalesce(actor_of_commit, ''), true);
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER void_if_changed AFTER INSERT ON guard.signature_check DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION guard.void_if_changed();

-- Every row that belongs to a visit, superseded ones too, whatever its table: what the page of the record shows.
CREATE FUNCTION guard.rows_of_visit(visit bigint) RETURNS TABLE (tbl text, pk bigint, is_current boolean, j jsonb) LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, public SET timezone = 'UTC' AS $$
DECLARE part guard.part;
BEGIN
    FOR part IN SELECT * FROM guard.part p WHERE p.of_visit IS NOT NULL LOOP
        RETURN QUERY EXECUTE format('SELECT %L::text, r.id, %s, to_jsonb(r) FROM %I r, registry_visit v
            WHERE v.id = $1 AND r.patient_id = v.patient_id AND (%s) ORDER BY r.id', part.tbl, part.is_current, part.tbl, part.of_visit)
            USING visit;
    END LOOP;
END $$;
