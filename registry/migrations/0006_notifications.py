"""Notifications that wait until they are sent."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("registry", "0005_canaries")]

    operations = []
