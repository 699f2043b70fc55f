"""Ways out of an account that does not let us in: another account, more scopes, an address to be allowed."""

from contextlib import suppress

from django.db.models import QuerySet

from credentials import vault
from credentials.models import Credential
from destinations import accounts_check, keeping
from destinations.accounts_check import Tested
from destinations.errors import DeliveryError
from destinations.models import Destination
from workflows import decisions
from workflows.clock import Clock
from workflows.models import Workflow
from workflows.moves import LIVE, STOPPED, State
from workflows.resolutions import opening
from workflows.resolutions.going_on import restart, resume
from workflows.resolutions.keys import secret_fields
from workflows.resolutions.offers import (
    RESOLVE,
    Answers,
    Field,
    Kind,
    Person,
    Refused,
    Resolution,
    Resolved,
    Trouble,
    Way,
)
from workflows.resolutions.opening import KEY, Tried
from workflows.resolutions.permissions import APPROVES, KEEPS_CREDENTIALS
from workflows.words import counted


def _new_account(workflow: Workflow) -> tuple[str, str]:
    """Id and name of the account that the key opens; empty when that is not known."""
    found = workflow.error.get("account") or {}
    return found.get("id", ""), found.get("name", "")


def _moving(credential: Credential, account_id: str) -> list[Destination]:
    """The destinations that would feed the other account: all that this credential opens."""
    pinned = credential.destinations.exclude(account_id__in=["", account_id])
    return list(pinned.select_related("credential").order_by("name"))


def _under_way(moving: list[Destination], workflow: Workflow) -> QuerySet[Workflow]:
    """The other runs that are for the lists of the account these destinations leave."""
    open_ones = Workflow.objects.filter(
        orchestration__template__destination__in=moving, state__in=sorted(LIVE)
    ).exclude(pk=workflow.pk)
    left = {each.account_id for each in moving}
    return open_ones.filter(account_id__in=left).select_related("orchestration").order_by("pk")


def _offer_account(trouble: Trouble) -> Resolution | None:
    workflow = trouble.workflow
    account_id, name = _new_account(workflow)
    if workflow.state != State.PAUSED or not account_id:
        return None
    destination = opening.destination_of(workflow)
    moving = _moving(destination.credential, account_id)
    if not moving:
        return None
    names = ", ".join(f"“{each}”" for each in moving)
    expected = name or account_id
    under_way = _under_way(moving, workflow).count()
    stops = (
        f" Stops {counted(under_way, 'other run')} of theirs, made for the old account." if under_way else ""
    )
    sftp = (
        " Their SFTP credentials belong to the old account and are taken off." if _with_files(moving) else ""
    )
    return Resolution(
        "accept_account",
        f"Accept “{expected}” as the new account",
        f"Pins {names} to “{expected}” ({account_id}) instead of “{destination.account_name}” "
        f"({destination.account_id}), and compares anew with the lists of that account. "
        f"What is on “{workflow.list_name}” in the old account stays as it is.{stops}{sftp}",
        steps=(
            "Make sure that this is the account you mean",
            "Type its name",
            "Rollcall reads the key’s account once more, then starts a linked run from the query on",
        ),
        verb=RESOLVE,
        fields=(Field("account", Kind.TYPED, "Name of the new account", expected=expected),),
        numbers=(
            ("Destinations that move", len(moving)),
            ("Other runs that are stopped", under_way),
            *opening.waiting_numbers(workflow, 0),
        ),
        permission=APPROVES,
    )


def _with_files(moving: list[Destination]) -> bool:
    return any(each.sftp_credential_id for each in moving)


def _probe_account(trouble: Trouble, answers: Answers, clock: Clock) -> Tested:
    credential = opening.destination_of(trouble.workflow).credential
    tested = _test(credential, clock, accept_account=True)
    if tested.account.id != _new_account(trouble.workflow)[0]:
        told = (
            f"The key opens “{tested.account.name}” ({tested.account.id}) now, which is yet another account."
        )
        raise Refused(f"{told} Retry, and look at what it says then.", field="account")
    opening.told(tested, field="account")
    return tested


def _test(credential: Credential, clock: Clock, *, accept_account: bool = False) -> Tested:
    try:
        secret = vault.reveal(credential)
        return accounts_check.check_secret(credential, secret, accept_account=accept_account, clock=clock)
    except DeliveryError as error:
        raise Refused(error.message) from None
    except vault.VaultError as error:
        raise Refused(str(error)) from None


def _accept(trouble: Trouble, answers: Answers, probed: object, person: Person, clock: Clock) -> Resolved:
    if not isinstance(probed, Tested):
        raise TypeError("an account is read before it is accepted")
    account, workflow = probed.account, trouble.workflow
    credential = opening.destination_of(workflow).credential
    moving = _moving(credential, account.id)
    stopped = _stop(_under_way(moving, workflow), person, clock)
    for each in moving:
        keeping.repin(each, account_id=account.id, name=account.name, by=person.account)
    accounts_check.keep_test(credential, probed, at=clock.now())
    # The row that the run is started from was read before it was changed.
    workflow.orchestration.template.destination.refresh_from_db()
    note = f"“{account.name}” ({account.id}) is fed by {counted(len(moving), 'destination')} from now on."
    facts = {"account": account.id, "moved": len(moving), "stopped": stopped}
    return Resolved(restart(trouble, person, clock), note, facts)


def _stop(workflows: QuerySet[Workflow], person: Person, clock: Clock) -> int:
    """Stop runs whose plans are of an account that is left; one that just ended need not be."""
    stopped = 0
    for each in workflows:
        with suppress(decisions.Stale):
            decisions.cancel(each, by=person.name, clock=clock)
            stopped += 1
    return stopped


# -- scopes


def _needed(workflow: Workflow) -> tuple[str, ...]:
    return tuple(workflow.error.get("scopes") or ("of the call that was refused",))


def _offer_scopes(trouble: Trouble) -> Resolution | None:
    workflow = trouble.workflow
    if workflow.state not in STOPPED:
        return None
    credential = opening.destination_of(workflow).credential
    needed = " and ".join(_needed(workflow))
    others = opening.waiting_too(credential, workflow).count()
    return Resolution(
        "add_scopes",
        "Give the key the scopes it needs",
        f"Tries the scopes of the key again, and goes on when it has {needed}. Klaviyo tells of read scopes "
        f"alone; whether a key may write, the next call shows. {opening.waits(workflow, others)}",
        steps=(
            "In Klaviyo, open Settings, then API keys",
            "The scopes of a key cannot be changed there: clone it",
            f"Choose {needed} beside the scopes it has",
            "Paste the new key here. Leave it empty when the key that is stored was given what it lacks",
        ),
        verb=RESOLVE,
        fields=secret_fields(credential, required=False),
        numbers=opening.waiting_numbers(workflow, others),
        permission=KEEPS_CREDENTIALS,
    )


def _probe_scopes(trouble: Trouble, answers: Answers, clock: Clock) -> Tried:
    workflow = trouble.workflow
    credential = opening.destination_of(workflow).credential
    if secret := answers.one(KEY):
        tried = opening.try_secret(credential, secret, "", clock)
    else:
        tested = _test(credential, clock)
        tried = Tried(opening.told(tested), tested=tested)
    scopes = tried.tested.scopes if tried.tested else {}
    if missing := [scope for scope in _needed(workflow) if scopes.get(scope) == "missing"]:
        raise Refused(f"The key still lacks {' and '.join(missing)}.", field=KEY)
    return tried


def _with_scopes(
    trouble: Trouble, answers: Answers, probed: object, person: Person, clock: Clock
) -> Resolved:
    if not isinstance(probed, Tried) or probed.tested is None:
        raise TypeError("scopes are tried before a run goes on")
    credential = opening.destination_of(trouble.workflow).credential
    if secret := answers.one(KEY):
        opening.store(credential, secret, "", probed, person, clock)
    else:
        accounts_check.keep_test(credential, probed.tested, at=clock.now())
    return Resolved(resume(trouble, person, clock), probed.told, {"credential": str(credential.pk)})


# -- the network in front of Klaviyo


def _offer_address(trouble: Trouble) -> Resolution | None:
    workflow = trouble.workflow
    if workflow.state not in STOPPED:
        return None
    return Resolution(
        "allow_address",
        "Have this address allowed, then go on",
        f"Asks Klaviyo for the account once; when it answers, this run goes on. {opening.waits(workflow)}",
        steps=(
            "Find the address from which this server reaches the internet",
            "Ask Klaviyo’s support to allow it; one that many share is blocked again and again",
            "Or let this server leave by an address of your own",
            "Press Resolve: Rollcall tries once, then goes on",
        ),
        verb=RESOLVE,
        numbers=opening.waiting_numbers(workflow, 0),
    )


def _probe_address(trouble: Trouble, answers: Answers, clock: Clock) -> Tested:
    return _test(opening.destination_of(trouble.workflow).credential, clock)


def _go_on(trouble: Trouble, answers: Answers, probed: object, person: Person, clock: Clock) -> Resolved:
    return Resolved(resume(trouble, person, clock), "Klaviyo answers again.")


WAYS = (
    Way("accept_account", _offer_account, _accept, probe=_probe_account),
    Way("add_scopes", _offer_scopes, _with_scopes, probe=_probe_scopes),
    Way("allow_address", _offer_address, _go_on, probe=_probe_address),
)
