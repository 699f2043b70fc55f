"""What can go wrong between a source and its candidates, sorted by what to do next."""

from enum import StrEnum


class SourceCode(StrEnum):
    UNAVAILABLE = "source_unavailable"
    REFUSED = "query_refused"
    FAILED = "query_failed"
    TIMEOUT = "query_timeout"
    COLUMN_MISSING = "column_missing"
    TOO_MANY_ROWS = "too_many_rows"


class SourceError(Exception):
    """The source gave no complete answer, so nothing may be planned from it.

    `code` is one of `SourceCode`; `message` is a plain sentence without any value of the data.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = SourceCode(code)
        self.message = message


class ColumnGone(SourceError):
    """The query no longer gives `column`; `columns` are those it gives."""

    def __init__(self, column: str, columns: tuple[str, ...]) -> None:
        super().__init__(SourceCode.COLUMN_MISSING, f"The query has no column “{column}” any more.")
        self.column = column
        self.columns = columns


class SumsDoNotClose(Exception):
    """A row or a member ended in no outcome, or in two; the run must not be called a success."""
