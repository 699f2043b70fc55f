"""Numbers beside their nouns, so that one of something is never told as many; and what was verified."""


def counted(number: int, one: str, many: str = "") -> str:
    """Say how many: `counted(1, "row")` is “1 row”, `counted(2_000, "row")` “2,000 rows”."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def people(number: int) -> str:
    return counted(number, "person", "people")


def size(number: float) -> str:
    """Write a number of bytes: “480 bytes”, “14.1 MB”; a kB is 1,000 bytes."""
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if number >= factor:
            return f"{number / factor:,.1f} {unit}"
    return counted(round(number), "byte")


def verdict(*, some_rows: bool, a_file: bool) -> str:
    """Say what a run that succeeded has verified, of its list, of some rows alone, or of files."""
    if some_rows:
        return "Its rows are on the list"
    return "The server holds the files" if a_file else "List equals query"
