"""From a data template and a query's columns to what the candidates must hold."""

from collections.abc import Mapping, Sequence
from typing import Any

from audiences.candidates import CandidateSpec, Field

EMAIL = "email"


class ColumnMissing(Exception):
    """No column of the query is known to hold addresses; `message` says so.

    Whether the other columns are there is seen when the rows are read: a file may have changed since.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


def candidate_spec(template: Mapping[str, Any], query: Mapping[str, Any]) -> CandidateSpec:
    """Return which columns to read and as what; e-mail alone unless the template sends the full profile.

    `template` and `query` are the settings frozen on the workflow. Raises ColumnMissing.
    """
    mapping = template["mapping"]
    fields = tuple(
        Field(column=entry["column"], target=entry["target"], type=entry.get("type", "text"))
        for entry in mapping
        if template["full_profile"] and entry["target"] != EMAIL
    )
    return CandidateSpec(
        email=_email_column(mapping, query["columns"], query["name"]),
        fields=fields,
        default_country=template["default_country"],
        duplicates=template["duplicates"],
    )


def _email_column(
    mapping: Sequence[Mapping[str, Any]], columns: Sequence[Mapping[str, Any]], query: str
) -> str:
    mapped = [entry["column"] for entry in mapping if entry["target"] == EMAIL]
    found = mapped or [column["name"] for column in columns if column.get("meaning") == EMAIL]
    if not found:
        raise ColumnMissing(
            f"The query “{query}” has no column with e-mail addresses. "
            "Add a column named email, or map one to email in the data template."
        )
    return found[0]
