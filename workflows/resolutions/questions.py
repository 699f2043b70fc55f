"""Ways out of a query: another text, an earlier version, more time."""

from collections.abc import Iterable
from datetime import timedelta
from difflib import SequenceMatcher
from itertools import zip_longest

from accounts.redaction import clean
from audiences import keeping, queries
from audiences.errors import SourceCode, SourceError
from audiences.models import QueryVersion
from audiences.queries import Column
from credentials.vault import VaultError
from workflows.clock import Clock
from workflows.durations import duration
from workflows.models import Workflow
from workflows.moves import State
from workflows.resolutions import affected
from workflows.resolutions.affected import EMAIL
from workflows.resolutions.going_on import resume
from workflows.resolutions.offers import (
    RESOLVE,
    Answers,
    Choice,
    Field,
    Kind,
    NotOffered,
    Person,
    Preview,
    Refused,
    Resolution,
    Resolved,
    Trouble,
    Way,
)
from workflows.resolutions.permissions import KEEPS_QUERIES
from workflows.spec import ColumnMissing, candidate_spec
from workflows.start import frozen
from workflows.words import counted

OF_THE_SOURCE = frozenset(SourceCode)
# Only these objections of a guard are about the query.
OF_ITS_SIZE = frozenset({"empty_query", "size_threshold"})
# Of rows without an address nobody knows who they are, so another text of the query finds other ones.
WITHOUT_A_PERSON = frozenset({"email_missing", "email_invalid"})
MOST_VERSIONS = 20
MOST_LINES = 20
SQL_LINES = 12
LONGEST = timedelta(hours=24)


def _fits(trouble: Trouble) -> bool:
    workflow = trouble.workflow
    if not affected.may_be_mended(workflow):
        return False
    if trouble.code == "guard" and not trouble.reason:
        objections = {each.get("code") for each in workflow.error.get("objections", [])}
        return bool(objections & OF_ITS_SIZE)
    return True


def _stopped_at_the_source(trouble: Trouble) -> bool:
    return trouble.code in OF_THE_SOURCE and not trouble.reason and trouble.workflow.state == State.PAUSED


def _then(trouble: Trouble) -> str:
    if _stopped_at_the_source(trouble):
        return "Then this run goes on: it reads the query, compares, and sends when no limit is against it."
    return affected.then(_known(trouble))


def _known(trouble: Trouble) -> Trouble:
    """The trouble as the rows of another text of the query can be told for: all of them, if need be."""
    return Trouble(trouble.workflow, trouble.code) if trouble.reason in WITHOUT_A_PERSON else trouble


def _go_on(trouble: Trouble, person: Person, clock: Clock, note: str) -> Workflow:
    if not _stopped_at_the_source(trouble):
        return affected.go_on(_known(trouble), person, clock, note)
    workflow = trouble.workflow
    workflow.config = {**workflow.config, "query": frozen(workflow.orchestration)["query"]}
    workflow.save(update_fields=["config"])
    return resume(trouble, person, clock)


def _try_out(workflow: Workflow, sql: str, field: str) -> list[Column]:
    """Return the columns another text gives. Raises Refused: the gate, the source or the template is against
    it.
    """
    query, template = affected.query_of(workflow), affected.template_of(workflow)
    if found := queries.check(query.source, sql):
        raise Refused(" ".join(found), field=field)
    try:
        seen = queries.columns(query.source, sql)
    except (SourceError, VaultError) as error:
        raise Refused(str(error), field=field) from error
    if missing := _missing(template.mapping, template.full_profile, seen):
        names = ", ".join(f"“{name}”" for name in missing)
        raise Refused(f"It gives no column {names}, which the data template needs.", field=field)
    told = {"name": query.name, "columns": [{"name": c.name, "meaning": c.meaning} for c in seen]}
    try:
        candidate_spec({**frozen(workflow.orchestration)["template"]}, told)
    except ColumnMissing as error:
        raise Refused(error.message, field=field) from error
    return seen


def _missing(mapping: list[dict[str, str]], full_profile: bool, seen: Iterable[Column]) -> list[str]:
    given = {column.name.lower() for column in seen}
    needed = [entry["column"] for entry in mapping if full_profile or entry["target"] == EMAIL]
    return [name for name in dict.fromkeys(needed) if name.lower() not in given]


# -- another text


def _offer_edit(trouble: Trouble) -> Resolution | None:
    if not _fits(trouble):
        return None
    query = affected.query_of(trouble.workflow)
    number = affected.number(trouble)
    return Resolution(
        "edit_query",
        "Edit the query",
        f"Tries the new text on its first rows, then keeps it as version {query.version + 1:,} of the query "
        f"“{query}”; version {query.version:,} can be put back.{affected.shared(query)} {_then(trouble)}",
        steps=(
            "Change the text",
            "Rollcall tries it: one read-only SELECT, with every column that is mapped",
            "It becomes the query's new version",
        ),
        verb=RESOLVE,
        fields=(Field("sql", Kind.SQL, "Query", value=query.sql, lines=SQL_LINES),),
        numbers=(("Rows set aside", number),) if number else (),
        permission=KEEPS_QUERIES,
    )


def _probe_edit(trouble: Trouble, answers: Answers, clock: Clock) -> list[Column]:
    sql = answers.one("sql").strip()
    if not sql or sql == affected.query_of(trouble.workflow).sql.strip():
        raise Refused("The query is as it was. Change its text.", field="sql")
    return _try_out(trouble.workflow, sql, "sql")


def _edit(trouble: Trouble, answers: Answers, probed: object, person: Person, clock: Clock) -> Resolved:
    query = affected.query_of(trouble.workflow)
    keeping.change_text(query, answers.one("sql").strip(), seen=_columns(probed), by=person.account)
    note = f"The query “{query}” is version {query.version:,} from now on."
    return Resolved(_go_on(trouble, person, clock, note), note, {"version": query.version})


def _columns(probed: object) -> list[Column]:
    if not isinstance(probed, list):
        raise TypeError("a text is tried before it is kept")
    return probed


# -- an earlier version


def _offer_restore(trouble: Trouble) -> Resolution | None:
    query = affected.query_of(trouble.workflow)
    versions = keeping.earlier_versions(query)[:MOST_VERSIONS] if _fits(trouble) else []
    if not versions:
        return None
    choices = tuple(
        Choice(
            str(each.version),
            f"Version {each.version:,}",
            f"of {each.activated_at:%-d %B %Y}, {_gives(each)}",
        )
        for each in versions
    )
    return Resolution(
        "restore_query",
        "Put an earlier version back",
        f"Tries an earlier version of the query “{query}”, of {len(versions):,} kept, on its first rows, and "
        f"makes it version {query.version + 1:,}.{affected.shared(query)} {_then(trouble)}",
        steps=(
            "Choose the version",
            "See what differs",
            "Rollcall tries it, and makes it the newest version",
        ),
        verb=RESOLVE,
        fields=(Field("version", Kind.CHOICE, "Version", value=choices[0].value, choices=choices),),
        permission=KEEPS_QUERIES,
        previews=True,
    )


def _gives(version: QueryVersion) -> str:
    return f"gives {', '.join(column['name'] for column in version.columns)}"


def _version(trouble: Trouble, answers: Answers) -> QueryVersion:
    wanted = answers.one("version")
    for version in keeping.earlier_versions(affected.query_of(trouble.workflow)):
        if str(version.version) == wanted:
            return version
    raise Refused("Choose a version.", field="version")


def _preview_restore(trouble: Trouble, answers: Answers) -> Preview:
    query, version = affected.query_of(trouble.workflow), _version(trouble, answers)
    now, then = {c["name"] for c in query.columns}, {c["name"] for c in version.columns}
    lines = _differing(query.sql, version.sql)
    told = [f"{counted(len(lines), 'line')} would differ from now."]
    for words, names in (("It gives in addition", then - now), ("It does not give", now - then)):
        if names:
            told.append(f"{words}: {', '.join(sorted(names))}.")
    return Preview(" ".join(told), tuple(lines[:MOST_LINES]))


def _differing(now: str, then: str) -> list[tuple[str, str]]:
    """The lines that differ, side by side: as they are, and as they were."""
    mine, theirs = now.strip().splitlines(), then.strip().splitlines()
    found: list[tuple[str, str]] = []
    for change, a, b, c, d in SequenceMatcher(a=mine, b=theirs, autojunk=False).get_opcodes():
        if change != "equal":
            found += zip_longest(map(clean, mine[a:b]), map(clean, theirs[c:d]), fillvalue="")
    return found


def _probe_restore(trouble: Trouble, answers: Answers, clock: Clock) -> list[Column]:
    return _try_out(trouble.workflow, _version(trouble, answers).sql, "version")


def _restore(trouble: Trouble, answers: Answers, probed: object, person: Person, clock: Clock) -> Resolved:
    query, version = affected.query_of(trouble.workflow), _version(trouble, answers)
    facts = {"restored": version.version}
    keeping.change_text(query, version.sql, seen=_columns(probed), by=person.account, **facts)
    note = f"The query “{query}” is as in version {version.version:,} again, as version {query.version:,}."
    return Resolved(_go_on(trouble, person, clock, note), note, facts)


# -- more time


def _offer_time(trouble: Trouble) -> Resolution | None:
    workflow = trouble.workflow
    if trouble.code != SourceCode.TIMEOUT or workflow.state not in affected.NOT_OVER:
        return None
    query = affected.query_of(workflow)
    now = int(queries.limits_of(query).silent_seconds)
    return Resolution(
        "raise_time_limit",
        "Raise the time limit",
        f"The query “{query}” may be silent for {duration(now)} now. It gets the time you say from now on, "
        f"in every run.{affected.shared(query)} {_then(trouble)}",
        steps=("Say how long it may take", "Read the query again"),
        fields=(
            Field(
                "minutes",
                Kind.NUMBER,
                "Minutes",
                value=str(max(2 * now, 1_800) // 60),
                minimum=now // 60 + 1,
                maximum=int(LONGEST.total_seconds()) // 60,
            ),
        ),
        permission=KEEPS_QUERIES,
    )


def _raise_limit(
    trouble: Trouble, answers: Answers, probed: object, person: Person, clock: Clock
) -> Resolved:
    query = affected.query_of(trouble.workflow)
    now = int(queries.limits_of(query).silent_seconds)
    minutes = answers.number("minutes", max(2 * now, 1_800) // 60)
    if minutes * 60 <= now:
        raise NotOffered("The limit has been raised since the page was shown.")
    keeping.change_time_limit(query, minutes * 60, by=person.account)
    note = f"The query “{query}” may take {duration(minutes * 60)} from now on."
    return Resolved(_go_on(trouble, person, clock, note), note, {"minutes": minutes})


WAYS = (
    Way("edit_query", _offer_edit, _edit, _probe_edit),
    Way("restore_query", _offer_restore, _restore, _probe_restore, _preview_restore),
    Way("raise_time_limit", _offer_time, _raise_limit),
)
