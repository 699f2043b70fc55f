"""The rows that a trouble is about: how many, what stood in them, and how a run goes on with them alone."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from audiences.models import Query
from destinations.models import DataTemplate
from destinations.registry import PLUGINS
from workflows import guards, sealing
from workflows.clock import Clock
from workflows.files import sealed_path
from workflows.models import Workflow
from workflows.moves import STOPPED, State
from workflows.resolutions.going_on import restart
from workflows.resolutions.offers import Person, Refused, Trouble
from workflows.words import counted

OVER = (State.SUCCEEDED, State.SUCCEEDED_WITH_ISSUES)
NOT_OVER = (*STOPPED, State.CANCELLED)
# So many rows say well enough what an answer would do, and a person waits for it.
TRIED = 10_000
EMAIL = "email"
OF_REFUSALS = {"several_profiles": "duplicate_profile", "too_large": "too_large"}


def template_of(workflow: Workflow) -> DataTemplate:
    return workflow.orchestration.template


def locked_template(workflow: Workflow) -> DataTemplate:
    """The data template as it is now, held until the transaction ends; the run that follows goes by it."""
    template = DataTemplate.objects.select_for_update().get(pk=workflow.orchestration.template_id)
    workflow.orchestration.template = template
    return template


def query_of(workflow: Workflow) -> Query:
    return workflow.orchestration.query


def may_be_mended(workflow: Workflow) -> bool:
    """Whether a way out about rows fits its state: stopped, or over with its books closed."""
    return workflow.state in (*OVER, *NOT_OVER)


def reasons(trouble: Trouble) -> tuple[str, ...]:
    """The reasons for rows that this trouble stands for."""
    if trouble.reason:
        return (trouble.reason,)
    if trouble.code in OF_REFUSALS:
        return (OF_REFUSALS[trouble.code],)
    return guards.reasons_of(trouble.code)


def numbers(trouble: Trouble) -> dict[str, int]:
    """How many rows were set aside for each of these reasons."""
    counts, found = trouble.workflow.counts, {}
    for reason in reasons(trouble):
        known = sum(_by_reason(counts.get(kind)).get(reason, 0) for kind in ("not_loaded", "rejected"))
        if not known and trouble.code in OF_REFUSALS:
            known = trouble.workflow.error.get("refused", 0)
        if known:
            found[reason] = known
    return found


def number(trouble: Trouble) -> int:
    return sum(numbers(trouble).values())


def is_known(trouble: Trouble) -> bool:
    """Whether anybody was set aside for the reason that is asked about; it may come from an address."""
    counts, plan = trouble.workflow.counts, trouble.workflow.plan
    told = (counts.get("not_loaded"), counts.get("rejected"), plan.get("not_loaded"))
    return any(trouble.reason in _by_reason(each) for each in told)


def _by_reason(counted_rows: Any) -> dict[str, int]:
    return counted_rows if isinstance(counted_rows, dict) else {}


def values(trouble: Trouble, column: str = "") -> list[str]:
    """What stood in the refused cells, as found, of the first ten thousand rows; never to be shown as it is.

    Of one column alone, when it is named.
    """
    rows = sealing.set_aside(trouble.workflow, reasons(trouble))
    found = (row.get("value") for row in rows if not column or row["column_name"] == column)
    return [value for value in found if value is not None][:TRIED]


def columns(trouble: Trouble) -> dict[str, int]:
    """How many rows were refused for each column, the most first, of those whose column is still mapped."""
    mapped = {entry["column"] for entry in template_of(trouble.workflow).mapping}
    rows = sealing.set_aside(trouble.workflow, reasons(trouble))
    counts = Counter(row["column_name"] for row in rows if row["column_name"] in mapped)
    return dict(counts.most_common())


def goes_alone(trouble: Trouble) -> bool:
    """Whether these rows can be sent without the others: the books are closed, and the list can be read."""
    workflow = trouble.workflow
    closed = workflow.state in OVER and bool(trouble.reason) and not workflow.feeds_a_file
    return closed and sealed_path(workflow.pk, "outcomes.parquet").exists()


def then(trouble: Trouble) -> str:
    """Say how it goes on, to stand behind what a way out changes."""
    if goes_alone(trouble):
        return (
            f"Then a linked run sends those of {rows_of(number(trouble))} that can be sent; "
            "nobody else is touched, and nobody is removed."
        )
    return "Then a linked run reads the query anew, compares, and sends when no limit is against it."


def go_on(trouble: Trouble, person: Person, clock: Clock, note: str, **changes: Any) -> Workflow:
    """Start the run that goes on: for these rows alone where that can be, else for all."""
    if goes_alone(trouble):
        changes["only"] = trouble.reason
    return restart(trouble, person, clock, note=note, **changes)


def rows_of(count: int) -> str:
    return counted(count, "row")


def shared(used: DataTemplate | Query) -> str:
    """Say who else uses a data template or a query, '' when nobody."""
    others = used.orchestrations.count() - 1
    return (
        f" {counted(others, 'other orchestration')} {'uses' if others == 1 else 'use'} it too."
        if others
        else ""
    )


def label(template: DataTemplate, target: str) -> str:
    """Name a field of the destination as its forms do."""
    if target == EMAIL:
        return "E-mail address"
    return PLUGINS[template.destination.plugin].fields.get(target) or target.removeprefix("properties.")


def check_mapping(
    template: DataTemplate, mapping: Sequence[dict[str, Any]], *, columns: Iterable[str] | None, field: str
) -> None:
    """Raise Refused with everything that is wrong with a mapping."""
    rules = PLUGINS[template.destination.plugin].mapping
    if found := rules.problems(mapping, columns=columns):
        raise Refused(" ".join(found), field=field)
