-- The audit trail: written by triggers whatever path wrote, append-only, sealed in a chain of digests.
CREATE SCHEMA audit;
CREATE TABLE audit.event (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    txid xid8 NOT NULL DEFAULT pg_current_xact_id(),
    db_user name NOT NULL,
    actor_id bigint,
    reason text,
    origin text,
    op "char" NOT NULL,
    tbl text NOT NULL,
    pk text NOT NULL,
    patient_id bigint,
    old jsonb,
    new jsonb
);
CREATE INDEX ON audit.event (tbl, pk, id);
CREATE INDEX ON audit.event (patient_id, id) WHERE patient_id IS NOT NULL;
CREATE INDEX ON audit.event USING brin (at);
CREATE TABLE audit.seal (
    no bigint PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    up_to_id bigint NOT NULL,
    events bigint NOT NULL,
    prev bytea NOT NULL,
    digest bytea NOT NULL
);
CREATE FUNCTION audit.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'the audit trail is append-only'; END $$;
CREATE TRIGGER refuse_change BEFORE UPDATE OR DELETE OR TRUNCATE ON audit.event
    FOR EACH STATEMENT EXECUTE FUNCTION audit.refuse_change();
CREATE TRIGGER refuse_change BEFORE UPDATE OR DELETE OR TRUNCATE ON audit.seal
    FOR EACH STATEMENT EXECUTE FUNCTION audit.refuse_change();

CREATE FUNCTION audit.context(name text) RETURNS text LANGUAGE sql STABLE AS
    $$ SELECT nullif(current_setting('registry.' || name, true), '') $$;

-- Which patient a row is about: the row's own id in the table of patients, else its patient_id.
CREATE FUNCTION audit.patient_of(tbl text, r jsonb) RETURNS bigint LANGUAGE sql IMMUTABLE AS
    $$ SELECT CASE WHEN tbl = 'registry_patient' THEN (r ->> 'id')::bigint ELSE (r ->> 'patient_id')::bigint END $$;

-- Arguments of the triggers: the column that identifies a row, then columns that are never recorded.
-- Statement level for insert and delete: one call for a whole COPY. Row level for update, because a
-- join of the two transition tables is planned for single rows and does not end on large updates.
-- In UTC whatever the session's zone is: jsonb keeps an instant as the text of its zone, and replay compares.
CREATE FUNCTION audit.capture() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, audit SET timezone = 'UTC' AS $$
DECLARE
    unrecorded text[] := coalesce(tg_argv[1:], '{}');
BEGIN
    IF tg_op = 'INSERT' THEN
        INSERT INTO audit.event (db_user, actor_id, reason, origin, op, tbl, pk, patient_id, old, new)
        SELECT session_user, context('actor')::bigint, context('reason'), context('origin'), 'I', tg_table_name,
               j ->> tg_argv[0], patient_of(tg_table_name, j), NULL, j - unrecorded
        FROM (SELECT to_jsonb(n) AS j FROM new_rows n) AS rows;
    ELSE
        INSERT INTO audit.event (db_user, actor_id, reason, origin, op, tbl, pk, patient_id, old, new)
        SELECT session_user, context('actor')::bigint, context('reason'), context('origin'), 'D', tg_table_name,
               j ->> tg_argv[0], patient_of(tg_table_name, j), j - unrecorded, NULL
        FROM (SELECT to_jsonb(o) AS j FROM old_rows o) AS rows;
    END IF;
    RETURN NULL;
END $$;
CREATE FUNCTION audit.capture_update() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, audit SET timezone = 'UTC' AS $$
DECLARE
    unrecorded text[] := coalesce(tg_argv[1:], '{}');
    before jsonb := to_jsonb(old) - unrecorded;
    after jsonb := to_jsonb(new) - unrecorded;
    changed_from jsonb;
    changed_to jsonb;
BEGIN
    IF before = after THEN RETURN NULL; END IF;
    SELECT jsonb_object_agg(k, before -> k), jsonb_object_agg(k, after -> k) INTO changed_from, changed_to
    FROM jsonb_object_keys(after) AS k WHERE before -> k IS DISTINCT FROM after -> k;
    INSERT INTO audit.event (db_user, actor_id, reason, origin, op, tbl, pk, patient_id, old, new)
    VALUES (session_user, context('actor')::bigint, context('reason'), context('origin'), 'U', tg_table_name,
            to_jsonb(old) ->> tg_argv[0], patient_of(tg_table_name, to_jsonb(new)), changed_from, changed_to);
    RETURN NULL;
END $$;

CREATE TABLE audit.watched (tbl text PRIMARY KEY, pk_column text NOT NULL, unrecorded text[] NOT NULL);
CREATE FUNCTION audit.watch(t text, pk_column text DEFAULT 'id', unrecorded text[] DEFAULT '{}') RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    args text := (SELECT string_agg(quote_literal(a), ', ') FROM unnest(pk_column || unrecorded) AS a);
BEGIN
    EXECUTE format('CREATE TRIGGER audit_insert AFTER INSERT ON %I REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION audit.capture(%s)', t, args);
    EXECUTE format('CREATE TRIGGER audit_delete AFTER DELETE ON %I REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION audit.capture(%s)', t, args);
    EXECUTE format('CREATE TRIGGER audit_update AFTER UPDATE ON %I FOR EACH ROW WHEN (old.* IS DISTINCT FROM new.*) EXECUTE FUNCTION audit.capture_update(%s)', t, args);
    EXECUTE format('CREATE TRIGGER audit_truncate BEFORE TRUNCATE ON %I FOR EACH STATEMENT EXECUTE FUNCTION audit.capture_truncate(%s)', t, args);
    INSERT INTO audit.watched VALUES (t, pk_column, unrecorded);
END $$;
-- TRUNCATE shows a trigger no rows, so they are read and recorded as deleted before it happens.
CREATE FUNCTION audit.capture_truncate() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, audit SET timezone = 'UTC' AS $$
DECLARE
    unrecorded text[] := coalesce(tg_argv[1:], '{}');
BEGIN
    EXECUTE format($q$
        INSERT INTO audit.event (db_user, actor_id, reason, origin, op, tbl, pk, patient_id, old, new)
        SELECT session_user, audit.context('actor')::bigint, audit.context('reason'), audit.context('origin'), 'D', %1$L,
               j ->> %2$L, audit.patient_of(%1$L, j), j - %3$L::text[], NULL
        FROM (SELECT to_jsonb(r) AS j FROM %4$I.%1$I r) AS rows
    $q$, tg_table_name, tg_argv[0], unrecorded, tg_table_schema);
    RETURN NULL;
END $$;
REVOKE EXECUTE ON FUNCTION audit.watch(text, text, text[]) FROM public;

-- The chain: every event digested, every seal digested over the one before.
CREATE FUNCTION audit.event_digest(e audit.event) RETURNS bytea LANGUAGE sql IMMUTABLE AS $$
    SELECT sha256(convert_to(jsonb_build_array(e.id, extract(epoch FROM e.at)::text, e.txid::text, e.db_user, e.actor_id,
        e.reason, e.origin, e.op, e.tbl, e.pk, e.patient_id, e.old, e.new)::text, 'UTF8')) $$;
CREATE FUNCTION audit.digest_range(prev bytea, after_id bigint, up_to_id bigint) RETURNS bytea LANGUAGE plpgsql STABLE AS $$
DECLARE d bytea := prev; r record;
BEGIN
    FOR r IN SELECT audit.event_digest(e) AS h FROM audit.event e WHERE e.id > after_id AND e.id <= up_to_id ORDER BY e.id LOOP
        d := sha256(d || r.h);
    END LOOP;
    RETURN d;
END $$;
-- Seals every event up to now and returns how many; none (0) while somebody who may hold a lower number
-- still writes after two seconds: a number is taken when an event is written and seen when it is committed.
-- None either in a transaction that wrote itself.
CREATE FUNCTION audit.make_seal() RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, audit AS $$
DECLARE latest audit.seal; taken bigint; mine xid8; attempts int := 0; top bigint; sealed bigint;
BEGIN
    IF pg_current_xact_id_if_assigned() IS NOT NULL THEN RETURN 0; END IF;
    PERFORM pg_advisory_xact_lock(827364);
    SELECT last_value INTO taken FROM audit.event_id_seq;
    mine := pg_current_xact_id();  -- who took a number up to here has a lower one of these
    WHILE pg_snapshot_xmin(pg_current_snapshot()) < mine LOOP
        IF attempts = 20 THEN RETURN 0; END IF;
        attempts := attempts + 1;
        PERFORM pg_sleep(0.1);
    END LOOP;
    SELECT * INTO latest FROM audit.seal ORDER BY no DESC LIMIT 1;
    SELECT max(id), count(*) INTO top, sealed
    FROM audit.event WHERE id > coalesce(latest.up_to_id, 0) AND id <= taken;
    IF sealed = 0 THEN RETURN 0; END IF;
    INSERT INTO audit.seal (no, up_to_id, events, prev, digest)
    VALUES (coalesce(latest.no, 0) + 1, top, sealed, coalesce(latest.digest, '\x00'),
            audit.digest_range(coalesce(latest.digest, '\x00'), coalesce(latest.up_to_id, 0), top));
    RETURN sealed;
END $$;
CREATE FUNCTION audit.verify_seals() RETURNS TABLE (no bigint, up_to_id bigint, ok boolean)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, audit AS $$
    SELECT s.no, s.up_to_id,
           s.no = coalesce(p.no, 0) + 1
           AND s.events = (SELECT count(*) FROM audit.event e WHERE e.id > coalesce(p.up_to_id, 0) AND e.id <= s.up_to_id)
           AND s.prev = coalesce(p.digest, '\x00')
           AND s.digest = audit.digest_range(s.prev, coalesce(p.up_to_id, 0), s.up_to_id)
    FROM (SELECT *, lag(seal.no) OVER w AS previous FROM audit.seal WINDOW w AS (ORDER BY seal.no)) AS s
    LEFT JOIN audit.seal p ON p.no = s.previous ORDER BY s.no $$;

-- Replay: fold the events of every row and compare with the row as it stands.
CREATE AGGREGATE audit.fold (jsonb) (SFUNC = jsonb_concat, STYPE = jsonb, INITCOND = '{}');
-- Columns that the trail or the row does not have came or went with a later version.
CREATE FUNCTION audit.differing(told jsonb, stands jsonb) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT string_agg(k, ', ' ORDER BY k) FROM jsonb_object_keys(told) AS k WHERE stands ? k AND told -> k <> stands -> k $$;
CREATE FUNCTION audit.replay(t text) RETURNS TABLE (pk text, event_id bigint, problem text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, audit SET timezone = 'UTC' AS $$
DECLARE w audit.watched;
BEGIN
    SELECT * INTO w FROM audit.watched WHERE tbl = t;
    RETURN QUERY EXECUTE format($q$
        WITH numbered AS (
            SELECT e.*, max(e.id) FILTER (WHERE e.op = 'D') OVER (PARTITION BY e.pk) AS deleted_at,
                   first_value(e.op) OVER (PARTITION BY e.pk ORDER BY e.id) AS first_op
            FROM audit.event e WHERE e.tbl = %1$L
        ), told AS (
            SELECT n.pk, max(n.id) AS event_id, bool_or(n.first_op <> 'I') AS headless,
                   audit.fold(n.new ORDER BY n.id) FILTER (WHERE n.op <> 'D' AND n.id > coalesce(n.deleted_at, 0)) AS state,
                   coalesce(max(n.id) = max(n.deleted_at), false) AS gone
            FROM numbered n GROUP BY n.pk
        ), stands AS (
            SELECT to_jsonb(r) ->> %2$L AS pk, to_jsonb(r) - %3$L::text[] AS state FROM public.%1$I r
        )
        SELECT coalesce(told.pk, stands.pk), told.event_id,
               CASE WHEN told.pk IS NULL THEN 'a row that no event made'
                    WHEN told.headless THEN 'a trail that does not begin with the making of the row'
                    WHEN stands.pk IS NULL THEN 'a row gone without an event'
                    WHEN told.gone THEN 'a row that stands though its deletion was recorded'
                    ELSE 'a row that differs from its trail in: ' || audit.differing(told.state, stands.state)
               END
        FROM told FULL JOIN stands ON stands.pk = told.pk
        WHERE told.pk IS NULL OR told.headless
           OR (stands.pk IS NULL AND NOT told.gone)
           OR (stands.pk IS NOT NULL AND (told.gone OR (
               told.state IS DISTINCT FROM stands.state AND audit.differing(told.state, stands.state) IS NOT NULL)))
    $q$, w.tbl, w.pk_column, w.unrecorded);
END $$;
GRANT USAGE ON SCHEMA audit TO public;
