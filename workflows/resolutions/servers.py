"""Ways out of a server of files that is not the one it was, or does not let us in."""

from dataclasses import dataclass, replace
from typing import Any

from credentials import addresses, host_keys, probes, vault
from credentials import keeping as secrets_kept
from credentials.host_keys import Pin
from credentials.models import Credential
from destinations import keeping, paths
from destinations.errors import DeliveryError
from destinations.models import Path
from destinations.registry import PLUGINS
from destinations.sftp import checking
from destinations.sftp.address import Address
from workflows.clock import Clock
from workflows.models import Workflow
from workflows.moves import STOPPED, State
from workflows.resolutions import opening
from workflows.resolutions.going_on import restart, resume
from workflows.resolutions.keys import PASSPHRASE, secret_fields
from workflows.resolutions.offers import (
    RESOLVE,
    Answers,
    Field,
    Kind,
    NotAllowed,
    NotOffered,
    Person,
    Refused,
    Resolution,
    Resolved,
    Trouble,
    Way,
)
from workflows.resolutions.opening import KEY
from workflows.resolutions.permissions import APPROVES, KEEPS_CREDENTIALS, KEEPS_DESTINATIONS, KEEPS_TEMPLATES
from workflows.words import counted

FINGERPRINT, USER, FOLDER = "fingerprint", "user", "folder"


def _credential(workflow: Workflow) -> Credential:
    credential = opening.server_credential(workflow)
    if credential is None:
        raise NotOffered("The destination has no SFTP credential any more.")
    return credential


def _at_stake(workflow: Workflow) -> Credential | None:
    """The credential of the server that a stopped workflow sends files to; None for any other workflow."""
    return opening.server_credential(workflow) if workflow.state in STOPPED else None


def _server(credential: Credential) -> Address:
    return Address.of(credential.settings)


# -- the key of the server


def _offer_host_key(trouble: Trouble) -> Resolution | None:
    workflow = trouble.workflow
    shown = workflow.error.get("presented", "")
    credential = _at_stake(workflow)
    if not shown or credential is None:
        return None
    server, presented = _server(credential), host_keys.parse(shown)
    before = [str(pin) for pin in host_keys.pinned(credential)]
    instead = f" instead of {' and '.join(before)}" if before else ""
    known = tuple(f"Accepted until now: {pin}" for pin in before)
    return Resolution(
        "accept_host_key",
        "Accept the new host key" if before else "Accept the host key",
        f"Pins the key {presented.fingerprint} of the server {server} for credential "
        f"“{credential}”{instead}, and goes on. Whoever holds that key gets the files. "
        f"{opening.waits(workflow)}",
        steps=(
            *known,
            f"Shown now: {shown}",
            "Ask whoever runs the server for its fingerprint, by another way than this connection",
            "Type it: it must be the one that is shown",
        ),
        verb=RESOLVE,
        fields=(
            Field(
                FINGERPRINT,
                Kind.TYPED,
                "Fingerprint from the server’s owner",
                help="SHA256: and 43 characters.",
                expected=presented.fingerprint,
            ),
        ),
        numbers=(("Keys accepted until now", len(before)), *opening.waiting_numbers(workflow, 0)),
        permission=APPROVES if before else KEEPS_CREDENTIALS,
    )


def _probe_host_key(trouble: Trouble, answers: Answers, clock: Clock) -> Pin:
    presented = _presented(_credential(trouble.workflow))
    if str(presented) != trouble.workflow.error.get("presented"):
        told = f"The server shows yet another key now: {presented}. Retry, and compare that one."
        raise Refused(told, field=FINGERPRINT)
    return presented


def _presented(credential: Credential) -> Pin:
    try:
        return Pin(*checking.host_key(credential))
    except probes.NoHostKey as error:
        raise Refused(str(error), field=FINGERPRINT) from None


def _accept(trouble: Trouble, answers: Answers, probed: object, person: Person, clock: Clock) -> Resolved:
    if not isinstance(probed, Pin):
        raise TypeError("a key of a server is read before it is accepted")
    credential = _credential(trouble.workflow)
    _pin(credential, probed, person)
    facts = {"credential": str(credential.pk), "key": str(probed)}
    return Resolved(resume(trouble, person, clock), f"The key {probed} is pinned.", facts)


def _pin(credential: Credential, pin: Pin, person: Person) -> None:
    """Accept a key instead of those before; whoever has the command line is named by what they wrote."""
    by = person.user or person.name
    host_keys.accept(credential, type=pin.type, fingerprint=pin.fingerprint, by=by, replace=True)


# -- the login


@dataclass(frozen=True)
class Login:
    """A login that was tried: where, and whether as another user than before."""

    address: addresses.Address
    moved: bool


def _offer_login(trouble: Trouble) -> Resolution | None:
    workflow = trouble.workflow
    credential = _at_stake(workflow)
    if credential is None or not _server(credential).host:
        return None
    user, users = _server(credential).user, _users(credential)
    key, *more = secret_fields(credential, required=False)
    help_ = f"{key.help} Leave it empty to keep the key that is stored."
    return Resolution(
        "change_sftp_login",
        "Change user or key and test the login",
        f"Logs in at {_server(credential)} with what you enter, and stores it in credential “{credential}” "
        "only when the server lets it in. Everything that uses the credential follows: "
        f"{counted(users, 'destination')}. With another user, which only somebody who may approve plans can "
        f"choose, a linked run compares anew. {opening.waits(workflow)}",
        steps=(
            "Give the server the public half of the key, or get another key",
            "Enter what is different",
            "Rollcall logs in, then goes on",
        ),
        verb=RESOLVE,
        fields=(Field(USER, Kind.TEXT, "User name", value=user), replace(key, help=help_), *more),
        numbers=(("Destinations that use it", users), *opening.waiting_numbers(workflow, 0)),
        permission=KEEPS_CREDENTIALS,
    )


def _probe_login(trouble: Trouble, answers: Answers, clock: Clock) -> Login:
    workflow = trouble.workflow
    credential = _credential(workflow)
    user = answers.one(USER).strip() or _server(credential).user
    address = addresses.tidy(credential.kind, {**credential.settings, "user": user})
    if problem := addresses.problems(credential.kind, address).get("user"):
        raise Refused(problem, field=USER)
    moved = user != _server(credential).user
    if moved and workflow.feeds_a_file and opening.destination_of(workflow).account_id:
        told = (
            "This destination was made for that user of this server; another one needs another destination."
        )
        raise Refused(told, field=USER)
    tried = _with_secret(credential, answers)
    tried.settings = {**tried.settings, **address.as_settings()}
    _log_in(tried, clock, field=KEY if answers.one(KEY) else USER)
    return Login(address, moved)


def _with_secret(credential: Credential, answers: Answers) -> Credential:
    secret = answers.one(KEY)
    if not secret:
        return credential
    try:
        return vault.candidate(credential, secret, passphrase=answers.one(PASSPHRASE) or None)
    except vault.RefusedSecret as refused:
        raise Refused(str(refused), field=KEY) from None


def _log_in(credential: Credential, clock: Clock, *, field: str) -> None:
    try:
        checking.log_in(credential, clock=clock)
    except DeliveryError as error:
        raise Refused(error.message, field=field) from None
    except vault.VaultError as error:
        raise Refused(str(error), field=field) from None


def _change_login(
    trouble: Trouble, answers: Answers, probed: object, person: Person, clock: Clock
) -> Resolved:
    if not isinstance(probed, Login):
        raise TypeError("a login is tried before it is stored")
    if probed.moved and not person.may(APPROVES):
        # Files go elsewhere by it, for whoever else uses the credential too.
        raise NotAllowed("Your account may store another key, but not another user. Ask who approves plans.")
    credential = _credential(trouble.workflow)
    by, changed = person.account, []
    if secret := answers.one(KEY):
        try:
            secrets_kept.replace(credential, secret, by=by, passphrase=answers.one(PASSPHRASE) or None)
        except vault.StaleCredential as stale:
            raise NotOffered(str(stale)) from stale
        changed.append("key")
    changed += secrets_kept.readdress(credential, probed.address, by=by)
    go_on = restart if probed.moved else resume
    note = f"The server lets us in; {' and '.join(changed) or 'nothing'} of “{credential}” was changed."
    return Resolved(
        go_on(trouble, person, clock), note, {"credential": str(credential.pk), "fields": changed}
    )


# -- the server and user that a run was started for


def _planned_server(workflow: Workflow) -> dict[str, Any]:
    """Host, port and user that files were to go to, {} when nobody knows them any more."""
    destination = opening.destination_of(workflow)
    frozen = workflow.config["destination"]
    if not (workflow.feeds_a_file and destination.account_id):
        return frozen.get("sftp_server") or {}
    pinned = Address.named(destination.account_name)
    if pinned is None or pinned.account_id != destination.account_id:
        return {}
    return {"host": pinned.host, "port": pinned.port, "user": pinned.user}


def _offer_back(trouble: Trouble) -> Resolution | None:
    workflow = trouble.workflow
    credential = _at_stake(workflow)
    planned = _planned_server(workflow) if credential else {}
    if credential is None or not planned:
        return None
    before, now = Address.of(planned), _server(credential)
    elsewhere = (before.host, before.port) != (now.host, now.port)
    fields = (
        Field(
            FINGERPRINT,
            Kind.TEXT,
            "Fingerprint of its host key",
            help="From whoever runs the server: SHA256: and 43 characters. Left empty, it is asked for next.",
            required=False,
        ),
    )
    return Resolution(
        "put_server_back",
        "Put the server and user back",
        f"Lets credential “{credential}” log in at {before} as “{before.user}” again, where this run was "
        f"to send its files, instead of {now} as “{now.user}”. Everything that uses the credential "
        f"follows: {counted(_users(credential), 'destination')}. {opening.waits(workflow)}",
        steps=(
            "Make sure that this is the server you mean",
            "Rollcall reads its host key" if elsewhere else "Rollcall logs in there",
            "The run goes on",
        ),
        verb=RESOLVE,
        fields=fields if elsewhere else (),
        numbers=opening.waiting_numbers(workflow, 0),
        permission=KEEPS_CREDENTIALS,
    )


def _users(credential: Credential) -> int:
    return credential.destinations.count() + credential.sftp_destinations.count()


def _probe_back(trouble: Trouble, answers: Answers, clock: Clock) -> Pin | None:
    """Return the key that the server presents, when a person has named it."""
    credential = _credential(trouble.workflow)
    before, now = Address.of(_planned_server(trouble.workflow)), _server(credential)
    credential.settings = {**credential.settings, **_planned_server(trouble.workflow)}
    if (before.host, before.port) == (now.host, now.port):
        _log_in(credential, clock, field="")
        return None
    presented, typed = _presented(credential), answers.one(FINGERPRINT).strip()
    if not typed:
        return None
    if typed != presented.fingerprint:
        raise Refused(f"The server {before} shows another key: {presented.fingerprint}.", field=FINGERPRINT)
    return presented


def _put_back(trouble: Trouble, answers: Answers, probed: object, person: Person, clock: Clock) -> Resolved:
    credential = _credential(trouble.workflow)
    planned = _planned_server(trouble.workflow)
    address = addresses.tidy(credential.kind, {**credential.settings, **planned})
    changed = secrets_kept.readdress(credential, address, by=person.account)
    if isinstance(probed, Pin):
        _pin(credential, probed, person)
    facts = {"credential": str(credential.pk), "fields": list(changed)}
    return Resolved(resume(trouble, person, clock), f"“{credential}” is used at {address} again.", facts)


# -- the folder


def _offer_folder(trouble: Trouble) -> Resolution | None:
    workflow = trouble.workflow
    credential = _at_stake(workflow)
    if credential is None:
        return None
    destination = opening.destination_of(workflow)
    folder = paths.file_choices(destination).folder
    return Resolution(
        "change_folder",
        "Use another folder",
        f"Looks into the folder on {_server(credential)}, and puts the files of destination "
        f"“{destination}” there from now on instead of in “{folder}”. A linked run compares anew. "
        f"{opening.waits(workflow)}",
        steps=(
            "Name a folder that this login may write to",
            "Rollcall lists it",
            "A linked run sends the files",
        ),
        verb=RESOLVE,
        fields=(Field(FOLDER, Kind.TEXT, "Folder", value=folder),),
        numbers=opening.waiting_numbers(workflow, 0),
        permission=KEEPS_DESTINATIONS,
    )


def _probe_folder(trouble: Trouble, answers: Answers, clock: Clock) -> checking.Login:
    workflow = trouble.workflow
    folder = answers.one(FOLDER).strip()
    files = PLUGINS[opening.destination_of(workflow).plugin].files
    if found := files.choice_problems({FOLDER: folder}):
        raise Refused(found[0], field=FOLDER)
    try:
        login = checking.try_login(_credential(workflow), folder=folder, clock=clock)
    except DeliveryError as error:
        raise Refused(error.message, field=FOLDER) from None
    except vault.VaultError as error:
        raise Refused(str(error), field=FOLDER) from None
    if login.abilities is not None and not login.abilities.may_write:
        raise Refused(login.told, field=FOLDER)
    return login


def _change_folder(
    trouble: Trouble, answers: Answers, probed: object, person: Person, clock: Clock
) -> Resolved:
    if not isinstance(probed, checking.Login):
        raise TypeError("a folder is looked into before it is used")
    destination = trouble.workflow.orchestration.template.destination
    files = {**destination.settings.get("sftp", {}), FOLDER: probed.folder}
    keeping.change_files(destination, files, sftp_credential=destination.sftp_credential, by=person.account)
    facts = {"destination": str(destination.pk), "fields": [FOLDER]}
    return Resolved(restart(trouble, person, clock), probed.told, facts)


# -- another way


def _offer_fastest(trouble: Trouble) -> Resolution | None:
    workflow = trouble.workflow
    template = workflow.orchestration.template
    if workflow.state != State.PAUSED or workflow.feeds_a_file or template.path == Path.AUTO:
        return None
    used_by = counted(template.orchestrations.count(), "orchestration")
    return Resolution(
        "fastest_way",
        "Send by whatever is fastest",
        f"Changes the data template “{template}”, used by {used_by}, for good: each run takes the fastest "
        f"way that is open, SFTP too once it is. A linked run compares anew. {opening.waits(workflow)}",
        steps=("Change the data template", "A linked run estimates every way and takes the fastest"),
        numbers=opening.waiting_numbers(workflow, 0),
        permission=KEEPS_TEMPLATES,
    )


def _fastest(trouble: Trouble, answers: Answers, probed: object, person: Person, clock: Clock) -> Resolved:
    template = trouble.workflow.orchestration.template
    keeping.change_template(template, by=person.account, path=Path.AUTO)
    note = f"“{template}” sends by the fastest way from now on."
    return Resolved(restart(trouble, person, clock), note, {"template": str(template.pk)})


WAYS = (
    Way("accept_host_key", _offer_host_key, _accept, probe=_probe_host_key),
    Way("change_sftp_login", _offer_login, _change_login, probe=_probe_login),
    Way("put_server_back", _offer_back, _put_back, probe=_probe_back),
    Way("change_folder", _offer_folder, _change_folder, probe=_probe_folder),
    Way("fastest_way", _offer_fastest, _fastest),
)
