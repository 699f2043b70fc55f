"""From a file to what it wants: read, checked against the schema, every pointer followed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from api.configuration import document, problems, references, schema
from api.configuration.errors import ConfigurationError
from credentials import kinds


@dataclass(frozen=True)
class Wanted:
    """A whole file, valid in itself. The other mappings are by the name of their credential or query."""

    configuration: schema.Configuration
    secrets: Mapping[str, str] = field(repr=False)
    sql: Mapping[str, str]
    folder: Path
    passphrases: Mapping[str, str] = field(default_factory=dict, repr=False)

    def source_settings(self, name: str) -> dict[str, Any]:
        """Return the settings of the source `name` with its paths made absolute."""
        source = self.configuration.sources[name]
        given = {key: getattr(source, key) for key in schema.SOURCE_SETTINGS}
        settings = {key: value for key, value in given.items() if value is not None}
        if source.path is not None:
            settings["path"] = references.resolved(source.path, folder=self.folder)
        if source.files is not None:
            files = {
                table: references.resolved(where, folder=self.folder) for table, where in source.files.items()
            }
            settings["files"] = files
        return settings


def load(path: Path) -> Wanted:
    """Read the configuration at `path`; relative paths in it start at its own folder.

    Raises ConfigurationError with every problem found.
    """
    folder = path.resolve().parent
    try:
        configuration = schema.Configuration.model_validate(document.read(path))
    except ValidationError as error:
        raise ConfigurationError(problems.sentences(error)) from None
    found: list[str] = []
    passphrases = _pointed(configuration, "passphrase", folder, found)
    secrets = _secrets(configuration, passphrases, folder, found)
    sql = _sql(configuration, folder, found)
    if found:
        raise ConfigurationError(found)
    return Wanted(configuration, secrets, sql, folder, passphrases)


def _secrets(
    configuration: schema.Configuration, passphrases: Mapping[str, str], folder: Path, found: list[str]
) -> dict[str, str]:
    secrets = _pointed(configuration, "secret", folder, found)
    for name, secret in secrets.items():
        if problem := kinds.problem(configuration.credentials[name].kind, secret, passphrases.get(name)):
            found.append(f"credentials › {name} › secret: {problem}")
    return secrets


def _pointed(configuration: schema.Configuration, key: str, folder: Path, found: list[str]) -> dict[str, str]:
    """Follow the pointers under `key` of every credential that has one."""
    texts = {}
    for name, credential in configuration.credentials.items():
        pointer = getattr(credential, key)
        if pointer is None:
            continue
        try:
            texts[name] = references.secret(pointer, folder=folder)
        except references.Unresolved as unresolved:
            found.append(f"credentials › {name} › {key}: {unresolved}")
    return texts


def _sql(configuration: schema.Configuration, folder: Path, found: list[str]) -> dict[str, str]:
    texts = {}
    for name, query in configuration.queries.items():
        try:
            texts[name] = (query.sql or references.sql(query.sql_file or "", folder=folder)).strip()
        except references.Unresolved as unresolved:
            found.append(f"queries › {name} › sql_file: {unresolved}")
            continue
        if not texts[name]:
            found.append(f"queries › {name}: the SQL is empty.")
    return texts
