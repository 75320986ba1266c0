"""Invented patients that every nightly scan must find."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("registry", "0004_nights")]

    operations = []
