"""Circuits: when one workflow may try a refused credential, however long it has been refused."""

from datetime import timedelta

import pytest

from tests.workflows.factories import a_workflow
from workflows import circuits
from workflows.clock import DatabaseClock
from workflows.models import Circuit

pytestmark = pytest.mark.django_db


class TestAdmit:
    @pytest.mark.parametrize(("probes", "minutes"), [(0, 30), (2, 120), (3, 240), (36, 240), (5_000, 240)])
    def test_tries_ever_slower_and_never_stops_to(self, probes: int, minutes: int):
        workflow, now = a_workflow(), DatabaseClock().now()
        credential = workflow.orchestration.template.destination.credential
        Circuit.objects.create(
            credential=credential,
            account_id=workflow.account_id,
            code="invalid_credentials",
            credential_version=credential.version,
            opened_at=now,
            probe_at=now,
            probes=probes,
        )

        assert circuits.admit(workflow, now)

        circuit = Circuit.objects.get()
        assert (circuit.probes, circuit.probe_at - now) == (probes + 1, timedelta(minutes=minutes))
