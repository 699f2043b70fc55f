"""A small shop with a configuration file, and the commands run on it as a person would."""

import io
import json
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.core.management import call_command

CONFIGURATION = """
credentials:
  Shop:
    kind: klaviyo_api_key
    secret: env:SHOP_KEY
sources:
  Warehouse:
    kind: sqlite
    path: shop.sqlite
queries:
  VIP:
    source: Warehouse
    sql: SELECT email, name, city FROM customers
destinations:
  Klaviyo:
    plugin: klaviyo
    credential: Shop
data_templates:
  Profile:
    destination: Klaviyo
    list_name: VIP
    use_full_profile: true
    mapping:
      first_name: name
      location.city: city
orchestrations:
  VIP:
    query: VIP
    data_template: Profile
"""
PEOPLE = (("ada@example.org", "Ada", "London"), ("grace@example.org", "Grace", "Boston"))


@dataclass(frozen=True)
class Ended:
    """How a command ended and what it said."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass(frozen=True)
class Shop:
    """The folder holds `shop.yaml` and the warehouse it reads."""

    folder: Path

    @property
    def file(self) -> Path:
        return self.folder / "shop.yaml"

    def says(self, *changes: tuple[str, str]) -> None:
        """Write the configuration with some of its text replaced."""
        text = CONFIGURATION
        for before, after in changes:
            assert before in text
            text = text.replace(before, after)
        self.file.write_text(text)

    def has(self, people: Iterable[tuple[str, str, str]]) -> None:
        """Make these the customers, and no others."""
        with sqlite3.connect(self.folder / "shop.sqlite") as connection:
            connection.execute("CREATE TABLE IF NOT EXISTS customers (email TEXT, name TEXT, city TEXT)")
            connection.execute("DELETE FROM customers")
            connection.executemany("INSERT INTO customers VALUES (?, ?, ?)", list(people))
        connection.close()

    def apply(self, *options: str) -> Ended:
        return command("apply", str(self.file), *options)


def command(*argv: str) -> Ended:
    """Run a command in this process and return how it ended."""
    out, err = io.StringIO(), io.StringIO()
    code = 0
    try:
        call_command(*argv, stdout=out, stderr=err)
    except SystemExit as ended:
        code = int(ended.code or 0)
    return Ended(code, out.getvalue(), err.getvalue())
