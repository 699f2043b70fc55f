"""Trouble at Klaviyo and on the way there."""

from datetime import timedelta

from tests.faults.codes.provoking import upstream
from tests.faults.codes.row import End
from tests.faults.codes.scenario import Press, Scenario
from tests.faults.codes.stage import Stage
from workflows import housekeeping


def klaviyo_back(stage: Stage) -> None:
    """Klaviyo answers as it should again."""
    stage.klaviyo.clear_faults()


def certificate_mended(stage: Stage) -> None:
    """Klaviyo is reached without the stranger in between."""
    stage.settings.KLAVIYO_API_URL = stage.klaviyo.simulator.url


def import_goes_on(stage: Stage) -> None:
    """Klaviyo went on with the import."""
    stage.klaviyo.import_settings(lag_seconds=0)
    stage.klaviyo.release_jobs()


def revision_served(stage: Stage) -> None:
    """A version of Rollcall whose revision Klaviyo serves is at work."""
    stage.klaviyo.clear_faults()


def quarter_of_an_hour(stage: Stage) -> None:
    """A quarter of an hour went by, in which the others got quiet."""
    stage.klaviyo.clear_faults()
    stage.clock.leap(timedelta(minutes=15))
    housekeeping.wake_paused(stage.clock.now())


HOLD = Press("hold", {"when": "later"})
ROWS = (
    Scenario("rate_limited", upstream.slowing_down, HOLD, later=quarter_of_an_hour),
    Scenario("rate_limited", upstream.slowing_down, Press("send_by_sftp"), outside=klaviyo_back),
    Scenario(
        "rate_limited", upstream.slowing_down, Press("change_share", {"share": "50"}), outside=klaviyo_back
    ),
    Scenario("upstream_unavailable", upstream.away, Press("retry"), outside=klaviyo_back),
    Scenario("upstream_unavailable", upstream.away, Press("discard"), end=End.GIVEN_UP),
    Scenario(
        "tls_untrusted", upstream.with_a_strange_certificate, Press("retry"), outside=certificate_mended
    ),
    Scenario("tls_untrusted", upstream.with_a_strange_certificate, Press("discard"), end=End.GIVEN_UP),
    Scenario("import_stuck", upstream.standing_still, Press("retry"), outside=import_goes_on),
    Scenario("import_stuck", upstream.standing_still, Press("restart"), outside=import_goes_on),
    Scenario("unexpected_answer", upstream.talking_nonsense, Press("retry"), outside=klaviyo_back),
    Scenario("unexpected_answer", upstream.talking_nonsense, Press("restart"), outside=klaviyo_back),
    Scenario("revision_retired", upstream.retired, Press("retry"), outside=revision_served),
    Scenario("revision_retired", upstream.retired, Press("discard"), end=End.GIVEN_UP),
    Scenario("unconfirmed", upstream.deaf_to_removals, Press("restart"), outside=klaviyo_back),
    Scenario("unconfirmed", upstream.deaf_to_removals, Press("set_aside"), end=End.LEFT),
)
