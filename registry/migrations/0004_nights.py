"""Nights in parts, and the days on which the calendar alone changes what a rule says."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("registry", "0003_preselection")]

    operations = []
