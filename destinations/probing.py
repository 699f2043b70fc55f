"""How the credentials room tests a key without knowing what it opens."""

from credentials import probes
from credentials.models import Credential
from destinations.accounts_check import check_credential
from destinations.errors import DeliveryError
from destinations.registry import PLUGINS


def register() -> None:
    """Hand in a probe for the kind of credential of every plugin."""
    for plugin in PLUGINS.values():
        probes.register(plugin.credential_kind, probe)


def probe(credential: Credential) -> probes.Opened:
    """Return what a key opens. Raises ProbeFailed with the sentence of the error."""
    try:
        tested = check_credential(credential)
    except DeliveryError as error:
        raise probes.ProbeFailed(error.message) from None
    granted = tuple(scope for scope, found in tested.scopes.items() if found == "granted")
    return probes.Opened(tested.account.id, tested.account.name, granted, tested.missing)
