"""The way through a credential: whose account it opens, what it may read there, and never into another."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db.models import Min
from django.views.decorators.debug import sensitive_variables

from credentials import vault
from credentials.models import Credential
from credentials.probes import Opened, ProbeFailed
from destinations import keeping, limiter
from destinations.clock import Clock, SystemClock
from destinations.errors import DeliveryError, NeedsDecision
from destinations.gateway import MAX_WAIT, Hooks
from destinations.klaviyo.answers import Account
from destinations.models import Destination
from destinations.registry import PLUGINS, Plugin, Session, provisional_account


@dataclass(frozen=True)
class Tested:
    """What a test found. `scopes` says of each `granted`, `missing` or `unknown`."""

    account: Account
    scopes: dict[str, str] = field(default_factory=dict)

    @property
    def missing(self) -> tuple[str, ...]:
        return tuple(scope for scope, found in self.scopes.items() if found == "missing")


def open_checked(
    destination: Destination, *, clock: Clock, hooks: Hooks | None = None, max_wait: timedelta = MAX_WAIT
) -> Session:
    """Open a destination with its credential; use the session as a context manager.

    A secret nobody has tested, such as one that replaced another, is tested first, and it is that very secret
    which is then used. The account's limits are used to the share that its destinations say. Raises
    NeedsDecision(wrong_account) when it opens another account than the one pinned, and whatever
    `check_credential` raises.
    """
    credential = destination.credential
    opens = credential.account_id or check_credential(credential, clock=clock, hooks=hooks).account.id
    if destination.account_id not in ("", opens):
        raise NeedsDecision(
            "wrong_account",
            f'The key of credential "{credential.name}" opens another account than destination '
            f'"{destination.name}" was made for. Paste a key of that account.',
            facts=_facts(opens, credential.account_name),
        )
    open_session = opener(PLUGINS[destination.plugin])
    return open_session(
        vault.reveal(credential),
        opens,
        clock=clock,
        hooks=hooks,
        max_wait=max_wait,
        share=rate_share(destination),
    )


def rate_share(destination: Destination) -> int:
    """Return how many percent of the vendor's limits we use: the least of what its account's say.

    The vendor counts by account, and so do all workers together.
    """
    return (
        keeping.of_account(destination).aggregate(least=Min("rate_share"))["least"] or destination.rate_share
    )


def check_credential(
    credential: Credential,
    *,
    accept_account: bool = False,
    clock: Clock | None = None,
    hooks: Hooks | None = None,
) -> Tested:
    """Open an account with a credential, keep what was found on it, and pin it on its destinations.

    Raises NeedsDecision with a sentence that names the credential: invalid_credentials, permission_missing,
    wrong_account (when a destination was pinned to another account, unless `accept_account`); RetryLater
    and HoldOn when it could not be tried now; VaultError when there is no secret to try with.
    """
    clock = clock or SystemClock()
    tested = _tried(credential, vault.reveal(credential), clock, hooks)
    if not accept_account:
        _check_account(credential, tested.account)
    keep_test(credential, tested, at=clock.now(), everywhere=accept_account)
    return tested


@sensitive_variables("secret")
def check_secret(
    credential: Credential, secret: str, *, accept_account: bool = False, clock: Clock | None = None
) -> Tested:
    """Open an account with a key that is not stored (yet) in `credential`; nothing is kept.

    A person waits for the answer, so an account that failed is tried at once. Raises as `check_credential`
    does, wrong_account as well.
    """
    limiter.try_at_once(_account_of(credential))
    tested = _tried(credential, secret, clock or SystemClock())
    if not accept_account:
        _check_account(credential, tested.account)
    return tested


def check_for(destination: Destination, credential: Credential, *, clock: Clock | None = None) -> Tested:
    """Open an account with a credential that `destination` does not have (yet); nothing is kept.

    Raises as `check_credential` does: wrong_account when it is not the one the destination is pinned to.
    """
    tested = check_secret(credential, vault.reveal(credential), clock=clock)
    if destination.account_id not in ("", tested.account.id):
        raise _wrong_account(credential, tested.account, destination)
    return tested


def keep_test(credential: Credential, tested: Tested, *, at: datetime, everywhere: bool = False) -> None:
    """Keep on a credential what a test of its secret found, and pin the account on its destinations.

    `everywhere` pins it on those that were pinned to another account as well.
    """
    account = tested.account
    granted = [scope for scope, found in tested.scopes.items() if found == "granted"]
    credential.note_test(account_id=account.id, account_name=account.name[:200], scopes=granted, at=at)
    _pin(credential, account, everywhere=everywhere)


@sensitive_variables("secret")
def _tried(credential: Credential, secret: str, clock: Clock, hooks: Hooks | None = None) -> Tested:
    open_session = opener(_plugin_for(credential))
    account_id = _account_of(credential)
    try:
        with open_session(secret, account_id, clock=clock, hooks=hooks) as session:
            account = session.client.account()
            return Tested(account, session.client.scopes(granted=("accounts:read",)))
    except NeedsDecision as error:
        raise _named(credential, error) from None


def probe(credential: Credential) -> Opened:
    """Test a credential for the room that keeps it. Raises ProbeFailed with a sentence."""
    try:
        tested = check_credential(credential)
    except DeliveryError as error:
        raise ProbeFailed(error.message) from None
    except vault.VaultError as error:
        raise ProbeFailed(str(error)) from None
    granted = tuple(scope for scope, found in tested.scopes.items() if found == "granted")
    return Opened(tested.account.id, tested.account.name, granted, tested.missing)


def _plugin_for(credential: Credential) -> Plugin:
    for plugin in PLUGINS.values():
        if plugin.credential_kind == credential.kind:
            return plugin
    raise ValueError(f"no destination is opened by a {credential.kind}")


def opener(plugin: Plugin) -> Callable[..., Session]:
    """Return what opens an account of the plugin. Raises ValueError for one that has none."""
    if plugin.open is None:
        raise ValueError(f"{plugin.label} takes files; there is no account to open")
    return plugin.open


def _account_of(credential: Credential) -> str:
    """Whose limits hold for a credential; a name that no account has while that is not known."""
    return _pinned(credential) or credential.account_id or provisional_account(credential.pk)


def _pinned(credential: Credential) -> str:
    found = credential.destinations.exclude(account_id="").values_list("account_id", flat=True)
    return found.order_by("pk").first() or ""


def _check_account(credential: Credential, account: Account) -> None:
    others = credential.destinations.exclude(account_id__in=["", account.id])
    destination = others.order_by("name").first()
    if destination is None:
        return
    raise _wrong_account(credential, account, destination)


def _wrong_account(credential: Credential, account: Account, destination: Destination) -> NeedsDecision:
    return NeedsDecision(
        "wrong_account",
        f'The key of credential "{credential.name}" opens the account "{account.name}" ({account.id}), but '
        f'destination "{destination.name}" feeds "{destination.account_name}" ({destination.account_id}). '
        "Paste a key of that account.",
        facts=_facts(account.id, account.name),
    )


def _facts(account_id: str, name: str) -> dict[str, dict[str, str]]:
    return {"account": {"id": account_id, "name": name}}


def _pin(credential: Credential, account: Account, *, everywhere: bool) -> None:
    destinations = Destination.objects.filter(credential=credential)
    if not everywhere:
        destinations = destinations.filter(account_id__in=["", account.id])
    destinations.update(account_id=account.id, account_name=account.name[:200])


def _named(credential: Credential, error: NeedsDecision) -> NeedsDecision:
    if error.code == "invalid_credentials":
        message = (
            f'Klaviyo rejected the key of credential "{credential.name}" (401). Paste a new private key.'
        )
    else:
        message = f'Credential "{credential.name}": {error.message}'
    return NeedsDecision(
        error.code, message, status=error.status, error_ids=error.error_ids, facts=error.facts
    )
