"""Trouble at Klaviyo, and on the way there."""

from datetime import timedelta

from tests.destinations import wires
from tests.faults.codes.stage import Stage
from tests.flows.world import people
from workflows.models import Workflow
from workflows.steps import verify

DAY_SECONDS = 86_400.0
# A server of files beside the API.
SPARE_WAY = {"sftp": {}}
PATIENCE = timedelta(hours=2)
HALF_AN_HOUR = timedelta(minutes=30)


def tried_often(workflow: Workflow) -> bool:
    return workflow.steps.filter(attempts__gte=11).exists()


def away(stage: Stage) -> Workflow:
    """Klaviyo answers 503, for hours."""
    stage.open()
    stage.klaviyo.fault("status", status=503)
    return stage.rest_losing_patience(stage.company.start(), when=tried_often, after=PATIENCE)


def with_a_strange_certificate(stage: Stage) -> Workflow:
    """Something in front of Klaviyo shows a certificate that nobody has signed."""
    stage.open()
    certificate = wires.self_signed(stage.company.folder / "both.pem")
    url = stage.closing.enter_context(wires.serving(wires.speaking_tls(certificate)))
    stage.settings.KLAVIYO_API_URL = url.replace("http", "https")
    return stage.run()


def standing_still(stage: Stage) -> Workflow:
    """Klaviyo took the import and does not begin with it."""
    stage.open()
    stage.klaviyo.import_settings(lag_seconds=DAY_SECONDS)
    return stage.rest_losing_patience(stage.company.start(), when=_was_looked_at, after=HALF_AN_HOUR)


def _was_looked_at(workflow: Workflow) -> bool:
    return workflow.steps.filter(kind="jobs", checkpoint__has_key="moved_at").exists()


def talking_nonsense(stage: Stage) -> Workflow:
    """Klaviyo's answers are cut off in their middle, as if they were whole."""
    stage.open()
    stage.klaviyo.fault("truncate_json", method="GET", path="^GET /api/lists$")
    return stage.run()


def retired(stage: Stage) -> Workflow:
    """Klaviyo does not serve our revision any more."""
    stage.open()
    stage.klaviyo.fault("status", status=410, path="lists")
    return stage.run()


def deaf_to_removals(stage: Stage) -> Workflow:
    """Klaviyo says yes to every removal and removes nobody."""
    company = stage.open()
    company.write(people(5))
    stage.run()
    company.write(people(3))
    # Looking more often would not help.
    stage.monkeypatch.setattr(verify, "LOOKS", 1)
    stage.klaviyo.fault("status", status=204, body="", method="DELETE", path="relationships/profiles")
    return stage.run()


def slowing_down(stage: Stage) -> Workflow:
    """Klaviyo asks to slow down, whatever is asked: other apps use up the account's limits."""
    stage.open(**SPARE_WAY)
    stage.klaviyo.fault("status", status=429, seconds=30)
    return stage.run()
