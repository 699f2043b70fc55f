"""The secrets a workflow opens things with: which one is at fault, trying another, and storing it."""

from collections.abc import Iterator
from dataclasses import dataclass

from django.db.models import Q, QuerySet
from django.views.decorators.debug import sensitive_variables

from audiences import sources
from audiences.errors import SourceError
from audiences.models import Source
from credentials import keeping, vault
from credentials.models import Credential, CredentialKind
from destinations import accounts_check, paths
from destinations.accounts_check import Tested
from destinations.errors import DeliveryError
from destinations.models import Destination
from destinations.sftp import checking
from destinations.sftp.checking import Login
from workflows.clock import Clock
from workflows.models import Workflow
from workflows.moves import LIVE, State
from workflows.resolutions.offers import NotOffered, Person, Refused
from workflows.words import counted, people

KEY = "key"
# Without these nothing can be compared and nothing delivered.
NEEDED_SCOPES = ("accounts:read", "lists:read", "profiles:read")
SCOPES = ("accounts:read", "lists:read", "lists:write", "profiles:read", "profiles:write")
OF_KEYS = ("invalid_credentials", "permission_missing", "wrong_account", "secret_unreadable")


@dataclass(frozen=True)
class Tried:
    """A secret that did open what it should: `told` says what, the rest is kept with it."""

    told: str
    tested: Tested | None = None
    login: Login | None = None


def destination_of(workflow: Workflow) -> Destination:
    """The destination as it is now; a workflow keeps to the one it was started for."""
    known = Destination.objects.select_related("credential", "sftp_credential")
    return known.get(pk=workflow.config["destination"]["id"])


def server_credential(workflow: Workflow) -> Credential | None:
    """The credential of the server that files go to."""
    return paths.files_credential(destination_of(workflow))


def at_fault(workflow: Workflow) -> Credential | None:
    """The credential that a workflow with this code stopped at, None when all can be opened again."""
    if workflow.code != "secret_unreadable":
        return destination_of(workflow).credential
    return next((each for each in _opened_by(workflow) if not _readable(each)), None)


def _opened_by(workflow: Workflow) -> Iterator[Credential]:
    destination = destination_of(workflow)
    source = Source.objects.select_related("credential").filter(queries__id=workflow.config["query"]["id"])
    yield destination.credential
    yield from filter(None, (destination.sftp_credential, *(each.credential for each in source)))


def _readable(credential: Credential) -> bool:
    try:
        vault.reveal(credential)
    except vault.VaultError:
        return False
    return True


# -- who waits


def people_of_plan(workflow: Workflow) -> int | None:
    """How many people a plan changes something for; None before there is one."""
    plan = workflow.plan
    return sum(plan.get(name, 0) for name in ("adds", "removes", "updates")) if plan else None


def waiting_too(credential: Credential, workflow: Workflow) -> QuerySet[Workflow]:
    """Other workflows that this credential keeps from going on."""
    stopped = Q(state=State.PAUSED, code__in=OF_KEYS) | Q(reason="circuit")
    opened = Q(orchestration__template__destination__credential=credential)
    # Only what is under way waits for anything; of a long history that is little, and found by its state.
    under_way = Workflow.objects.filter(state__in=sorted(LIVE))
    return under_way.filter(stopped, opened).exclude(pk=workflow.pk)


def waits(workflow: Workflow, others: int = 0) -> str:
    """Say in a sentence who waits: people of the plan, and other workflows where there are any."""
    number = people_of_plan(workflow)
    plan = "It stopped before anybody was counted" if number is None else f"{people(number)} of its plan wait"
    if not others:
        return f"{plan}."
    return f"{plan}; {counted(others, 'other workflow')} {'waits' if others == 1 else 'wait'} for this too."


def waiting_numbers(workflow: Workflow, others: int) -> tuple[tuple[str, int], ...]:
    number = people_of_plan(workflow)
    plan = () if number is None else (("People of this plan", number),)
    return (*plan, ("Other workflows that wait", others)) if others else plan


# -- trying and storing


@sensitive_variables("secret", "passphrase")
def try_secret(credential: Credential, secret: str, passphrase: str, clock: Clock) -> Tried:
    """Open what a credential opens with another secret; nothing is kept. Raises Refused."""
    try:
        made = vault.candidate(credential, secret, passphrase=passphrase or None)
        return _try(made, secret, clock)
    except (vault.RefusedSecret, vault.VaultError) as error:
        raise Refused(str(error), field=KEY) from None
    except (DeliveryError, SourceError) as error:
        raise Refused(error.message, field=KEY) from None


@sensitive_variables("secret")
def _try(made: Credential, secret: str, clock: Clock) -> Tried:
    if made.is_ssh_key:
        login = checking.try_login(made, clock=clock)
        return Tried(login.told, login=login)
    if made.kind == CredentialKind.DATABASE_PASSWORD:
        return _try_sources(made)
    tested = accounts_check.check_secret(made, secret, clock=clock)
    return Tried(told(tested), tested=tested)


def _try_sources(made: Credential) -> Tried:
    opened = []
    for source in Source.objects.filter(credential_id=made.pk).order_by("name"):
        source.credential = made
        tables = len(sources.test(source).tables)
        opened.append(f"“{source}” ({counted(tables, 'table')})")
    return Tried(f"The password opens {', '.join(opened) or 'nothing yet'}.")


def told(tested: Tested, *, field: str = KEY) -> str:
    """Say what a key opens. Raises Refused when it lacks what every delivery needs."""
    if lacking := [scope for scope in tested.missing if scope in NEEDED_SCOPES]:
        raise Refused(
            f"The key opens “{tested.account.name}” and lacks {' and '.join(lacking)}: nothing can be "
            "compared with it. Make a key with these scopes.",
            field=field,
        )
    lacks = (
        f" It lacks {', '.join(tested.missing)}, which deliveries can do without." if tested.missing else ""
    )
    return f"The key opens “{tested.account.name}” ({tested.account.id}).{lacks}"


@sensitive_variables("secret", "passphrase")
def store(
    credential: Credential, secret: str, passphrase: str, tried: Tried, person: Person, clock: Clock
) -> None:
    """Seal a secret that was tried, with what it was found to open. Raises NotOffered when it is too late."""
    try:
        keeping.replace(credential, secret, by=person.account, passphrase=passphrase or None)
    except vault.StaleCredential as stale:
        raise NotOffered(str(stale)) from stale
    if tried.tested:
        accounts_check.keep_test(credential, tried.tested, at=clock.now())
    if tried.login:
        checking.keep_login(credential, tried.login, at=clock.now())
