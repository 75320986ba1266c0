"""Everything that was told at a visit is signed with it; a password that somebody else set cannot sign."""

from pathlib import Path

import django.db.models.deletion
from django.db import migrations, models

SQL = Path(__file__).parent / "sql"


def told_at(model: str) -> migrations.AddField:
    return migrations.AddField(
        model_name=model,
        name="visit",
        field=models.ForeignKey(
            blank=True,
            null=True,
            on_delete=django.db.models.deletion.PROTECT,
            related_name="+",
            to="registry.visit",
            verbose_name="told at",
        ),
    )


class Migration(migrations.Migration):
    dependencies = [("registry", "0016_duties")]

    operations = [
        told_at("adverseevent"),
        told_at("treatment"),
        migrations.RunSQL((SQL / "signing.sql").read_text()),
    ]
