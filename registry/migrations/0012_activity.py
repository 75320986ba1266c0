from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("registry", "0011_events")]

    operations = []
