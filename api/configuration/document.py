"""A configuration file as plain mappings, read so that a slip of the pen is not taken for a wish."""

import re
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml

from api.configuration.errors import ConfigurationError

MAX_FILE_BYTES = 5_000_000


def read(path: Path) -> dict[str, Any]:
    """Return the mapping in the YAML file at `path`; an empty file is an empty mapping.

    Raises ConfigurationError when the file cannot be read or is not such a mapping.
    """
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise ConfigurationError([f"{path}: the file is larger than {MAX_FILE_BYTES:,} bytes."])
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigurationError([f"{path}: {(error.strerror or 'cannot be read').lower()}."]) from error
    except UnicodeDecodeError as error:
        raise ConfigurationError([f"{path}: the file is not UTF-8 text."]) from error
    return parse(text, where=str(path))


def parse(text: str, *, where: str) -> dict[str, Any]:
    """Return the mapping written in `text`; `where` is what a problem calls it."""
    try:
        # The loader extends SafeLoader: it makes texts, numbers, lists and mappings, and no other objects.
        found = yaml.load(text, Loader=_Loader)  # noqa: S506
    except yaml.YAMLError as error:
        raise ConfigurationError([f"{where}: {_said(error)}"]) from error
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise ConfigurationError([f"{where}: the file must hold a mapping such as “queries: …”."])
    return found


class _Loader(yaml.SafeLoader):
    """SafeLoader less two surprises of YAML: `NO` is Norway, and a key written twice is a mistake."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        written = set()
        for key, _ in node.value:
            if key.tag == "tag:yaml.org,2002:merge":
                continue
            if key.value in written:
                raise yaml.constructor.ConstructorError(
                    None, None, f"“{key.value}” is written twice", key.start_mark
                )
            written.add(key.value)
        return super().construct_mapping(node, deep=deep)


_UNWANTED = ("tag:yaml.org,2002:bool", "tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:int")
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag not in _UNWANTED]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"(?:true|false)$"), list("tf"))
# Neither 010 (eight) nor 1:30 (ninety) nor 12_000: what is not a plain number stays text.
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:int", re.compile(r"-?(?:0|[1-9][0-9]*)$"), list("-0123456789")
)


def _said(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or "this is not YAML"
    place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
    return f"{place}{problem}."
