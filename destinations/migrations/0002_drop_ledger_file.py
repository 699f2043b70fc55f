from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("destinations", "0001_initial"),
    ]

    operations = [
        migrations.RemoveField(model_name="audiencelist", name="ledger_file"),
    ]
