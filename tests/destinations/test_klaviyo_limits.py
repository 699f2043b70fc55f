"""The table of endpoints is held against Klaviyo's own document."""

import json
import re

import pytest

from destinations.klaviyo.limits import ENDPOINTS, Endpoint
from destinations.windows import Windows
from simulator import spec

DOCUMENT = json.loads(spec.DOCUMENT.read_text(encoding="utf-8"))["paths"]
PATHS = {re.sub(r"\{\w+\}", "{id}", path): operations for path, operations in DOCUMENT.items()}
UNITS = {"s": "burst", "m": "steady", "d": "daily"}


def windows(stated: dict[str, str]) -> Windows:
    pairs = [value.split("/") for value in stated.values()]
    return Windows(**{UNITS[unit[0]]: int(quota) for quota, unit in pairs})


@pytest.mark.parametrize("endpoint", ENDPOINTS.values(), ids=list(ENDPOINTS))
def test_every_endpoint_is_as_klaviyo_writes_it(endpoint: Endpoint):
    operation = PATHS[endpoint.path][endpoint.method.lower()]
    stated = [operation["x-klaviyo-ratelimit"], *operation["x-slower"]]
    limits = [
        {name: value for name, value in each.items() if name not in ("parameter", "value")} for each in stated
    ]

    assert endpoint.windows in [windows(each) for each in limits]
    assert set(endpoint.scopes) == set(operation["x-klaviyo-scopes"])
