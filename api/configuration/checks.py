"""Whether the names in a configuration lead somewhere: to an object of the same file, or one that exists."""

from collections.abc import Iterable
from typing import Any

from api.configuration import problems
from api.configuration.loading import Wanted
from api.configuration.schema import Credential as CredentialWanted
from api.configuration.schema import DataTemplate as DataTemplateWanted
from api.configuration.schema import Destination as DestinationWanted
from audiences import sources
from audiences.models import Query, Source
from credentials import addresses
from credentials.kinds import DATABASE_PASSWORD
from credentials.models import Credential
from destinations import keeping, paths
from destinations.models import DataTemplate, Destination
from destinations.registry import PLUGINS, Plugin


def dangling(wanted: Wanted) -> list[str]:
    """Return a sentence for each name that leads nowhere, or to an object of the wrong kind."""
    return [
        *_credentials(wanted),
        *_sources(wanted),
        *_queries(wanted),
        *_destinations(wanted),
        *_templates(wanted),
        *_orchestrations(wanted),
    ]


def credential_kinds(wanted: Wanted) -> dict[str, str]:
    """Return name → kind of every credential there will be."""
    stored = dict(Credential.objects.values_list("name", "kind"))
    return stored | {name: one.kind for name, one in wanted.configuration.credentials.items()}


def _credentials(wanted: Wanted) -> Iterable[str]:
    stored = {one.name: one for one in Credential.objects.all()}
    for name, credential in wanted.configuration.credentials.items():
        before = stored.get(name)
        if before and before.kind != credential.kind:
            yield f"credentials › {name} › kind: it is a {before.kind} already; use another name."
        if credential.is_ssh_key:
            yield from _address(name, credential, before)
        elif credential.secret is None and not (before and before.has_secret):
            yield f"credentials › {name} › secret: is missing. Point to it as env:NAME or file:PATH."


def _address(name: str, given: CredentialWanted, before: Credential | None) -> Iterable[str]:
    address = wanted_address(given, before)
    for key, problem in addresses.problems(given.kind, address).items():
        yield f"credentials › {name} › {key}: {problem}"


def wanted_address(given: CredentialWanted, before: Credential | None) -> addresses.Address:
    """Return where a key of SSH will be used: as stated, else as it is, else as its kind has it."""
    stored = before.settings if before else {}
    return addresses.tidy(given.kind, {**stored, **given.address()})


def _sources(wanted: Wanted) -> Iterable[str]:
    known = credential_kinds(wanted)
    for name, source in wanted.configuration.sources.items():
        for problem in sources.problems(source.kind, wanted.source_settings(name)):
            yield f"sources › {name}: {problem}"
        if source.credential is not None:
            yield from _credential(
                f"sources › {name} › credential", source.credential, known, DATABASE_PASSWORD
            )


def _queries(wanted: Wanted) -> Iterable[str]:
    known = {*Source.objects.values_list("name", flat=True), *wanted.configuration.sources}
    for name, query in wanted.configuration.queries.items():
        yield from _named(f"queries › {name} › source", "source", query.source, known)


def _destinations(wanted: Wanted) -> Iterable[str]:
    known = credential_kinds(wanted)
    stored = dict(Destination.objects.values_list("name", "plugin"))
    for name, destination in wanted.configuration.destinations.items():
        where = f"destinations › {name}"
        yield from _named(f"{where} › plugin", "plugin", destination.plugin, PLUGINS)
        if stored.get(name, destination.plugin) != destination.plugin:
            yield f"{where} › plugin: it is {stored[name]} already; use another name for the new one."
        kind = PLUGINS[destination.plugin].credential_kind if destination.plugin in PLUGINS else ""
        yield from _credential(f"{where} › credential", destination.credential, known, kind)
        if destination.plugin in PLUGINS:
            yield from _files(where, destination, PLUGINS[destination.plugin], known)
    yield from _shared_keys(wanted)


def _shared_keys(wanted: Wanted) -> Iterable[str]:
    """What is uploaded with an SFTP key goes into the account of that key, so two accounts share none."""
    used = _sftp_keys(wanted)
    for name, (key, account) in sorted(used.items()):
        if name not in wanted.configuration.destinations or not key or not account:
            continue
        for other, (same, another) in sorted(used.items()):
            if same == key and another not in ("", account):
                yield f"destinations › {name} › sftp_credential: {keeping.shared_key(key, other)}"
                break


def _sftp_keys(wanted: Wanted) -> dict[str, tuple[str, str]]:
    """Return by destination the name of the SFTP key it will have, and its account as far as it is known."""
    found, accounts = {}, dict(Credential.objects.values_list("name", "account_id"))
    for row in Destination.objects.select_related("credential", "sftp_credential"):
        key = row.sftp_credential.name if row.sftp_credential else ""
        found[row.name] = (key, row.account_id or row.credential.account_id)
    for name, given in wanted.configuration.destinations.items():
        _, account = found.get(name, ("", ""))
        found[name] = (given.sftp_credential or "", account or accounts.get(given.credential, ""))
    return found


def _files(where: str, given: DestinationWanted, plugin: Plugin, known: dict[str, str]) -> Iterable[str]:
    if plugin.files is None:
        if given.sftp_credential is not None or given.files():
            yield f"{where} › sftp: {plugin.label} takes no files."
        return
    for problem in plugin.files.choice_problems(given.files()):
        yield f"{where} › sftp: {problem}"
    if given.sftp_credential is None:
        return
    place = f"{where} › sftp_credential"
    if plugin.delivers == "file":
        yield f"{place}: the credential of {plugin.label} opens the server already; leave this out."
    else:
        yield from _credential(place, given.sftp_credential, known, plugin.sftp_credential_kind)


def _templates(wanted: Wanted) -> Iterable[str]:
    plugins = dict(Destination.objects.values_list("name", "plugin"))
    plugins |= {name: one.plugin for name, one in wanted.configuration.destinations.items()}
    for name, template in wanted.configuration.data_templates.items():
        where = f"data_templates › {name}"
        yield from _named(f"{where} › destination", "destination", template.destination, plugins)
        if plugin := PLUGINS.get(plugins.get(template.destination, "")):
            found = plugin.mapping.problems(fields(template))
            for problem in found:
                yield f"{where} › mapping: {problem}"
            if not found and (closed := _closed(wanted, template, plugin)):
                yield f"{where} › path: {closed}"
    yield from _shut_out(wanted)


def _closed(wanted: Wanted, template: DataTemplateWanted, plugin: Plugin) -> str:
    settings, has_sftp = _ways(wanted, template.destination)
    return paths.problem(
        plugin,
        path=template.path,
        mode=template.mode,
        mapping=fields(template),
        full_profile=template.use_full_profile,
        settings=settings,
        has_sftp_credential=has_sftp,
    )


def _shut_out(wanted: Wanted) -> Iterable[str]:
    """A data template that the file does not mention must be able to send after it too."""
    in_file = {(one.destination, name) for name, one in wanted.configuration.data_templates.items()}
    changed = DataTemplate.objects.filter(destination__name__in=wanted.configuration.destinations)
    for row in changed.select_related("destination").order_by("destination__name", "name"):
        if (row.destination.name, row.name) in in_file or row.destination.plugin not in PLUGINS:
            continue
        settings, has_sftp = _ways(wanted, row.destination.name)
        problem = paths.problem(
            PLUGINS[row.destination.plugin],
            path=row.path,
            mode=row.mode,
            mapping=row.mapping,
            full_profile=row.full_profile,
            settings=settings,
            has_sftp_credential=has_sftp,
        )
        if problem:
            yield (
                f"destinations › {row.destination.name}: its data template “{row.name}” could not be sent "
                f"any more. {problem}"
            )


def _ways(wanted: Wanted, destination: str) -> tuple[dict[str, Any], bool]:
    """Return the settings a destination will have, and whether it will have an SFTP credential."""
    if given := wanted.configuration.destinations.get(destination):
        return {"sftp": given.files()}, given.sftp_credential is not None
    stored = Destination.objects.get(name=destination)
    return stored.settings, stored.sftp_credential_id is not None


def fields(template: DataTemplateWanted, *, with_email: bool = False) -> list[dict[str, str]]:
    """Return the mapping as the destinations room knows it; the address is not one of a profile's fields."""
    return [
        {"column": mapped.column, "target": target, "type": mapped.type}
        for target, mapped in template.mapping.items()
        if with_email or target != "email"
    ]


def _orchestrations(wanted: Wanted) -> Iterable[str]:
    queries = {*Query.objects.values_list("name", flat=True), *wanted.configuration.queries}
    pairs = set(DataTemplate.objects.values_list("destination__name", "name"))
    pairs |= {(one.destination, name) for name, one in wanted.configuration.data_templates.items()}
    for name, orchestration in wanted.configuration.orchestrations.items():
        where = f"orchestrations › {name}"
        yield from _named(f"{where} › query", "query", orchestration.query, queries)
        template = orchestration.data_template
        yield from _named(f"{where} › data_template", "data template", template, {pair[1] for pair in pairs})
        places = sorted(destination for destination, known in pairs if known == template)
        if orchestration.destination is None and len(places) > 1:
            yield f"{where}: several destinations have a data template “{template}”; add destination."
        elif places and orchestration.destination is not None and orchestration.destination not in places:
            yield f"{where} › destination: “{orchestration.destination}” has no data template “{template}”."


def _named(where: str, noun: str, name: str, known: Iterable[str]) -> Iterable[str]:
    if name not in known:
        yield f"{where}: there is no {noun} “{name}”.{problems.did_you_mean(name, list(known))}"


def _credential(where: str, name: str, known: dict[str, str], kind: str) -> Iterable[str]:
    yield from _named(where, "credential", name, known)
    if kind and known.get(name, kind) != kind:
        yield f"{where}: “{name}” is a {known[name]}; a {kind} is needed here."
