-- A message is of its question's patient, and of that patient's alert.
ALTER TABLE registry_question ADD CONSTRAINT question_with_patient UNIQUE (id, patient_id);
ALTER TABLE registry_questionmessage ADD CONSTRAINT message_is_of_its_questions_patient
    FOREIGN KEY (question_id, patient_id) REFERENCES registry_question (id, patient_id) DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE registry_questionmessage ADD CONSTRAINT message_is_of_its_patients_alert
    FOREIGN KEY (alert_id, patient_id) REFERENCES registry_alert (id, patient_id) DEFERRABLE INITIALLY DEFERRED;

-- The life cycle of a question; the pairs are those of registry/monitoring/question_lifecycle.py, a test compares.
CREATE FUNCTION registry_question_move_is_allowed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF tg_op = 'DELETE' THEN
        RAISE EXCEPTION 'a question is never deleted' USING ERRCODE = 'check_violation';
    END IF;
    IF (old.patient_id, old.fact, old.public_id) IS DISTINCT FROM (new.patient_id, new.fact, new.public_id) THEN
        RAISE EXCEPTION 'a question stays with its patient and its fact' USING ERRCODE = 'check_violation';
    END IF;
    IF old.state <> new.state AND (old.state, new.state) NOT IN (
        ('open', 'answered'), ('answered', 'open'), ('open', 'closed'), ('answered', 'closed'),
        ('open', 'cancelled'), ('closed', 'open'), ('cancelled', 'open')
    ) THEN
        RAISE EXCEPTION 'question: no move from % to %', old.state, new.state USING ERRCODE = 'check_violation';
    END IF;
    RETURN new;
END $$;
CREATE TRIGGER question_move_is_allowed BEFORE UPDATE OR DELETE ON registry_question
    FOR EACH ROW EXECUTE FUNCTION registry_question_move_is_allowed();

-- What was said stands.
CREATE TRIGGER never_changed BEFORE UPDATE OR DELETE ON registry_questionmessage
    FOR EACH ROW EXECUTE FUNCTION registry_never_changed();
REVOKE DELETE ON registry_question FROM registry_app;
REVOKE UPDATE, DELETE ON registry_questionmessage FROM registry_app;

DO $$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['registry_question', 'registry_questionmessage'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY scope ON %I USING (CASE WHEN (SELECT registry_sees_everything()) THEN patient_id > 0'
            ' WHEN (SELECT registry_sees_canaries()) THEN patient_id < 0'
            ' ELSE patient_id IN (SELECT id FROM registry_patient) END)', t);
    END LOOP;
END $$;
SELECT audit.watch('registry_question', 'id', '{}');
SELECT audit.watch('registry_questionmessage', 'id', '{}');
