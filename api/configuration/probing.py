"""Trying keys before anything is written: does each open an account, and the one it is meant for."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from api.configuration import checks
from api.configuration.loading import Wanted
from credentials import vault
from credentials.kinds import SSH_KINDS
from credentials.models import Credential
from destinations.accounts_check import opener
from destinations.clock import Clock, SystemClock
from destinations.errors import Ambiguous, HoldOn, NeedsDecision, Rejected, RetryLater
from destinations.models import Destination
from destinations.registry import PLUGINS, Plugin, provisional_account


@dataclass(frozen=True)
class Account:
    """Whose account a key opens, and which scopes it was seen to have."""

    account_id: str
    account_name: str
    scopes: tuple[str, ...]


@dataclass(frozen=True)
class Findings:
    """What trying came to: accounts by the name of the credential, sentences for the rest."""

    accounts: Mapping[str, Account] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def probe(wanted: Wanted, *, clock: Clock | None = None) -> Findings:
    """Try every key that is new, or that opens a destination whose account is not known yet."""
    stored = {one.name: one for one in Credential.objects.all()}
    accounts: dict[str, Account] = {}
    found: list[str] = []
    warnings: list[str] = []
    for name, plugin in _to_try(wanted, stored).items():
        where = f"credentials › {name}"
        try:
            secret = wanted.secrets.get(name) or vault.reveal(stored[name])
            accounts[name] = _account(secret, plugin, stored.get(name), clock or SystemClock())
        except NeedsDecision as error:
            found.append(f"{where}: {_refused(plugin, error)} (With --no-test it is taken untried.)")
        except vault.VaultError as error:
            found.append(f"{where}: {error}")
        except (RetryLater, Rejected, Ambiguous, HoldOn) as error:
            warnings.append(f"{where}: the key could not be tried now. {error.message} A run will try it.")
    found += _of_other_accounts(wanted, accounts)
    return Findings(accounts, tuple(found), tuple(warnings))


def _to_try(wanted: Wanted, stored: Mapping[str, Credential]) -> dict[str, Plugin]:
    pinned = dict(Destination.objects.values_list("name", "account_id"))
    used = dict(Destination.objects.values_list("credential__name", "plugin"))
    used |= {one.credential: one.plugin for one in wanted.configuration.destinations.values()}
    unpinned = {
        one.credential for name, one in wanted.configuration.destinations.items() if not pinned.get(name)
    }
    kinds = checks.credential_kinds(wanted)
    return {
        name: PLUGINS[plugin]
        for name, plugin in sorted(used.items())
        # A key of SSH logs in nowhere before a person has accepted the key of its server.
        if kinds[name] == PLUGINS[plugin].credential_kind
        and kinds[name] not in SSH_KINDS
        and (name in unpinned or _is_new(name, wanted, stored))
    }


def _is_new(name: str, wanted: Wanted, stored: Mapping[str, Credential]) -> bool:
    if name not in wanted.secrets:
        return False
    before = stored.get(name)
    return before is None or not vault.holds(before, wanted.secrets[name])


def _account(secret: str, plugin: Plugin, stored: Credential | None, clock: Clock) -> Account:
    pace = (stored.account_id if stored else "") or provisional_account(stored.pk if stored else "new")
    with opener(plugin)(secret, pace, clock=clock) as session:
        account = session.client.account()
        scopes = session.client.scopes(granted=("accounts:read",))
    granted = tuple(scope for scope, found in scopes.items() if found == "granted")
    return Account(account.id, account.name[:200], granted)


def _refused(plugin: Plugin, error: NeedsDecision) -> str:
    if error.code == "invalid_credentials":
        return f"{plugin.label} rejected this key (401). Point to a private key that is valid."
    return error.message


def _of_other_accounts(wanted: Wanted, accounts: Mapping[str, Account]) -> list[str]:
    """A destination stays with the account it was made for: its lists and their history are there."""
    credentials = dict(Destination.objects.values_list("name", "credential__name"))
    credentials |= {name: one.credential for name, one in wanted.configuration.destinations.items()}
    found = []
    for destination in Destination.objects.exclude(account_id="").order_by("name"):
        opened = accounts.get(credentials[destination.name])
        if opened and opened.account_id != destination.account_id:
            found.append(
                f"destinations › {destination.name}: the key of “{credentials[destination.name]}” opens the "
                f"account “{opened.account_name}” ({opened.account_id}), but this destination feeds "
                f"“{destination.account_name}” ({destination.account_id}). Use a key of that account, or "
                "another name for the new destination."
            )
    return found
