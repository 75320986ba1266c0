#!/bin/sh
# Runs once, when the cluster is made: the two roles and the database, as config/embedded.py makes them for a demo.
# The owner migrates and is no superuser; the application's role may not alter a table.
set -eu

psql -v ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres \
    --set owner_password="$OWNER_DB_PASSWORD" --set app_password="$APP_DB_PASSWORD" <<'SQL'
CREATE ROLE registry LOGIN PASSWORD :'owner_password';
CREATE ROLE registry_app LOGIN PASSWORD :'app_password';
CREATE DATABASE registry OWNER registry;
REVOKE ALL ON DATABASE registry FROM PUBLIC;
GRANT CONNECT ON DATABASE registry TO registry_app;
SQL
