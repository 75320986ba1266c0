"""Code lists as data: each file names its source, licence, version and who signs it."""
