"""Why a configuration cannot be applied."""

from collections.abc import Sequence


class ConfigurationError(Exception):
    """Nothing was written. `problems` are sentences that each name the object they are about."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))
