"""When a night let a draft go that nobody had touched for long."""

from pathlib import Path

from django.db import migrations, models

SQL = Path(__file__).parent / "sql"


class Migration(migrations.Migration):
    dependencies = [("registry", "0017_signing")]

    operations = [
        migrations.AddField("draft", "let_go_at", models.DateTimeField(null=True)),
        migrations.RunSQL((SQL / "old_drafts.sql").read_text()),
        migrations.RunSQL((SQL / "drafts_of_before.sql").read_text()),
    ]
