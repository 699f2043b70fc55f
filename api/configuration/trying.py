"""Looking at queries on their sources first, so that no transaction waits for a source."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from api.configuration.loading import Wanted
from audiences import queries
from audiences.columns import Column
from audiences.errors import SourceError
from audiences.models import Query, Source
from credentials import vault
from credentials.models import Credential


@dataclass(frozen=True)
class Tried:
    """The columns of each active query that is new or changed, by its name; sentences for those refused."""

    columns: Mapping[str, list[Column]] = field(default_factory=dict)
    problems: tuple[str, ...] = ()


def try_queries(wanted: Wanted) -> Tried:
    """Check every active query that is new, or whose text, source or source's settings changed."""
    sources = _Sources(wanted)
    stored = {row.name: row for row in Query.objects.select_related("source")}
    columns: dict[str, list[Column]] = {}
    problems: list[str] = []
    for name, given in wanted.configuration.queries.items():
        source, changed = sources.named(given.source)
        before = stored.get(name)
        if given.state != "active" or (not changed and _is_known(before, source, wanted.sql[name])):
            continue
        try:
            columns[name] = queries.columns(source, wanted.sql[name])
        except (SourceError, vault.VaultError) as error:
            problems.append(f"queries › {name}: {error}")
    return Tried(columns, tuple(problems))


def _is_known(query: Query | None, source: Source, sql: str) -> bool:
    return query is not None and query.is_active and (query.source.name, query.sql) == (source.name, sql)


class _Sources:
    """The sources as they will be, in memory alone."""

    def __init__(self, wanted: Wanted) -> None:
        self._wanted = wanted
        self._stored = {row.name: row for row in Source.objects.select_related("credential")}
        self._credentials = {row.name: row for row in Credential.objects.all()}

    def named(self, name: str) -> tuple[Source, bool]:
        """Return a source, and whether it differs from the one that is stored."""
        before = self._stored.get(name)
        given = self._wanted.configuration.sources.get(name)
        if given is not None:
            made = Source(name=name, kind=given.kind, settings=self._wanted.source_settings(name))
            credential = given.credential
        elif before is not None:
            made = Source(name=name, kind=before.kind, settings=before.settings)
            credential = before.credential.name if before.credential else None
        else:
            raise LookupError(name)
        made.credential, is_new = self._credential(credential)
        return made, is_new or before is None or _shape(made) != _shape(before)

    def _credential(self, name: str | None) -> tuple[Credential | None, bool]:
        if name is None:
            return None, False
        before = self._credentials.get(name)
        secret = self._wanted.secrets.get(name)
        if secret is None or (before is not None and vault.holds(before, secret)):
            return before, False
        return vault.unsaved(name, self._wanted.configuration.credentials[name].kind, secret), True


def _shape(source: Source) -> tuple[str, object, str]:
    return source.kind, source.settings, source.credential.name if source.credential else ""
