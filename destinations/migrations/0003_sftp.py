import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("credentials", "0001_initial"),
        ("destinations", "0002_drop_ledger_file"),
    ]

    operations = [
        migrations.AddField(
            model_name="datatemplate",
            name="path",
            field=models.CharField(
                choices=[
                    ("auto", "Fastest (estimated each run)"),
                    ("api", "API only"),
                    ("sftp", "SFTP for new people, the rest by API"),
                ],
                default="auto",
                max_length=8,
            ),
        ),
        migrations.AddField(
            model_name="destination",
            name="sftp_credential",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="sftp_destinations",
                to="credentials.credential",
            ),
        ),
        migrations.AddConstraint(
            model_name="datatemplate",
            constraint=models.CheckConstraint(
                condition=models.Q(("path__in", ["auto", "api", "sftp"])), name="template_path_known"
            ),
        ),
    ]
