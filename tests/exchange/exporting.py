"""Running the command `export` in a test and reading what it wrote."""

import csv
import json
from io import StringIO

from django.core.management import call_command

from registry.queries.datasets import DATASETS

ALL = tuple(DATASETS)


def export(tmp_path, dataset, *arguments, name="out"):
    """Export to a file; give its path and its manifest."""
    out = tmp_path / name
    call_command("export", dataset, "--out", str(out), *arguments, stdout=StringIO())
    return out, json.loads((tmp_path / f"{name}.manifest.json").read_text(encoding="utf-8"))


def export_rows(tmp_path, dataset, *arguments):
    """Export as CSV; give the rows as dicts of text."""
    out, _ = export(tmp_path, dataset, *arguments)
    return list(csv.DictReader(StringIO(out.read_bytes().decode("utf-8"), newline="")))


def export_objects(tmp_path, dataset, *arguments):
    """Export as NDJSON; give the rows as JSON objects."""
    out, _ = export(tmp_path, dataset, "--format", "ndjson", *arguments)
    return [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
