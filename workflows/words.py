"""Numbers beside their nouns, so that one of something is never told as many."""


def counted(number: int, one: str, many: str = "") -> str:
    """Say how many: `counted(1, "row")` is “1 row”, `counted(2_000, "row")` “2,000 rows”."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def people(number: int) -> str:
    return counted(number, "person", "people")
