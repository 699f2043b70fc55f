import uuid

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("credentials", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="AudienceList",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                ("account_id", models.CharField(max_length=64)),
                ("list_id", models.CharField(blank=True, max_length=64, null=True)),
                ("name", models.CharField(max_length=200)),
                ("created_by_us", models.BooleanField(default=False)),
                ("creating_until", models.DateTimeField(blank=True, null=True)),
                ("ledger_version", models.PositiveIntegerField(default=0)),
                ("ledger_file", models.TextField(blank=True, default="")),
                ("members", models.PositiveIntegerField(blank=True, null=True)),
                ("read_at", models.DateTimeField(blank=True, null=True)),
                ("verified_at", models.DateTimeField(blank=True, null=True)),
                ("joined_high", models.CharField(blank=True, default="", max_length=40)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("updated_at", models.DateTimeField(auto_now=True)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("account_id", "name"), name="list_name_once_per_account"),
                    models.UniqueConstraint(
                        condition=models.Q(("list_id__isnull", False)),
                        fields=("account_id", "list_id"),
                        name="list_id_once_per_account",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Destination",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                ("name", models.CharField(max_length=200, unique=True)),
                ("description", models.TextField(blank=True, default="")),
                ("plugin", models.CharField(max_length=40)),
                ("settings", models.JSONField(blank=True, default=dict)),
                ("account_id", models.CharField(blank=True, default="", max_length=64)),
                ("account_name", models.CharField(blank=True, default="", max_length=200)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                (
                    "credential",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="destinations",
                        to="credentials.credential",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Limit",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("account_id", models.CharField(max_length=64)),
                ("endpoint", models.CharField(max_length=64)),
                ("ring", models.BinaryField(default=b"")),
                ("penalty_until", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("account_id", "endpoint"), name="limit_once_per_endpoint")
                ],
            },
        ),
        migrations.CreateModel(
            name="DataTemplate",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                ("name", models.CharField(max_length=200)),
                ("description", models.TextField(blank=True, default="")),
                ("list_name", models.CharField(max_length=200)),
                ("full_profile", models.BooleanField(default=False)),
                (
                    "mode",
                    models.CharField(
                        choices=[
                            ("mirror", "Make the list equal to the query"),
                            ("add_only", "Only add people"),
                            ("remove_only", "Only remove people"),
                        ],
                        default="mirror",
                        max_length=16,
                    ),
                ),
                ("mapping", models.JSONField(blank=True, default=list)),
                ("default_country", models.CharField(blank=True, default="", max_length=2)),
                (
                    "duplicates",
                    models.CharField(
                        choices=[
                            ("most_complete", "Keep the most complete row"),
                            ("refuse", "Load none of them"),
                        ],
                        default="most_complete",
                        max_length=16,
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                (
                    "destination",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="templates",
                        to="destinations.destination",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("destination", "name"), name="template_name_once_per_destination"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("mode__in", ["mirror", "add_only", "remove_only"])),
                        name="template_mode_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("duplicates__in", ["most_complete", "refuse"])),
                        name="template_duplicates_known",
                    ),
                ],
            },
        ),
    ]
