"""Trouble with who may send what."""

from destinations.models import DataTemplate, Destination
from tests.faults.codes.stage import Stage
from workflows.models import Workflow

OPEN_LIST = "VIP, open"


def restricted(stage: Stage) -> Workflow:
    """Somebody who may not see personal data started a run to a destination that takes none from them."""
    company = stage.open()
    destination = company.orchestration.template.destination
    Destination.objects.filter(pk=destination.pk).update(allows_restricted=False)
    other = Destination.objects.create(
        name="Klaviyo, open",
        plugin="klaviyo",
        credential=company.credential,
        account_id=destination.account_id,
        account_name=destination.account_name,
    )
    stage.prepared["open"] = DataTemplate.objects.create(destination=other, name="Open", list_name=OPEN_LIST)
    return stage.run(restricted=True)
