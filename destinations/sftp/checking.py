"""Testing a key of SFTP: log in, look at the folder, say in a sentence what was found."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from credentials import vault
from credentials.models import Credential, CredentialKind
from credentials.probes import HostKeyChanged, HostKeyUnknown, NoHostKey, Opened, ProbeFailed
from destinations.clock import Clock, SystemClock
from destinations.errors import DeliveryError
from destinations.models import Destination
from destinations.sftp.address import Address, Timeouts
from destinations.sftp.connection import Connection
from destinations.sftp.faults import HostKeyRefused
from destinations.sftp.session import Abilities, Session, open_session

DEFAULT_FOLDERS = {CredentialKind.KLAVIYO_SFTP: "profiles", CredentialKind.SFTP: "."}


@dataclass(frozen=True)
class Login:
    """What logging in has shown: `files` lie in `folder`; `abilities` is None where writing was not tried."""

    address: Address
    folder: str
    files: int
    abilities: Abilities | None

    @property
    def told(self) -> str:
        return _detail(self.folder, self.files, self.abilities)


def random_test_name() -> str:
    return f"rollcall-test-{secrets.token_hex(8)}"


def probe(
    credential: Credential,
    *,
    folder: str = "",
    clock: Clock | None = None,
    timeouts: Timeouts | None = None,
    random_name: Callable[[], str] = random_test_name,
) -> Opened:
    """Test a credential of either kind and keep what was found on it.

    `folder` is where files will go, when that is not the credential's own. A `klaviyo_sftp` login never
    writes, for every file there starts an import. Raises HostKeyUnknown,
    HostKeyChanged and ProbeFailed with a sentence.
    """
    clock = clock or SystemClock()
    try:
        login = try_login(credential, folder=folder, clock=clock, timeouts=timeouts, random_name=random_name)
    except HostKeyRefused as error:
        raise _as_probe(error) from None
    except DeliveryError as error:
        raise ProbeFailed(error.message) from None
    except vault.VaultError as error:
        raise ProbeFailed(str(error)) from None
    _check_account(credential, login.address)
    keep_login(credential, login, at=clock.now())
    name = login.address.account_name[:200]
    return Opened(login.address.account_id, name, scopes=(), detail=login.told)


def try_login(
    credential: Credential,
    *,
    folder: str = "",
    clock: Clock | None = None,
    timeouts: Timeouts | None = None,
    random_name: Callable[[], str] = random_test_name,
) -> Login:
    """Log in with a credential, stored or not, and look at a folder; nothing is kept.

    Raises what `open_session` and its listing raise.
    """
    folder = folder or folder_of(credential)
    with open_session(credential, clock=clock or SystemClock(), timeouts=timeouts) as session:
        files = len(session.listing(folder))
        abilities = _try_out(session, credential, folder, random_name)
        return Login(session.address, folder, files, abilities)


def log_in(credential: Credential, *, clock: Clock, timeouts: Timeouts | None = None) -> None:
    """Log in with a credential, stored or not, and leave again. Raises what `open_session` raises."""
    open_session(credential, clock=clock, timeouts=timeouts).close()


def keep_login(credential: Credential, login: Login, *, at: datetime) -> None:
    """Keep on a credential what logging in with it has shown, and pin the server on its destinations."""
    name = login.address.account_name[:200]
    with transaction.atomic():
        kept = credential.note_test(account_id=login.address.account_id, account_name=name, scopes=(), at=at)
        if not kept:
            return
        unpinned = Destination.objects.filter(credential=credential, account_id="")
        unpinned.update(account_id=login.address.account_id, account_name=name)
        if login.abilities is not None:
            # Read again under the lock: somebody may have pinned a host key meanwhile.
            fresh = Credential.objects.select_for_update().get(pk=credential.pk)
            fresh.settings = {**fresh.settings, "can_rename": login.abilities.can_rename}
            fresh.save(update_fields=["settings"])
            credential.settings = fresh.settings


def host_key(credential: Credential, *, timeouts: Timeouts | None = None) -> tuple[str, str]:
    """Return type and fingerprint of the key the server presents; nobody logs in. Raises NoHostKey."""
    address = Address.of(credential.settings)
    if not address.host:
        raise NoHostKey("This credential does not say yet at which host to log in.")
    try:
        with Connection(address, pins=(), timeouts=timeouts or Timeouts()) as connection:
            presented = connection.presented()
    except DeliveryError as error:
        raise NoHostKey(error.message) from None
    return presented.type, presented.fingerprint


def folder_of(credential: Credential) -> str:
    """Return the folder that the settings name, else the usual one of the kind."""
    default = DEFAULT_FOLDERS.get(CredentialKind(credential.kind), ".")
    return str(credential.settings.get("folder") or default)


def _try_out(
    session: Session, credential: Credential, folder: str, random_name: Callable[[], str]
) -> Abilities | None:
    if credential.kind == CredentialKind.KLAVIYO_SFTP:
        return None
    return session.try_out(folder, random_name())


def _as_probe(error: HostKeyRefused) -> ProbeFailed:
    shown = error.presented
    if error.pinned:
        return HostKeyChanged(
            error.message, type=shown.type, fingerprint=shown.fingerprint, pinned=error.pinned
        )
    return HostKeyUnknown(error.message, type=shown.type, fingerprint=shown.fingerprint)


def _detail(folder: str, files: int, abilities: Abilities | None) -> str:
    held = {0: "is empty", 1: "holds 1 file"}.get(files, f"holds {files:,} files")
    found = f"The folder “{folder}” is there and {held}"
    if abilities is None:
        return f"{found}. Writing was not tried: a file there would start an import."
    if not abilities.may_write:
        return f"{found}, but this login may not write into it."
    if not abilities.can_rename:
        return f"{found}. This login may write into it, but not rename files."
    return f"{found}. This login may write into it and rename files."


def _check_account(credential: Credential, address: Address) -> None:
    """People must not go to another server because somebody changed the host of a credential."""
    others = credential.destinations.exclude(account_id__in=["", address.account_id]).order_by("name")
    if destination := others.first():
        raise ProbeFailed(
            f'Credential "{credential.name}" logs in at {address}, but destination "{destination.name}" was '
            "made for another server or user. Put the old settings back, or make a new destination."
        )
