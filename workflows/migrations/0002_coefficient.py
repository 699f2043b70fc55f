from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("workflows", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="Coefficient",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("account_id", models.CharField(max_length=64)),
                ("name", models.CharField(max_length=32)),
                ("observations", models.JSONField(blank=True, default=list)),
                ("updated_at", models.DateTimeField(auto_now=True)),
            ],
            options={
                "ordering": ["account_id", "name"],
                "constraints": [
                    models.UniqueConstraint(fields=("account_id", "name"), name="one_coefficient_a_name")
                ],
            },
        ),
    ]
