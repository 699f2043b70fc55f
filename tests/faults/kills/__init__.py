"""Real processes killed at each boundary of each kind of step."""


def main(arguments: list[str]) -> int:
    from tests.faults.kills.command import main as command

    return command(arguments)
