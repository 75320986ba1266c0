"""Who signs and who writes the same record take turns; the application makes no temporary tables."""

from pathlib import Path

from django.db import migrations

SQL = Path(__file__).parent / "sql"


class Migration(migrations.Migration):
    dependencies = [("registry", "0020_told_at")]

    operations = [migrations.RunSQL((SQL / "signing_in_turn.sql").read_text())]
