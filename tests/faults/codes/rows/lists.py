"""Lists: too many, ambiguous, gone or shared."""

from datetime import timedelta

from tests.faults.codes.provoking import lists
from tests.faults.codes.row import End
from tests.faults.codes.scenario import Answer, Press, Scenario
from tests.faults.codes.stage import Stage
from workflows import housekeeping


def spare(stage: Stage) -> str:
    return f"list:{stage.prepared['spare']}"


def room_made(stage: Stage) -> None:
    """Somebody deleted a list in Klaviyo."""
    stage.klaviyo.delete_list(stage.prepared["spare"])


def day_over(stage: Stage) -> None:
    """The day is over: Klaviyo counts lists anew."""
    stage.klaviyo.clear_faults()
    stage.clock.leap(timedelta(seconds=lists.HOURS_LEFT_SECONDS))
    housekeeping.wake_paused(stage.clock.now())


def one_of_them(stage: Stage) -> str:
    return stage.prepared["lists"][1]


NEW_NAME: dict[str, Answer] = {"name": "VIP two"}
USED = Press("use_list", {"name": lists.SPARE})

ROWS = (
    Scenario("max_lists", lists.too_many, Press("delete_lists", {"groups": spare, "sure": "DELETE"})),
    Scenario("max_lists", lists.too_many, USED),
    Scenario("max_lists", lists.too_many, Press("look_again"), outside=room_made),
    Scenario("daily_list_creations", lists.too_many_today, Press("wait_for_reset"), later=day_over),
    Scenario("daily_list_creations", lists.too_many_today, USED),
    Scenario("list_ambiguous", lists.of_one_name, Press("choose_list", {"list": one_of_them})),
    Scenario("list_ambiguous", lists.of_one_name, Press("rename_list", NEW_NAME)),
    Scenario("list_gone", lists.gone, Press("recreate_list", {"name": "VIP"})),
    Scenario("list_gone", lists.gone, USED),
    Scenario("list_shared", lists.shared, Press("rename_list", NEW_NAME)),
    Scenario("list_shared", lists.shared, Press("discard"), end=End.GIVEN_UP),
)
