"""Trouble at Klaviyo and on the way there."""

from tests.faults.codes.provoking import upstream
from tests.faults.codes.scenario import End, Press, Scenario
from tests.faults.codes.stage import Stage


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


ROWS = (
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
)
