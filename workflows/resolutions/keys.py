"""Ways out of a key that does not open what it should: another one, tried before it is stored."""

from datetime import datetime

from django.utils import timezone

from credentials.models import Credential, CredentialKind
from credentials.vault import VaultError
from destinations import accounts_check, keeping
from destinations.accounts_check import Tested
from destinations.errors import DeliveryError
from destinations.models import Destination
from workflows.clock import Clock
from workflows.models import Workflow
from workflows.moves import STOPPED
from workflows.resolutions import opening
from workflows.resolutions.going_on import resume
from workflows.resolutions.offers import (
    RESOLVE,
    Answers,
    Choice,
    Field,
    Kind,
    NotOffered,
    Person,
    Refused,
    Resolution,
    Resolved,
    Trouble,
    Way,
)
from workflows.resolutions.opening import KEY, SCOPES, Tried
from workflows.resolutions.permissions import KEEPS_CREDENTIALS, KEEPS_DESTINATIONS

PASSPHRASE = "passphrase"  # noqa: S105 - the name of a field
KEY_LINES = 6
_LABELS = {
    CredentialKind.KLAVIYO_API_KEY: ("New private API key", "The whole key, from “pk_” on."),
    CredentialKind.DATABASE_PASSWORD: ("Password", "Of the user that the source names."),
    CredentialKind.KLAVIYO_SFTP: ("New private key", "The whole file, from -----BEGIN to -----END."),
    CredentialKind.SFTP: ("New private key", "The whole file, from -----BEGIN to -----END."),
}


def secret_fields(credential: Credential, *, required: bool = True) -> tuple[Field, ...]:
    """The fields that take another secret of a credential; it is kept nowhere but sealed."""
    label, words = _LABELS[CredentialKind(credential.kind)]
    lines = KEY_LINES if credential.is_ssh_key else 1
    words = f"{words} It is tried first, then stored encrypted, and never shown again."
    key = Field(KEY, Kind.SECRET, label, help=words, lines=lines, required=required)
    if not credential.is_ssh_key:
        return (key,)
    words = "Only when one protects the key. It is used once and not kept."
    return (key, Field(PASSPHRASE, Kind.SECRET, "Passphrase", help=words, required=False))


def _offer_replace(trouble: Trouble) -> Resolution | None:
    return _offer(trouble, "replace_key", "Replace the key and test it", "")


def _offer_back(trouble: Trouble) -> Resolution | None:
    workflow = trouble.workflow
    account = _account_of(opening.destination_of(workflow))
    return _offer(trouble, "put_key_back", f"Put a key of {account} back", account)


def _account_of(destination: Destination) -> str:
    if not destination.account_id:
        return "any account"
    return f"“{destination.account_name}” ({destination.account_id})"


def _offer(trouble: Trouble, name: str, label: str, account: str) -> Resolution | None:
    workflow = trouble.workflow
    credential = opening.at_fault(workflow) if workflow.state in STOPPED else None
    if credential is None:
        return None
    others = opening.waiting_too(credential, workflow).count()
    account = account or _account_of(opening.destination_of(workflow))
    is_api = credential.kind == CredentialKind.KLAVIYO_API_KEY
    opens = f"only when it opens {account}" if is_api else "only when it opens what this credential is for"
    return Resolution(
        name,
        label,
        f"Tries the new secret of credential “{credential}” and stores it {opens}. Then this run goes on "
        f"from the step that stopped. {opening.waits(workflow, others)}",
        steps=(
            *_where_from(credential),
            "Paste it here and press Resolve",
            "Rollcall tries it, then goes on",
        ),
        verb=RESOLVE,
        fields=secret_fields(credential),
        numbers=opening.waiting_numbers(workflow, others),
        permission=KEEPS_CREDENTIALS,
    )


def _where_from(credential: Credential) -> tuple[str, ...]:
    if credential.kind != CredentialKind.KLAVIYO_API_KEY:
        return ("Get the secret from whoever keeps the server",)
    return ("In Klaviyo, open Settings, then API keys", f"Make a private key with {', '.join(SCOPES)}")


def _probe(trouble: Trouble, answers: Answers, clock: Clock) -> Tried:
    credential = _at_fault(trouble.workflow)
    return opening.try_secret(credential, answers.one(KEY), answers.one(PASSPHRASE), clock)


def _at_fault(workflow: Workflow) -> Credential:
    credential = opening.at_fault(workflow)
    if credential is None:
        raise NotOffered("This credential can be opened again. Retry.")
    return credential


def _replace(trouble: Trouble, answers: Answers, probed: object, person: Person, clock: Clock) -> Resolved:
    if not isinstance(probed, Tried):
        raise TypeError("a key is tried before it is stored")
    credential = _at_fault(trouble.workflow)
    opening.store(credential, answers.one(KEY), answers.one(PASSPHRASE), probed, person, clock)
    facts = {"credential": str(credential.pk), "version": credential.version}
    return Resolved(resume(trouble, person, clock), probed.told, facts)


# -- another credential


def _offer_choice(trouble: Trouble) -> Resolution | None:
    workflow = trouble.workflow
    if workflow.state not in STOPPED:
        return None
    destination = opening.destination_of(workflow)
    others = Credential.objects.filter(kind=destination.credential.kind, version__gt=0)
    choices = tuple(
        _choice(each, destination) for each in others.exclude(pk=destination.credential_id).order_by("name")
    )
    if not choices:
        return None
    return Resolution(
        "choose_credential",
        "Choose another credential",
        f"Tries the chosen credential, then opens destination “{destination}” with it instead of "
        f"“{destination.credential}”, from now on and for each of its "
        f"{destination.templates.count():,} data templates. {opening.waits(workflow)}",
        steps=("Choose a credential of the same account", "Rollcall tries it, then goes on"),
        verb=RESOLVE,
        fields=(
            Field(
                "credential",
                Kind.CHOICE,
                "Credential",
                choices=choices,
                heads=("Credential", "Account", "Last test"),
            ),
        ),
        numbers=opening.waiting_numbers(workflow, 0),
        permission=KEEPS_DESTINATIONS,
    )


def _choice(credential: Credential, destination: Destination) -> Choice:
    known = bool(credential.account_id)
    account = f"{credential.account_name} ({credential.account_id})" if known else "not tested yet"
    tested = _moment(credential.tested_at)
    other = known and destination.account_id not in ("", credential.account_id)
    blocked = f"It opens another account than {_account_of(destination)}." if other else ""
    cells = (credential.name, account, tested)
    return Choice(str(credential.pk), credential.name, f"{account}; {tested}", cells, blocked)


def _moment(moment: datetime | None) -> str:
    return f"tested {timezone.localtime(moment):%-d %b %Y, %H:%M}" if moment else "never tested"


def _chosen(answers: Answers) -> Credential:
    found = Credential.objects.filter(pk=answers.one("credential")).first()
    if found is None:
        raise Refused("Choose from what is there.", field="credential")
    return found


def _probe_choice(trouble: Trouble, answers: Answers, clock: Clock) -> Tested:
    destination, credential = opening.destination_of(trouble.workflow), _chosen(answers)
    try:
        tested = accounts_check.check_for(destination, credential, clock=clock)
    except DeliveryError as error:
        raise Refused(error.message, field="credential") from None
    except VaultError as error:
        raise Refused(str(error), field="credential") from None
    opening.told(tested, field="credential")
    return tested


def _choose(trouble: Trouble, answers: Answers, probed: object, person: Person, clock: Clock) -> Resolved:
    if not isinstance(probed, Tested):
        raise TypeError("a credential is tried before it is chosen")
    destination, credential = trouble.workflow.orchestration.template.destination, _chosen(answers)
    keeping.change_credential(destination, credential, by=person.account)
    accounts_check.keep_test(credential, probed, at=clock.now())
    note = f"“{destination}” is opened with “{credential}” now. {opening.told(probed)}"
    facts = {"destination": str(destination.pk), "credential": str(credential.pk)}
    return Resolved(resume(trouble, person, clock), note, facts)


WAYS = (
    Way("replace_key", _offer_replace, _replace, probe=_probe),
    Way("put_key_back", _offer_back, _replace, probe=_probe),
    Way("choose_credential", _offer_choice, _choose, probe=_probe_choice),
)
