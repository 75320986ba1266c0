"""What lets the database tell which patients could have a finding."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("registry", "0002_guarantees")]

    operations = []
