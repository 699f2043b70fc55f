"""Making the database say what a configuration file says: all of it, or none of it.

1. load: the file is valid in itself, and its secrets and files are there
2. check: every name in it leads somewhere
3. probe: each new key opens the account it is meant for
4. try: each query that is new or changed is looked at on its source
5. write: every object, in the order in which they point to each other, in one transaction
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.db import transaction
from django.utils import timezone

from accounts import activity
from accounts.models import User
from api.configuration import checks, probing
from api.configuration.errors import ConfigurationError
from api.configuration.loading import Wanted, load
from api.configuration.problems import did_you_mean
from api.configuration.rows import Change, upsert
from api.configuration.schema import Credential as CredentialWanted
from api.configuration.trying import Tried, try_queries
from audiences import queries
from audiences.models import Query, QueryState, Source
from credentials import host_keys, keeping, ssh_keys, vault
from credentials.models import Credential
from destinations.models import DataTemplate, Destination
from workflows import spec, start
from workflows.models import Orchestration


@dataclass(frozen=True)
class Applied:
    """What became of each object of the file, in its order; `warnings` are sentences that stop nothing.

    `public_keys` are the lines that servers are to be given, by the credential whose key pair was made.
    """

    changes: tuple[Change, ...]
    warnings: tuple[str, ...]
    public_keys: Mapping[str, str] = field(default_factory=dict)

    @property
    def changed(self) -> bool:
        return any(change.is_change for change in self.changes)


def apply(path: Path, *, actor: User | None = None, test: bool = True) -> Applied:
    """Create or update by name everything the file at `path` says; a second time changes nothing.

    With `test`, a key that is new or whose account is not known yet is tried first: one that is refused is a
    problem, a network that does not answer a warning. Raises ConfigurationError when anything is wrong, and
    then nothing was written.
    """
    wanted = load(path)
    if found := checks.dangling(wanted):
        raise ConfigurationError(found)
    found_out = probing.probe(wanted) if test else probing.Findings()
    tried = try_queries(wanted)
    if found_out.problems or tried.problems:
        raise ConfigurationError([*found_out.problems, *tried.problems])
    with transaction.atomic():
        writing = _Writing(wanted, actor, found_out, tried)
        writing.write()
    warnings = (*found_out.warnings, *writing.warnings)
    return Applied(tuple(writing.changes), warnings, writing.public_keys)


@dataclass
class _Writing:
    """One pass over the file inside one transaction."""

    wanted: Wanted
    actor: User | None
    found_out: probing.Findings
    tried: Tried
    changes: list[Change] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    public_keys: dict[str, str] = field(default_factory=dict)

    def write(self) -> None:
        configuration = self.wanted.configuration
        steps: tuple[tuple[Any, Callable[[str], None]], ...] = (
            (configuration.credentials, self.credential),
            (configuration.sources, self.source),
            (configuration.queries, self.query),
            (configuration.destinations, self.destination),
            (configuration.data_templates, self.template),
            (configuration.orchestrations, self.orchestration),
        )
        for names, write in steps:
            for name in names:
                write(name)

    def credential(self, name: str) -> None:
        given = self.wanted.configuration.credentials[name]
        values = {"kind": given.kind, "description": given.description}
        row, change = upsert(Credential, "credential", key={"name": name}, values=values)
        if self._secret(row):
            change = change.with_fields("secret")
        if given.is_ssh_key and (moved := self._server(row, given)):
            change = change.with_fields(*moved)
        if fact := self.found_out.accounts.get(name):
            row.note_test(
                account_id=fact.account_id,
                account_name=fact.account_name,
                scopes=fact.scopes,
                at=timezone.now(),
            )
        self._note(row, change)

    def _secret(self, row: Credential) -> bool:
        """Seal what the file points to, or a new key of SSH where there is none; return whether it is new."""
        if row.name in self.wanted.secrets:
            passphrase = self.wanted.passphrases.get(row.name)
            return vault.save_secret(row, self.wanted.secrets[row.name], passphrase=passphrase)
        if row.has_secret:
            return False
        vault.save_secret(row, ssh_keys.generate().openssh)
        self.public_keys[row.name] = row.public_key
        return True

    def _server(self, row: Credential, given: CredentialWanted) -> tuple[str, ...]:
        """Keep where a key of SSH is used; pin its server's keys, for a person wrote them into the file."""
        changed = keeping.set_address(row, checks.wanted_address(given, row))
        if given.host_keys is not None:
            pins = [host_keys.parse(text) for text in given.host_keys]
            if host_keys.keep_only(row, pins, by="configuration file"):
                changed = (*changed, "host_keys")
        return changed

    def source(self, name: str) -> None:
        given = self.wanted.configuration.sources[name]
        values = {
            "kind": given.kind,
            "description": given.description,
            "settings": self.wanted.source_settings(name),
            "credential": Credential.objects.get(name=given.credential) if given.credential else None,
        }
        self._note(*upsert(Source, "source", key={"name": name}, values=values))

    def query(self, name: str) -> None:
        given = self.wanted.configuration.queries[name]
        source = Source.objects.select_related("credential").get(name=given.source)
        values: dict[str, Any] = {"source": source, "sql": self.wanted.sql[name]}
        for field_name in _QUERY_FIELDS:
            values[field_name] = getattr(given, field_name)
        before = Query.objects.filter(name=name).values_list("state", flat=True).first() or QueryState.DRAFT
        # Activating is the audiences room's business; here a query only ever becomes a draft.
        values["state"] = QueryState.DRAFT if given.state == QueryState.DRAFT else before
        row, change = upsert(Query, "query", key={"name": name}, values=values)
        if name in self.tried.columns:
            was_active = row.is_active
            queries.activate(row, seen=self.tried.columns[name])
            change = change if was_active or change.action == "created" else change.with_fields("state")
        self._note(row, change)

    def destination(self, name: str) -> None:
        given = self.wanted.configuration.destinations[name]
        credential = Credential.objects.get(name=given.credential)
        files = given.files()
        values = {
            "plugin": given.plugin,
            "credential": credential,
            "sftp_credential": Credential.objects.filter(name=given.sftp_credential).first(),
            "settings": {"sftp": files} if files else {},
            "allows_restricted": given.allows_restricted,
            "description": given.description,
        }
        row, change = upsert(Destination, "destination", key={"name": name}, values=values)
        if credential.account_id and not row.account_id:
            row.account_id, row.account_name = credential.account_id, credential.account_name
            row.save(update_fields=["account_id", "account_name", "updated_at"])
            change = change if change.action == "created" else change.with_fields("account")
        self._note(row, change)

    def template(self, name: str) -> None:
        given = self.wanted.configuration.data_templates[name]
        destination = Destination.objects.get(name=given.destination)
        values = {
            "description": given.description,
            "list_name": given.list_name,
            "full_profile": given.use_full_profile,
            "mode": given.mode,
            "path": given.path,
            "mapping": checks.fields(given, with_email=True),
            "default_country": given.default_country or "",
            "duplicates": given.duplicates,
        }
        key = {"name": name, "destination": destination}
        self._note(*upsert(DataTemplate, "data template", key=key, values=values))

    def orchestration(self, name: str) -> None:
        given = self.wanted.configuration.orchestrations[name]
        template = DataTemplate.objects.select_related("destination").filter(name=given.data_template)
        if given.destination is not None:
            template = template.filter(destination__name=given.destination)
        values = {
            "query": Query.objects.get(name=given.query),
            "template": template.get(),
            "guards": given.guards.model_dump(exclude_none=True),
        }
        row, change = upsert(Orchestration, "orchestration", key={"name": name}, values=values)
        self._warn_of_missing_columns(row)
        self._note(row, change)

    def _warn_of_missing_columns(self, orchestration: Orchestration) -> None:
        # A warning, not a problem: the warehouse may be given the column before the next run.
        if not orchestration.query.is_active:
            return
        where = f"orchestrations › {orchestration.name}"
        frozen: dict[str, Any] = start.frozen(orchestration)
        try:
            needed = spec.candidate_spec(frozen["template"], frozen["query"])
        except spec.ColumnMissing as missing:
            self.warnings.append(f"{where}: {missing.message}")
            return
        known = [column["name"] for column in orchestration.query.columns]
        for column in (needed.email, *(mapped.column for mapped in needed.fields)):
            if column not in known:
                meant = did_you_mean(column, known)
                name = orchestration.query.name
                self.warnings.append(f"{where}: the query “{name}” has no column “{column}”.{meant}")

    def _note(self, row: Any, change: Change) -> None:
        self.changes.append(change)
        if change.is_change:
            action = "added" if change.action == "created" else "changed"
            activity.record(self.actor, action, row, fields=list(change.fields), way="configuration file")


_QUERY_FIELDS = (
    "description",
    "default_country",
    "timeout_seconds",
    "warn_below",
    "warn_above",
    "stop_below",
    "stop_above",
)
