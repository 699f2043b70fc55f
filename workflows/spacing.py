"""How long requests take that go one after the other, each a while, and no faster than the windows allow."""

from collections.abc import Callable

# The windows of an endpoint repeat after this many requests at the latest, so that the one that holds the
# rest back lies within the first so many or the last.
_PERIOD = 1_000
_HALVINGS = 40

Floor = Callable[[int], float]


def after(made: int, floor: Floor) -> Floor:
    """Return the floor for requests that come when `made` have used up a part of the windows."""
    begun = floor(made)
    return lambda requests: floor(made + requests) - begun


def paced(requests: int, seconds_each: float, floor: Floor) -> float:
    """Return the seconds from the first request to the last answer.

    `floor(n)` is the least time from the first request to the sending of the n-th.
    """
    return _paced(_holds(requests, floor), seconds_each)


def seconds_each(requests: int, seconds: float, floor: Floor) -> float:
    """Return how long one request took when so many took `seconds`; the inverse of `paced`.

    When the windows alone explain the time, the answer is a small part of the mean.
    """
    holds = _holds(requests, floor)
    slow = seconds / max(requests, 1)
    fast = slow / 100
    for _ in range(_HALVINGS):
        middle = (slow + fast) / 2
        if _paced(holds, middle) > seconds:
            slow = middle
        else:
            fast = middle
    return fast


def _holds(requests: int, floor: Floor) -> list[tuple[float, int]]:
    """Return when the requests may leave that can hold the others back, and how many follow each."""
    early = range(1, min(requests, _PERIOD) + 1)
    late = range(max(_PERIOD, requests - _PERIOD) + 1, requests + 1)
    holds: list[tuple[float, int]] = []
    for place in (*early, *late):
        at = floor(place)
        # Of those that may leave together, the first is followed by the most.
        if not holds or at > holds[-1][0]:
            holds.append((at, requests - place))
    return holds


def _paced(holds: list[tuple[float, int]], seconds_each: float) -> float:
    return max((at + behind * seconds_each for at, behind in holds), default=-seconds_each) + seconds_each
