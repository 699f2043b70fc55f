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
    if requests < 1:
        return 0.0
    places = [
        *range(1, min(requests, _PERIOD) + 1),
        *range(max(_PERIOD, requests - _PERIOD) + 1, requests + 1),
    ]
    last_sent = max(floor(place) + (requests - place) * seconds_each for place in places)
    return last_sent + seconds_each


def seconds_each(requests: int, seconds: float, floor: Floor) -> float:
    """Return how long one request took when so many took `seconds`; the inverse of `paced`.

    When the windows alone explain the time, the answer is a small part of the mean.
    """
    slow = seconds / max(requests, 1)
    fast = slow / 100
    for _ in range(_HALVINGS):
        middle = (slow + fast) / 2
        if paced(requests, middle, floor) > seconds:
            slow = middle
        else:
            fast = middle
    return fast
