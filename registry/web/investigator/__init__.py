"""Pages of the site: what is due, the patient, the visit, the events."""
