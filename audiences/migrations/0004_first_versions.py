"""Queries that were activated before versions were kept: what they are now is what can be put back."""

from typing import Any

from django.db import migrations


def keep(apps: Any, schema_editor: Any) -> None:
    query_version = apps.get_model("audiences", "QueryVersion")
    for query in apps.get_model("audiences", "Query").objects.filter(state="active", version__gt=0):
        query_version.objects.get_or_create(
            query=query,
            version=query.version,
            defaults={"sql": query.sql, "columns": query.columns, "activated_at": query.updated_at},
        )


class Migration(migrations.Migration):
    dependencies = [
        ("audiences", "0003_versions"),
    ]

    operations = [
        migrations.RunPython(keep, migrations.RunPython.noop),
    ]
