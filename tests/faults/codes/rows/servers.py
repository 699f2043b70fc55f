"""Servers that take files."""

from credentials import ssh_keys
from tests.faults.codes.provoking import files, servers
from tests.faults.codes.provoking.files import OTHERS
from tests.faults.codes.row import End
from tests.faults.codes.scenario import Answer, Press, Scenario, nobody
from tests.faults.codes.stage import Stage
from workflows.models import Workflow


def server_mended(stage: Stage) -> None:
    """The server does as it should again."""
    stage.klaviyo.clear_sftp_faults()


def people_released(stage: Stage) -> None:
    """Klaviyo took the file in."""
    stage.klaviyo.release_ingests()


def others_kept(stage: Stage, last: Workflow) -> None:
    """Nobody's file was touched, and ours lies beside them."""
    others = stage.prepared["others"]
    assert all(path.read_text() == OTHERS for path in others), "a file of somebody else was touched"
    assert len(list(others[0].parent.iterdir())) == len(others) + 1, "our file is not there"


def fingerprint(stage: Stage) -> str:
    """What the owner of the server names."""
    return stage.klaviyo.sftp.fingerprint


def fingerprint_shown(stage: Stage) -> str:
    """What the page shows, and the owner of the server, who did put another machine there, confirms."""
    return stage.prepared["stopped"].error["presented"].split()[1]


def key_let_in(stage: Stage) -> None:
    """Whoever keeps the server let another key in."""
    key = ssh_keys.generate()
    stage.klaviyo.authorize(key.public_line)
    stage.prepared["key"] = key.openssh


def key_that_is_let_in(stage: Stage) -> str:
    return stage.prepared["key"]


def in_folder(name: str) -> Press:
    return Press("change_folder", {"folder": name})


def accepted(answer: Answer) -> Press:
    return Press("accept_host_key", {"fingerprint": answer})


BY_API = Press("send_by_api")
RETRY = Press("retry")
APPROVED = (Press("approve"),)

ROWS = (
    Scenario("sftp_unconfirmed", servers.losing_people, Press("send_missing")),
    Scenario(
        "sftp_unconfirmed",
        servers.slow_to_take_in,
        Press("wait_longer", {"minutes": "5"}),
        outside=people_released,
    ),
    Scenario("host_key_unknown", servers.not_accepted, accepted(fingerprint)),
    Scenario("host_key_changed", servers.another_host_key, accepted(fingerprint_shown)),
    Scenario("sftp_moved", servers.moved, Press("put_server_back")),
    Scenario(
        "sftp_login_refused",
        servers.refusing_the_login,
        Press("change_sftp_login", {"key": key_that_is_let_in}),
        outside=key_let_in,
    ),
    Scenario("sftp_denied", servers.denied_in_events, in_folder("profiles")),
    Scenario("sftp_folder_missing", servers.without_events, in_folder("profiles")),
    Scenario("sftp_not_possible", servers.without_a_key, Press("fastest_way")),
    Scenario("file_unconfirmed", files.overwritten, Press("restart"), members=nobody),
    Scenario("file_unconfirmed", files.overwritten, Press("discard"), end=End.GIVEN_UP, members=nobody),
    Scenario("file_unconfirmed", files.fetched_at_once, Press("set_aside"), end=End.LEFT, members=nobody),
    Scenario("host_key_unknown", servers.not_accepted, BY_API, then=APPROVED),
    Scenario("host_key_changed", servers.another_host_key, BY_API),
    Scenario("sftp_moved", servers.moved, BY_API, then=APPROVED),
    Scenario("sftp_login_refused", servers.refusing_the_login, BY_API),
    Scenario("sftp_denied", servers.denied, RETRY, outside=server_mended),
    Scenario("sftp_denied", servers.denied, BY_API),
    Scenario("sftp_folder_missing", servers.without_a_folder, RETRY, outside=server_mended),
    Scenario("sftp_folder_missing", servers.without_a_folder, BY_API),
    Scenario("sftp_no_space", servers.full, RETRY, outside=server_mended),
    Scenario("sftp_no_space", servers.full, BY_API),
    Scenario("sftp_unavailable", servers.silent, RETRY, outside=server_mended),
    Scenario("sftp_unavailable", servers.silent, BY_API),
    Scenario("sftp_cut", servers.cut, RETRY, outside=server_mended),
    Scenario("sftp_cut", servers.cut, BY_API),
    Scenario("sftp_not_possible", servers.without_a_key, BY_API),
    Scenario("sftp_name_taken", files.names_taken, Press("restart"), members=nobody, check=others_kept),
    Scenario("sftp_name_taken", files.names_taken, RETRY, members=nobody, check=others_kept),
    Scenario("file_unconfirmed", files.fetched_at_once, Press("restart"), members=nobody),
)
