"""Licensed dictionaries that the installation has loaded."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("registry", "0006_notifications")]

    operations = []
