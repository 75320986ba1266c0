"""Measured by hand against a limit in the same run; never a timed test."""
