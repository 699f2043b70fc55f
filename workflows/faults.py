"""Moments at which a test may end, freeze or confuse a worker; in a running product each is nothing at all.

The moments of a slice, in order: claimed, step_started, before_send (the intent is written), after_send (the
answer is there), after_record (its outcome is committed), pulse, before_finish, after_finish, released.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

Hook = Callable[[str, Mapping[str, object]], None]

_hook: Hook | None = None


def at(name: str, **facts: object) -> None:
    """Say that the moment `name` has come; `facts` are what is at hand there, such as the step."""
    if _hook is not None:
        _hook(name, facts)


@contextmanager
def hooked(hook: Hook) -> Iterator[None]:
    """Call `hook` at every moment until the block ends, in whatever thread it comes."""
    global _hook
    before, _hook = _hook, hook
    try:
        yield
    finally:
        _hook = before
