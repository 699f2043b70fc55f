"""One list, one mirror: two queries cannot both be what a list is equal to."""

from workflows.models import Orchestration


def beside(orchestration: Orchestration, *, list_name: str) -> str:
    """Say which other orchestration feeds the list of that name in the same account, or ''.

    Several may add to one list; a mirror tolerates nobody beside it.
    """
    template = orchestration.template
    others = Orchestration.objects.exclude(pk=orchestration.pk).filter(template__list_name=list_name)
    if account := template.destination.account_id:
        others = others.filter(template__destination__account_id=account)
    else:
        others = others.filter(template__destination=template.destination)
    other = others.first()
    if other is None or "mirror" not in {template.mode, *others.values_list("template__mode", flat=True)}:
        return ""
    return (
        f"“{other}” feeds the list “{list_name}” too, and a mirror tolerates nobody beside it. "
        "Give one of them another list name."
    )
