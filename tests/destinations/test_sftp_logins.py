"""Refused logins: two in fifteen minutes, then none, until the key is replaced or the time is over."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from credentials import host_keys, ssh_keys, vault
from credentials.models import Credential
from destinations.errors import DeliveryError, NeedsDecision
from destinations.models import Limit
from destinations.sftp.session import open_session
from tests.destinations.conftest import PatientClock
from tests.destinations.sftp_wires import HostileServer


@pytest.fixture
def attempt(clock: PatientClock) -> Callable[[Credential], NeedsDecision | None]:
    def log_in(credential: Credential) -> NeedsDecision | None:
        try:
            with open_session(credential, clock=clock):
                return None
        except NeedsDecision as error:
            return error

    return log_in


@pytest.fixture
def refused(
    hostile: HostileServer, hostile_login: Credential, attempt: Callable[[Credential], NeedsDecision | None]
) -> Credential:
    """A login that was refused twice just now."""
    hostile.faults.refuses_login = True
    for _ in range(2):
        assert attempt(hostile_login) is not None
    assert hostile.seen.login_attempts == 2
    return hostile_login


class TestLogins:
    def test_are_not_tried_a_third_time(
        self,
        refused: Credential,
        hostile: HostileServer,
        attempt: Callable[[Credential], NeedsDecision | None],
    ) -> None:
        before = hostile.seen.connections

        error = attempt(refused)

        assert error is not None
        assert error.code == "sftp_login_refused"
        assert error.after == timedelta(minutes=15)
        assert "before 12:15 UTC" in error.message
        assert (hostile.seen.connections, hostile.seen.login_attempts) == (before, 2)

    def test_are_tried_again_after_a_quarter_of_an_hour(
        self,
        refused: Credential,
        hostile: HostileServer,
        clock: PatientClock,
        attempt: Callable[[Credential], NeedsDecision | None],
    ) -> None:
        hostile.faults.refuses_login = False
        clock.sleep(899)
        assert attempt(refused) is not None
        clock.sleep(2)

        assert attempt(refused) is None

    def test_are_tried_at_once_with_a_replaced_key(
        self,
        refused: Credential,
        hostile: HostileServer,
        attempt: Callable[[Credential], NeedsDecision | None],
    ) -> None:
        hostile.faults.refuses_login = False
        vault.save_secret(refused, ssh_keys.generate().openssh)

        assert attempt(refused) is None

    def test_are_tried_at_once_with_other_pins(
        self,
        refused: Credential,
        hostile: HostileServer,
        attempt: Callable[[Credential], NeedsDecision | None],
    ) -> None:
        hostile.faults.refuses_login = False
        other = ssh_keys.generate()
        host_keys.accept(refused, type=other.type, fingerprint=other.fingerprint, by="test")

        assert attempt(refused) is None

    def test_of_another_credential_for_the_same_user_count_as_well(
        self,
        refused: Credential,
        hostile: HostileServer,
        make_login: Callable[..., Credential],
        attempt: Callable[[Credential], NeedsDecision | None],
    ) -> None:
        pins = (hostile.public_line,)
        twin = make_login(hostile.port, key=ssh_keys.generate().openssh, pins=pins, name="Twin")
        other_user = make_login(
            hostile.port, key=ssh_keys.generate().openssh, pins=pins, name="Other", user="somebody-else"
        )

        assert attempt(twin) is not None
        assert hostile.seen.login_attempts == 2
        assert attempt(other_user) is not None
        assert hostile.seen.login_attempts == 3

    def test_that_succeed_forget_those_that_did_not(
        self,
        hostile: HostileServer,
        hostile_login: Credential,
        attempt: Callable[[Credential], NeedsDecision | None],
    ) -> None:
        for refuses in (True, False, True):
            hostile.faults.refuses_login = refuses
            attempt(hostile_login)
        hostile.faults.refuses_login = False

        assert attempt(hostile_login) is None
        assert bytes(Limit.objects.get(endpoint="sftp.login").ring) == b""

    def test_that_a_server_hangs_up_on_count_as_well(
        self,
        hostile: HostileServer,
        hostile_login: Credential,
        clock: PatientClock,
    ) -> None:
        hostile.faults.hangs_up_at_login = True
        codes = []
        for _ in range(3):
            with pytest.raises(DeliveryError) as caught:
                open_session(hostile_login, clock=clock)
            codes.append(caught.value.code)

        assert codes == ["sftp_unavailable", "sftp_unavailable", "sftp_login_refused"]
        assert hostile.seen.login_attempts == 2

    def test_are_not_tried_without_a_host_or_a_user(
        self, make_login: Callable[..., Credential], attempt: Callable[[Credential], NeedsDecision | None]
    ) -> None:
        error = attempt(make_login(22, key=ssh_keys.generate().openssh, user=""))

        assert error is not None
        assert error.code == "sftp_login_refused"
