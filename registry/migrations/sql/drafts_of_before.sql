-- Of the drafts that lie here already nobody was asked: they are asked about now, and have as long as any other.
UPDATE registry_draft SET saved_at = now() - interval '30 days'
WHERE payload IS NOT NULL AND saved_at < now() - interval '30 days';
