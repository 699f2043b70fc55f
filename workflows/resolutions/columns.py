"""Ways out of columns: another one for a field, another type, another one with the addresses."""

from typing import Any

from audiences import normalise, queries
from audiences.errors import SourceError
from audiences.values import FIELD_TYPES, WrongType
from credentials.vault import VaultError
from destinations import keeping
from destinations.models import DataTemplate
from destinations.registry import PLUGINS
from workflows.clock import Clock
from workflows.models import Workflow
from workflows.resolutions import affected, masks
from workflows.resolutions.affected import EMAIL, rows_of
from workflows.resolutions.offers import (
    RESOLVE,
    Answers,
    Choice,
    Field,
    Kind,
    Person,
    Preview,
    Refused,
    Resolution,
    Resolved,
    Trouble,
    Way,
)
from workflows.resolutions.permissions import KEEPS_TEMPLATES

MISSING = "column_missing"
EXAMPLES = 5
_TYPES = {
    "text": "Text",
    "number": "Number",
    "boolean": "True or false",
    "date": "Date, or date and time",
    "json": "JSON",
}
_MEANS = {"email": "e-mail addresses", "phone": "phone numbers", "external_id": "external ids"}


def _given(workflow: Workflow) -> dict[str, str]:
    """The columns the query gives, each with what it seems to hold: as the run found them, else as known."""
    known = {column["name"]: column for column in affected.query_of(workflow).columns}
    names = workflow.error.get("columns") or list(known)
    return {name: _MEANS.get(known.get(name, {}).get("meaning") or "", "") for name in names}


def _column_choices(workflow: Workflow, *, without: set[str]) -> tuple[Choice, ...]:
    return tuple(Choice(name, name, told) for name, told in _given(workflow).items() if name not in without)


def _remap(template: DataTemplate, target: str, **change: str) -> list[dict[str, Any]]:
    """The mapping of a data template with another column or type for one field."""
    mapping = template.mapping
    if not any(entry["target"] == target for entry in mapping):
        return [{"column": change["column"], "target": target, "type": "text"}, *mapping]
    return [{**entry, **change} if entry["target"] == target else entry for entry in mapping]


# -- a column that is gone, or of another type


def _fields_at_fault(trouble: Trouble) -> dict[str, str]:
    """The fields whose column is gone or refused: target to column; the address when nothing is mapped."""
    workflow = trouble.workflow
    mapping = affected.template_of(workflow).mapping
    if trouble.code == MISSING and not trouble.reason:
        gone = workflow.error.get("column", "")
        found = {
            entry["target"]: entry["column"]
            for entry in mapping
            if entry["column"].lower() == gone.lower() and gone
        }
        return found or {EMAIL: gone}
    refused = affected.columns(trouble)
    at_fault = [entry for column in refused for entry in mapping if entry["column"] == column]
    return {entry["target"]: entry["column"] for entry in at_fault}


def _offer_map(trouble: Trouble) -> Resolution | None:
    workflow = trouble.workflow
    at_fault = _fields_at_fault(trouble) if affected.may_be_mended(workflow) else {}
    choices = _column_choices(workflow, without=set(at_fault.values()))
    if not at_fault or not choices:
        return None
    template = affected.template_of(workflow)
    names = ", ".join(f"“{affected.label(template, target)}”" for target in at_fault)
    number = affected.number(trouble)
    return Resolution(
        "map_column",
        "Map another column",
        f"Fills {names} from a column that you choose, of the {len(choices):,} that the query "
        f"“{affected.query_of(workflow)}” gives, from now on: the data template “{template}” is changed."
        f"{affected.shared(template)} {affected.then(trouble)}",
        steps=("Choose the column", "Change the data template", "Read the query again", "Read the list back"),
        verb=RESOLVE,
        fields=(*_field_choice(trouble, at_fault), Field("column", Kind.CHOICE, "Column", choices=choices)),
        numbers=(("Rows with another type", number),) if number else (),
        permission=KEEPS_TEMPLATES,
    )


def _field_choice(trouble: Trouble, at_fault: dict[str, str]) -> tuple[Field, ...]:
    """Ask which field is meant, when there are several."""
    if len(at_fault) < 2:
        return ()
    template = affected.template_of(trouble.workflow)
    choices = tuple(
        Choice(target, affected.label(template, target), f"now from the column “{column}”")
        for target, column in at_fault.items()
    )
    return (Field("field", Kind.CHOICE, "Field", value=choices[0].value, choices=choices),)


def _target(trouble: Trouble, answers: Answers) -> str:
    at_fault = _fields_at_fault(trouble)
    return answers.one("field") if answers.one("field") in at_fault else next(iter(at_fault))


def _remapped(template: DataTemplate, target: str, **change: str) -> list[dict[str, Any]]:
    """The same, when it will do. Raises Refused."""
    mapping = _remap(template, target, **change)
    affected.check_mapping(template, mapping, columns=None, field=next(iter(change)))
    return mapping


def _keep(trouble: Trouble, person: Person, target: str, **change: str) -> DataTemplate:
    """Change one field of the data template, which somebody may have changed since it was shown."""
    template = affected.locked_template(trouble.workflow)
    keeping.change_template(template, by=person.account, mapping=_remapped(template, target, **change))
    return template


def _probe_map(trouble: Trouble, answers: Answers, clock: Clock) -> str:
    """Return the field that is meant."""
    workflow, column = trouble.workflow, answers.one("column")
    target = _target(trouble, answers)
    _remapped(affected.template_of(workflow), target, column=column)
    if target == EMAIL:
        _refuse_without_addresses(workflow, column)
    return target


def _map(trouble: Trouble, answers: Answers, probed: object, person: Person, clock: Clock) -> Resolved:
    target, column = str(probed), answers.one("column")
    template = _keep(trouble, person, target, column=column)
    note = f"“{affected.label(template, target)}” comes from the column “{column}” from now on."
    return Resolved(affected.go_on(trouble, person, clock, note), note, {"field": target, "column": column})


# -- another type


def _types(trouble: Trouble) -> dict[str, list[str]]:
    """The other types each refused field may have: target to types."""
    template = affected.template_of(trouble.workflow)
    rules, found = PLUGINS[template.destination.plugin].mapping, {}
    for target in _fields_at_fault(trouble):
        now = next(entry.get("type", "text") for entry in template.mapping if entry["target"] == target)
        fit = [
            kind for kind in _TYPES if kind != now and not rules.problems(_remap(template, target, type=kind))
        ]
        if fit:
            found[target] = fit
    return found


def _offer_type(trouble: Trouble) -> Resolution | None:
    if not (affected.may_be_mended(trouble.workflow) and affected.number(trouble)):
        return None
    types = _types(trouble)
    if not types:
        return None
    template, at_fault = affected.template_of(trouble.workflow), _fields_at_fault(trouble)
    names = ", ".join(f"“{affected.label(template, target)}”" for target in types)
    kinds = [kind for kind in _TYPES if any(kind in fit for fit in types.values())]
    number = affected.number(trouble)
    return Resolution(
        "change_type",
        "Send it as another type",
        f"Sends {names} as another type from now on, so that {rows_of(number)} can go: the data template "
        f"“{template}” is changed. Klaviyo keeps the type it saw first in segments that use it."
        f"{affected.shared(template)} {affected.then(trouble)}",
        steps=(
            "Choose the type",
            "See how many values fit",
            "Change the data template",
            "Read the list back",
        ),
        verb=RESOLVE,
        fields=(
            *_field_choice(trouble, {target: at_fault[target] for target in types}),
            Field(
                "type",
                Kind.CHOICE,
                "Type",
                value=kinds[0],
                choices=tuple(Choice(kind, _TYPES[kind]) for kind in kinds),
            ),
        ),
        numbers=(("Rows with another type", number),),
        permission=KEEPS_TEMPLATES,
        previews=True,
    )


def _converted(trouble: Trouble, answers: Answers) -> tuple[int, int, list[tuple[str, str]]]:
    """How many of the refused values fit the type, of how many, with forms of those that do and do not."""
    target, kind = _target(trouble, answers), answers.one("type")
    if kind not in FIELD_TYPES:
        raise Refused("Choose a type.", field="type")
    found = affected.values(trouble, _fields_at_fault(trouble)[target])
    fit = 0
    examples: dict[str, str] = {}
    for raw in found:
        try:
            FIELD_TYPES[kind](raw)
        except WrongType:
            told = "does not fit, stays out"
        else:
            fit, told = fit + 1, f"fits {_TYPES[kind].lower()}"
        if len(examples) < EXAMPLES:
            examples.setdefault(masks.value(raw), told)
    return fit, len(found), list(examples.items())


def _preview_type(trouble: Trouble, answers: Answers) -> Preview:
    fit, tried, examples = _converted(trouble, answers)
    told = f"{fit:,} of {rows_of(tried)} fit; {tried - fit:,} do not and stay out."
    return Preview(told, tuple(examples))


def _probe_type(trouble: Trouble, answers: Answers, clock: Clock) -> str:
    """Return the field that is meant."""
    fit, tried, _ = _converted(trouble, answers)
    if tried and not fit:
        raise Refused(f"None of {rows_of(tried)} has a value of this type.", field="type")
    target = _target(trouble, answers)
    _remapped(affected.template_of(trouble.workflow), target, type=answers.one("type"))
    return target


def _set_type(trouble: Trouble, answers: Answers, probed: object, person: Person, clock: Clock) -> Resolved:
    target, kind = str(probed), answers.one("type")
    template = _keep(trouble, person, target, type=kind)
    note = f"“{affected.label(template, target)}” is sent as {_TYPES[kind].lower()} from now on."
    return Resolved(affected.go_on(trouble, person, clock, note), note, {"field": target, "type": kind})


# -- another column with the addresses


def _offer_email(trouble: Trouble) -> Resolution | None:
    workflow = trouble.workflow
    if not (affected.may_be_mended(workflow) and affected.number(trouble)):
        return None
    template, number = affected.template_of(workflow), affected.number(trouble)
    choices = _column_choices(workflow, without={_address_column(workflow)})
    if not choices:
        return None
    return Resolution(
        "map_email",
        "Take the address from another column",
        f"Reads e-mail addresses from a column that you choose from now on, for all rows, not only these "
        f"{rows_of(number)}: the data template “{template}” is changed.{affected.shared(template)} "
        f"{affected.then(trouble)}",
        steps=(
            "Choose the column",
            "See how many addresses it has",
            "Read the query again",
            "Read the list back",
        ),
        verb=RESOLVE,
        fields=(Field("column", Kind.CHOICE, "Column with e-mail addresses", choices=choices),),
        numbers=(("Rows without a usable address", number),),
        permission=KEEPS_TEMPLATES,
        previews=True,
    )


def _address_column(workflow: Workflow) -> str:
    mapped = [e["column"] for e in affected.template_of(workflow).mapping if e["target"] == EMAIL]
    meant = [c["name"] for c in affected.query_of(workflow).columns if c.get("meaning") == EMAIL]
    return next(iter((*mapped, *meant)), "")


def _addresses(workflow: Workflow, column: str) -> tuple[int, int]:
    """How many of the first thousand rows have a good address in a column, and how many rows there are."""
    query = affected.query_of(workflow)
    if column not in _given(workflow):
        raise Refused("Choose a column.", field="column")
    try:
        found = queries.values_of(query.source, query.sql, column)
    except (SourceError, VaultError) as error:
        raise Refused(str(error), field="column") from error
    return sum(_is_address(value) for value in found), len(found)


def _is_address(value: object) -> bool:
    try:
        return bool(normalise.email(value))
    except normalise.Refused:
        return False


def _refuse_without_addresses(workflow: Workflow, column: str) -> tuple[int, int]:
    good, tried = _addresses(workflow, column)
    if tried and not good:
        raise Refused(f"None of the first {rows_of(tried)} has an e-mail address there.", field="column")
    return good, tried


def _preview_email(trouble: Trouble, answers: Answers) -> Preview:
    good, tried = _addresses(trouble.workflow, answers.one("column"))
    share = good / tried if tried else 0.0
    return Preview(f"{good:,} of the first {rows_of(tried)} have an e-mail address there ({share:.0%}).")


def _probe_email(trouble: Trouble, answers: Answers, clock: Clock) -> None:
    column = answers.one("column")
    _refuse_without_addresses(trouble.workflow, column)
    _remapped(affected.template_of(trouble.workflow), EMAIL, column=column)


def _set_email(trouble: Trouble, answers: Answers, probed: object, person: Person, clock: Clock) -> Resolved:
    column = answers.one("column")
    _keep(trouble, person, EMAIL, column=column)
    note = f"E-mail addresses come from the column “{column}” from now on."
    return Resolved(affected.go_on(trouble, person, clock, note), note, {"column": column})


WAYS = (
    Way("map_column", _offer_map, _map, _probe_map),
    Way("change_type", _offer_type, _set_type, _probe_type, _preview_type),
    Way("map_email", _offer_email, _set_email, _probe_email, _preview_email),
)
