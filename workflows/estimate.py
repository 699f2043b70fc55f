"""How long a plan will take, by which way it should go, and why, in words."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from workflows.durations import duration
from workflows.forecasts import Forecast, Work, file_forecast, forecasts

__all__ = [
    "Choice",
    "Forecast",
    "NotFeasible",
    "Work",
    "choose",
    "duration",
    "file_forecast",
    "forecasts",
]

# SFTP gives no answer for single rows and says nothing when it is done: it must be worth that.
SFTP_MUST_GAIN = 1.25

# Of two ways as fast, the one named first.
NAMES = {"by_id": "by id", "single": "one by one", "import": "by import jobs", "sftp": "by SFTP"}


class NotFeasible(Exception):
    """The way that the data template asks for cannot be gone; `message` says why, in a sentence."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


@dataclass(frozen=True)
class Choice:
    """The way a plan goes: `path` is api or sftp, `way` how new people go. `others` are those not taken."""

    path: str
    way: str
    forecast: Forecast
    why: str
    others: tuple[Forecast, ...]

    @property
    def seconds(self) -> float:
        return self.forecast.seconds


def choose(forecasts: Sequence[Forecast], wanted: str = "auto") -> Choice:
    """Choose the fastest way that is possible and `wanted`: auto, api or sftp.

    On auto, SFTP must be faster by a quarter. When nobody new is to be sent, or nobody who can stand in a
    file, `sftp` is content with the API. Raises NotFeasible when SFTP is wanted and cannot be.
    """
    places = list(NAMES)
    possible = [each for each in forecasts if each.way != "sftp" and each.feasible]
    api = min(possible, key=lambda each: (each.seconds, places.index(each.way)))
    sftp = next((each for each in forecasts if each.way == "sftp"), None)
    if wanted == "sftp" and sftp and not sftp.feasible:
        raise NotFeasible(f"The data template asks for SFTP. {sftp.why_not}")
    taken = api
    if wanted != "api" and sftp and sftp.feasible and (wanted == "sftp" or _is_worth_it(sftp, api)):
        taken = sftp
    others = tuple(each for each in forecasts if each is not taken)
    path = "sftp" if taken is sftp else "api"
    return Choice(path, taken.way, taken, _why(taken, others, wanted), others)


def _is_worth_it(sftp: Forecast, api: Forecast) -> bool:
    return sftp.seconds * SFTP_MUST_GAIN < api.seconds


def _why(taken: Forecast, others: Sequence[Forecast], wanted: str) -> str:
    if taken.way == "by_id":
        return "Nobody is new."
    times = ", ".join(_time(each) for each in sorted((taken, *others), key=_first(taken)) if each.feasible)
    sentence = f"{times[0].upper()}{times[1:]}."
    if wanted != "auto" and not (wanted == "sftp" and taken.way != "sftp"):
        asks = "SFTP" if wanted == "sftp" else "the API alone"
        return f"The data template asks for {asks}. {sentence}"
    if any(each.way == "sftp" and each.seconds < taken.seconds for each in others):
        return f"{sentence} SFTP gains too little to do without Klaviyo's answer for each row."
    return sentence


def _first(taken: Forecast) -> Callable[[Forecast], tuple[bool, float]]:
    return lambda each: (each is not taken, each.seconds)


def _time(forecast: Forecast) -> str:
    return f"{NAMES[forecast.way]} {duration(forecast.seconds)}"
