"""Every change of rows: require, transact, write; the database audits."""
