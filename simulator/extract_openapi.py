"""Cuts the operations the simulator knows out of Klaviyo's published OpenAPI document.

Source: https://github.com/klaviyo/openapi, `openapi/stable.json`, revision 2026-07-15. Descriptions and
examples are left out, with one exception: the slower limits that a parameter brings are only told in
prose, so they are read from it and kept as `x-slower`.

    python -m simulator.extract_openapi PATH_TO_STABLE_JSON
"""

import json
import re
import sys
from pathlib import Path
from typing import Any

OPERATIONS = (
    "GET /api/accounts",
    "GET /api/lists",
    "POST /api/lists",
    "GET /api/lists/{id}",
    "PATCH /api/lists/{id}",
    "DELETE /api/lists/{id}",
    "GET /api/lists/{id}/profiles",
    "GET /api/lists/{id}/relationships/profiles",
    "POST /api/lists/{id}/relationships/profiles",
    "DELETE /api/lists/{id}/relationships/profiles",
    "GET /api/lists/{id}/flow-triggers",
    "GET /api/segments",
    "GET /api/segments/{id}",
    "DELETE /api/segments/{id}",
    "GET /api/segments/{id}/flow-triggers",
    "GET /api/profiles",
    "POST /api/profiles",
    "GET /api/profiles/{id}",
    "PATCH /api/profiles/{id}",
    "POST /api/profile-import",
    "GET /api/profile-bulk-import-jobs",
    "POST /api/profile-bulk-import-jobs",
    "GET /api/profile-bulk-import-jobs/{job_id}",
    "GET /api/profile-bulk-import-jobs/{id}/import-errors",
    "GET /api/profile-bulk-import-jobs/{id}/profiles",
    "GET /api/profile-bulk-import-jobs/{id}/relationships/profiles",
    "GET /api/profile-bulk-import-jobs/{id}/lists",
    "GET /api/profile-bulk-import-jobs/{id}/relationships/lists",
    "POST /api/profile-subscription-bulk-create-jobs",
    "POST /api/profile-subscription-bulk-delete-jobs",
)
KEPT = (
    "operationId",
    "parameters",
    "requestBody",
    "responses",
    "x-klaviyo-ratelimit",
    "x-klaviyo-scopes",
    "x-klaviyo-filters",
)
SLOWER = re.compile(
    r"Rate limits when using the `([^`=]+)=([^`]+)` parameter in your API request:"
    r"<br>Burst: `([^`]+)`<br>Steady: `([^`]+)`"
)
TARGET = Path(__file__).parent / "openapi.json"


def main() -> None:
    document = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    TARGET.write_text(json.dumps(extract(document), indent=1, sort_keys=True) + "\n", encoding="utf-8")


def extract(document: dict) -> dict:
    """Return a document with the known operations and every schema they lead to."""
    paths: dict[str, dict] = {}
    for name in OPERATIONS:
        method, path = name.split(" ")
        paths.setdefault(path, {})[method.lower()] = _operation(document["paths"][path][method.lower()])
    return {
        "openapi": document["openapi"],
        "info": {"title": document["info"]["title"], "version": document["info"]["version"]},
        "paths": paths,
        "components": {"schemas": _schemas(paths, document["components"]["schemas"])},
    }


def _operation(operation: dict) -> dict:
    kept = _without_prose({name: operation[name] for name in KEPT if name in operation})
    kept["responses"] = {
        status: answer for status, answer in kept["responses"].items() if status.startswith("2")
    }
    kept["x-slower"] = [
        {"parameter": parameter, "value": value, "burst": burst, "steady": steady}
        for parameter, value, burst, steady in SLOWER.findall(operation["description"])
    ]
    return kept


def _schemas(paths: dict, schemas: dict) -> dict:
    """Follow the references from `paths` until no new schema turns up."""
    found: dict[str, dict] = {}
    waiting = _references(paths)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found[name] = _without_prose(schemas[name])
            waiting |= _references(found[name])
    return found


def _references(node: object) -> set[str]:
    return set(re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(node)))


def _without_prose(node: Any, *, names: bool = False) -> Any:
    """Drop `description`, `example` and `examples`, save where they are the name of a property."""
    if isinstance(node, list):
        return [_without_prose(item) for item in node]
    if not isinstance(node, dict):
        return node
    prose = () if names else ("description", "example", "examples")
    return {
        key: _without_prose(value, names=key == "properties" and isinstance(value, dict) and not names)
        for key, value in node.items()
        if key not in prose
    }


if __name__ == "__main__":
    main()
