-- Row security shows a draft to its person alone: no task can read one, and none should. These functions tell
-- how many there are and empty what is old, and give nothing of it away.

-- Whether the person can still sign in and reach the patient; who cannot is not asked, and nobody else can be.
CREATE FUNCTION guard.can_be_reached(person bigint, p bigint) RETURNS boolean LANGUAGE sql STABLE
    SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT EXISTS (
        SELECT FROM registry_user u JOIN registry_membership m ON m.user_id = u.id AND m.ended_at IS NULL
        JOIN registry_patient t ON t.id = p AND (m.site_id = t.site_id OR m.study_id = t.study_id)
        WHERE u.id = person AND u.is_active) $$;

-- Empties the drafts untouched since the first instant, and of people who cannot be asked since the second.
-- The opened page is forgotten with them: what is typed there later is a new draft and is kept.
CREATE FUNCTION guard.let_old_drafts_go(untouched_since timestamptz, of_the_gone_since timestamptz, at timestamptz)
    RETURNS bigint LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    WITH gone AS (
        UPDATE registry_draft d SET payload = NULL, form = gen_random_uuid(), stored_as = '', let_go_at = at
        WHERE payload IS NOT NULL AND saved_at <
            CASE WHEN guard.can_be_reached(user_id, patient_id) THEN untouched_since ELSE of_the_gone_since END
        RETURNING 1)
    SELECT count(*) FROM gone $$;

-- Whom a mail asks: how many old drafts each has, and whether one of them is old since less than a day.
CREATE FUNCTION guard.old_drafts(untouched_since timestamptz) RETURNS TABLE (person bigint, waiting bigint, has_new boolean)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT user_id, count(*), bool_or(saved_at >= untouched_since - interval '24 hours') FROM registry_draft
    WHERE payload IS NOT NULL AND saved_at < untouched_since AND guard.can_be_reached(user_id, patient_id)
    GROUP BY user_id $$;

REVOKE EXECUTE ON FUNCTION guard.let_old_drafts_go(timestamptz, timestamptz, timestamptz), guard.old_drafts(timestamptz) FROM public;
GRANT EXECUTE ON FUNCTION guard.let_old_drafts_go(timestamptz, timestamptz, timestamptz), guard.old_drafts(timestamptz) TO registry_app;
