-- News of alerts, for mails: noted in the transaction that stored the alert, whatever path wrote. The keys of
-- canary patients are negative: invented patients are nobody's news.
CREATE FUNCTION registry_severity_rank(severity text) RETURNS int LANGUAGE sql IMMUTABLE AS
    $$ SELECT array_position(ARRAY['low', 'medium', 'high', 'critical'], severity) $$;
CREATE FUNCTION registry_alert_waits(state text) RETURNS boolean LANGUAGE sql IMMUTABLE AS
    $$ SELECT state IN ('open', 'acknowledged', 'in_review') $$;

CREATE FUNCTION registry_note_raised() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
BEGIN
    INSERT INTO registry_alertnews (alert_id, kind, purpose, since)
    SELECT n.id, 'raised', p.purpose, statement_timestamp()
    FROM new_rows n CROSS JOIN (VALUES ('digest'), ('at_once')) AS p (purpose)
    WHERE n.patient_id > 0 AND registry_alert_waits(n.state) AND (p.purpose = 'digest' OR n.severity = 'critical');
    RETURN NULL;
END $$;
CREATE TRIGGER note_raised AFTER INSERT ON registry_alert REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION registry_note_raised();

-- Row by row with conditions that need no call: every overdue visit changes its alert every night, and a join
-- of the two transition tables is planned for single rows.
CREATE FUNCTION registry_note_alert_news() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
BEGIN
    INSERT INTO registry_alertnews (alert_id, kind, purpose, since) VALUES (new.id, tg_argv[0], 'digest', statement_timestamp());
    IF new.severity = 'critical' AND tg_argv[0] <> 'asked' THEN
        INSERT INTO registry_alertnews (alert_id, kind, purpose, since) VALUES (new.id, tg_argv[0], 'at_once', statement_timestamp());
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER note_reopened AFTER UPDATE ON registry_alert FOR EACH ROW
    WHEN (new.patient_id > 0 AND new.state <> old.state
          AND registry_alert_waits(new.state) AND NOT registry_alert_waits(old.state))
    EXECUTE FUNCTION registry_note_alert_news('reopened');
CREATE TRIGGER note_risen AFTER UPDATE ON registry_alert FOR EACH ROW
    WHEN (new.patient_id > 0 AND (new.severity <> old.severity OR new.certainty <> old.certainty)
          AND registry_alert_waits(new.state) AND registry_alert_waits(old.state)
          AND (registry_severity_rank(new.severity) > registry_severity_rank(old.severity)
               OR (old.certainty = 'possible' AND new.certainty = 'certain'
                   AND registry_severity_rank(new.severity) >= registry_severity_rank(old.severity))))
    EXECUTE FUNCTION registry_note_alert_news('risen');
CREATE TRIGGER note_asked AFTER UPDATE ON registry_alert FOR EACH ROW
    WHEN (new.patient_id > 0 AND new.decision = 'need_information'
          AND new.decided_at IS DISTINCT FROM old.decided_at)
    EXECUTE FUNCTION registry_note_alert_news('asked');

REVOKE DELETE ON registry_notification FROM registry_app;
