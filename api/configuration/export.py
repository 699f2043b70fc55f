"""The configuration as it stands, in the form that `apply` reads; secrets stay where they are."""

from typing import Any

import yaml

from api.configuration import schema
from audiences.models import Query, Source
from credentials import addresses, host_keys, keeping
from credentials.models import Credential
from destinations.models import DataTemplate, Destination
from workflows.models import Orchestration


def export() -> dict[str, Any]:
    """Return every object by kind and name, less what has its default. Applied here, it changes nothing.

    Raises ValueError for two data templates of one name, since a file tells them apart by name alone.
    """
    found = {
        "credentials": {row.name: _credential(row) for row in keeping.all_credentials()},
        "sources": {
            row.name: _source(row) for row in Source.objects.select_related("credential").order_by("name")
        },
        "queries": {row.name: _query(row) for row in Query.objects.select_related("source").order_by("name")},
        "destinations": {
            row.name: _destination(row)
            for row in Destination.objects.select_related("credential", "sftp_credential").order_by("name")
        },
        "data_templates": _templates(),
        "orchestrations": {
            row.name: _orchestration(row)
            for row in Orchestration.objects.select_related("query", "template__destination").order_by("name")
        },
    }
    return {
        section: {name: _stated(schema.OBJECTS[section], values) for name, values in objects.items()}
        for section, objects in found.items()
        if objects
    }


def as_yaml(document: dict[str, Any]) -> str:
    """Return a configuration as text, long texts over several lines."""
    return yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)


def _credential(row: Credential) -> dict[str, Any]:
    stated: dict[str, Any] = {"kind": row.kind, "description": row.description}
    if row.is_ssh_key:
        address = addresses.read(row.kind, row.settings).as_settings()
        stated |= {key: value for key, value in address.items() if value != ""}
        stated["host_keys"] = [str(pin) for pin in host_keys.pinned(row)] or None
    return stated


def _source(row: Source) -> dict[str, Any]:
    credential = {"credential": row.credential.name} if row.credential else {}
    return {"kind": row.kind, "description": row.description, **row.settings, **credential}


def _query(row: Query) -> dict[str, Any]:
    names = ("description", "sql", "state", "default_country", "timeout_seconds")
    sizes = ("warn_below", "warn_above", "stop_below", "stop_above")
    return {"source": row.source.name, **{name: getattr(row, name) for name in (*names, *sizes)}}


def _destination(row: Destination) -> dict[str, Any]:
    return {
        "plugin": row.plugin,
        "credential": row.credential.name,
        "sftp_credential": row.sftp_credential.name if row.sftp_credential else None,
        "sftp": row.settings.get("sftp"),
        "allows_restricted": row.allows_restricted,
        "description": row.description,
    }


def _templates() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for row in DataTemplate.objects.select_related("destination").order_by("name", "destination__name"):
        if row.name in found:
            raise ValueError(f"Two destinations have a data template “{row.name}”; rename one to export.")
        found[row.name] = {
            "destination": row.destination.name,
            "list_name": row.list_name,
            "description": row.description,
            "use_full_profile": row.full_profile,
            "mode": row.mode,
            "path": row.path,
            "mapping": {entry["target"]: _mapped(entry) for entry in row.mapping},
            "default_country": row.default_country or None,
            "duplicates": row.duplicates,
        }
    return found


def _mapped(entry: dict[str, Any]) -> Any:
    kind = entry.get("type", "text")
    return entry["column"] if kind == "text" else {"column": entry["column"], "type": kind}


def _orchestration(row: Orchestration) -> dict[str, Any]:
    return {"query": row.query.name, "data_template": row.template.name, "guards": row.guards or None}


def _stated(model: type[schema.Strict], values: dict[str, Any]) -> dict[str, Any]:
    """Leave out what has its default anyway, and what is not set."""
    fields = model.model_fields
    return {
        name: value
        for name, value in values.items()
        if value is not None
        and value != {}
        and (name not in fields or fields[name].is_required() or value != fields[name].default)
    }


class _Dumper(yaml.SafeDumper):
    """SafeDumper that writes a text of several lines as people do."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)
