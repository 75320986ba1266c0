"""A visit's lock closes the first reports and treatments told at it; facts of a first report are corrected."""

from pathlib import Path

from django.db import migrations

SQL = Path(__file__).parent / "sql"


class Migration(migrations.Migration):
    dependencies = [("registry", "0019_covering_results")]

    operations = [
        migrations.RunSQL((SQL / "corrected_facts.sql").read_text()),
        migrations.RunSQL((SQL / "told_at.sql").read_text()),
    ]
