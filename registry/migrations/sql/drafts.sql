-- A draft belongs to one person: nobody else sees it, whatever their scope, and no export can.
ALTER TABLE registry_draft ENABLE ROW LEVEL SECURITY;
CREATE POLICY scope ON registry_draft USING (
    user_id = nullif(current_setting('registry.actor', true), '')::bigint
    AND patient_id IN (SELECT id FROM registry_patient));
-- The page is bounded by the server; this holds for every other way in. (A list of names is always short.)
ALTER TABLE registry_draft ADD CONSTRAINT draft_is_a_form_of_bounded_size CHECK (
    payload IS NULL OR (jsonb_typeof(payload) = 'object' AND octet_length(payload::text) <= 2000000));
-- An ended draft is emptied, not deleted: see the model.
REVOKE DELETE ON registry_draft FROM registry_app;
