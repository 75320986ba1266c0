-- What a visit told is closed by its lock, as it is signed with it: first reports with their facts, treatments and
-- vaccines (decision 35). Everything that looks for a lock names its search path, temporary tables last.
UPDATE guard.part SET of_visit = signed_since_2 WHERE tbl = 'registry_adverseevent';
UPDATE guard.part SET of_visit = of_visit || ' OR (' || signed_since_2 || ')'
WHERE tbl IN ('registry_crsdetails', 'registry_icansdetails', 'registry_infectiondetails', 'registry_licatsdetails',
    'registry_malignancydetails');

-- The lock of a visit that closes a change of one treatment, as rows of its table: from `was`, empty for a new one,
-- to `becomes`, empty for one taken away. A visit told of it that entered it or answered about it. That it was
-- stopped later is a fact of its own, of the visit that answered so (`told_at`, where the answer is still to be
-- written): it closes nothing that an earlier visit told, unless it is dated before that one. Who told of the stop
-- is decided as for signatures (guard.part, `told`).
CREATE FUNCTION guard.lock_on_treatment(was jsonb, becomes jsonb, told_at bigint DEFAULT NULL) RETURNS bigint
    LANGUAGE sql STABLE SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT l.id
    FROM registry_recordlock l JOIN registry_visit v ON v.id = l.visit_id
    CROSS JOIN LATERAL (
        SELECT coalesce(bool_or(a.visit_id = v.id), false) AS here,
               coalesce(bool_or(a.visit_id = v.id AND a.answer <> 'same'), false) AS stop_here,
               coalesce(bool_or(a.visit_id <> v.id AND a.answer <> 'same'), false) AS stop_elsewhere
        FROM registry_treatmentanswer a WHERE a.treatment_id = (was ->> 'id')::bigint
    ) AS answered
    WHERE l.level = 'visit' AND l.patient_id IN ((was ->> 'patient_id')::bigint, (becomes ->> 'patient_id')::bigint)
      AND (v.id IN ((was ->> 'visit_id')::bigint, (becomes ->> 'visit_id')::bigint) OR answered.here)
      AND was IS DISTINCT FROM becomes
      AND NOT guard.is_open(l.id)
      AND (was IS NULL OR becomes IS NULL OR was - 'stopped_on' <> becomes - 'stopped_on'
           OR answered.stop_here OR NOT (answered.stop_elsewhere OR coalesce(told_at <> v.id, false))
           OR registry_latest_day(nullif(becomes ->> 'stopped_on', '')) < v.visited_on)
    ORDER BY l.id LIMIT 1 $$;
CREATE FUNCTION guard.check_treatments() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    standing bigint;
BEGIN
    IF NOT EXISTS (SELECT FROM registry_recordlock WHERE level = 'visit') THEN RETURN NULL; END IF;
    EXECUTE 'SELECT found FROM (' || CASE tg_op
        WHEN 'INSERT' THEN 'SELECT NULL::jsonb AS was, to_jsonb(n) AS becomes FROM new_rows n'
        WHEN 'DELETE' THEN 'SELECT to_jsonb(o) AS was, NULL::jsonb AS becomes FROM old_rows o'
        ELSE 'SELECT to_jsonb(o) AS was, to_jsonb(n) AS becomes FROM old_rows o FULL JOIN new_rows n ON n.id = o.id' END
        || ') AS changed CROSS JOIN LATERAL guard.lock_on_treatment(was, becomes) AS found WHERE found IS NOT NULL LIMIT 1'
        INTO standing;
    IF standing IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'RLOCK', MESSAGE = guard.words(standing), DETAIL = 'lock ' || standing;
    END IF;
    RETURN NULL;
END $$;
-- After `guard_…` by name: by then the writer holds what a locker waits for.
CREATE TRIGGER told_insert AFTER INSERT ON registry_treatment REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION guard.check_treatments();
CREATE TRIGGER told_update AFTER UPDATE ON registry_treatment REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION guard.check_treatments();
CREATE TRIGGER told_delete AFTER DELETE ON registry_treatment REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION guard.check_treatments();
