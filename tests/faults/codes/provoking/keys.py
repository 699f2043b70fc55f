"""Trouble with credentials and with what their keys open."""

from base64 import urlsafe_b64encode

from credentials import vault
from destinations.klaviyo.limits import ENDPOINTS
from tests.faults.codes.provoking.upstream import PATIENCE, tried_often
from tests.faults.codes.stage import Stage
from workflows.models import Workflow

EVERY_SCOPE = {scope for endpoint in ENDPOINTS.values() for scope in endpoint.scopes}
OTHER_KEY = urlsafe_b64encode(bytes(range(32))).decode()


def revoked(stage: Stage) -> Workflow:
    """The key was taken away in Klaviyo."""
    stage.open()
    stage.prepared["second"] = stage.second_credential()
    stage.klaviyo.change(revoked=True)
    return stage.run()


def without_a_scope(stage: Stage) -> Workflow:
    """The key may read lists and not make any."""
    stage.open()
    stage.prepared["second"] = stage.second_credential()
    stage.klaviyo.change(scopes=sorted(EVERY_SCOPE - {"lists:write"}))
    return stage.run()


def blocked(stage: Stage) -> Workflow:
    """The network in front of Klaviyo answers every call with a page, for hours."""
    stage.open()
    stage.klaviyo.fault("status", status=403, body="html")
    return stage.rest_losing_patience(stage.company.start(), when=tried_often, after=PATIENCE)


def of_another_account(stage: Stage) -> Workflow:
    """Somebody pasted the key of another account."""
    company = stage.open()
    other = stage.simulator.account("Other Shop")
    stage.prepared["other"] = other
    vault.save_secret(company.credential, other.key)
    return stage.run()


def sealed_elsewhere(stage: Stage) -> Workflow:
    """CREDENTIALS_KEYS no longer holds the key that sealed the secret."""
    stage.open()
    stage.prepared["keys"] = stage.settings.CREDENTIALS_KEYS
    stage.settings.CREDENTIALS_KEYS = [OTHER_KEY]
    return stage.run()
