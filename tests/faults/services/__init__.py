"""Real workers whose broker and database fail under them, and that are frozen and woken too late."""


def main(arguments: list[str]) -> int:
    from tests.faults.services.command import main as command

    return command(arguments)
