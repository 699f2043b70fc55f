"""Rows for tests of the engine's own rules; nothing here speaks to anything."""

import uuid
from typing import Any

from audiences.models import Query, Source
from credentials import vault
from credentials.models import Credential
from destinations.models import DataTemplate, Destination
from workflows.models import Orchestration, Workflow
from workflows.start import start


def an_orchestration(**given: Any) -> Orchestration:
    mark = uuid.uuid4().hex[:8]
    credential = Credential(name=f"Key {mark}", kind="klaviyo_api_key")
    vault.save_secret(credential, "pk_" + uuid.uuid4().hex + "00")
    destination = Destination.objects.create(
        name=f"Klaviyo {mark}", plugin="klaviyo", credential=credential, account_id=f"acc{mark}"
    )
    source = Source.objects.create(name=f"Source {mark}", kind="files", settings={"path": "/nowhere"})
    columns = [{"name": "email", "type": "text", "meaning": "email", "pii": True}]
    query = Query.objects.create(
        name=f"Query {mark}", source=source, sql="select 1", state="active", version=1, columns=columns
    )
    template = DataTemplate.objects.create(destination=destination, name="Template", list_name="VIP")
    return Orchestration.objects.create(name=f"Order {mark}", query=query, template=template, **given)


def a_workflow(**given: Any) -> Workflow:
    workflow = start(an_orchestration(), by="a test", trigger="manual")
    for name, value in given.items():
        setattr(workflow, name, value)
    workflow.save()
    return workflow
