import hashlib
import time
from pathlib import Path

import pytest

from simulator.control import Account, Simulator
from tests.simulator.plain_sftp import Uploader, ended, people, settle, table, until, write


@pytest.fixture
def uploader(account: Account) -> Uploader:
    account.sftp_settings(delay_seconds=0)
    return Uploader(account)


@pytest.fixture
def list_id(account: Account) -> str:
    return account.list_named("VIP")


class TestRows:
    def test_put_people_on_the_list_they_name(self, account: Account, uploader: Uploader, list_id: str):
        other = account.list_named("Other")
        rows = [f"ada@example.org,{list_id}", f"grace@example.org,{other}", "joan@example.org,"]

        done = uploader.upload_settled(table("Email,List ID", rows))

        assert (done["rows"], done["ingested"], done["failed"]) == (3, 3, 0)
        assert account.members("VIP") == {"ada@example.org"}
        assert account.members("Other") == {"grace@example.org"}
        assert account.profile("joan@example.org")["lists"] == {}

    def test_become_properties_save_for_the_identifiers(self, account: Account, uploader: Uploader):
        header = "ExternalID,Email,Favourite colour,email,PhoneNumber"
        uploader.upload_settled(table(header, ['7,Ada@Example.org,"blue, or\nso",x,+15005550006']))

        profile = account.profile("ada@example.org")

        assert (profile["external_id"], profile["phone_number"]) == ("7", "+15005550006")
        assert profile["properties"] == {"Favourite colour": "blue, or\nso", "email": "x"}

    def test_become_fields_where_an_account_says_so(self, account: Account, uploader: Uploader):
        account.sftp_settings(headers={"First Name": "first_name", "City": "location.city"})

        uploader.upload_settled(table("Email,First Name,City", ["ada@example.org,Ada,London"]))

        profile = account.profile("ada@example.org")
        assert (profile["first_name"], profile["location"]) == ("Ada", {"city": "London"})
        assert "properties" not in profile

    def test_leave_alone_what_an_empty_cell_is_about(self, account: Account, uploader: Uploader):
        uploader.upload_settled(table("Email,Tier", ["ada@example.org,gold"]))
        uploader.upload_settled(table("Email,Tier", ["ada@example.org,"]))

        assert account.profile("ada@example.org")["properties"] == {"Tier": "gold"}

    def test_are_taken_in_without_a_list_when_it_is_not_there(self, account: Account, uploader: Uploader):
        done = uploader.upload_settled(people(2, "NoSuch"))

        assert (done["ingested"], done["unlisted"]) == (2, 2)
        assert account.counts()["profiles"] == 2

    def test_fail_one_by_one(self, account: Account, uploader: Uploader, list_id: str):
        account.import_settings(fail=["refused"])
        rows = ["ada@example.org,", "not an address,", ",", "refused@example.org,", "a@example.org,,more"]

        done = uploader.upload_settled(table("Email,PhoneNumber", rows))

        assert (done["rows"], done["ingested"], done["failed"]) == (5, 1, 4)
        assert done["report"] == "Import of people.csv is done: 5 rows, 4 of them failed."

    @pytest.mark.parametrize("header", ["email,List ID", "E-mail", " Email", "", "﻿Email"])
    def test_fail_together_without_a_header_that_is_spelled_so(
        self, account: Account, uploader: Uploader, header: str
    ):
        done = uploader.upload_settled(table(header, ["ada@example.org"]))

        assert (done["status"], done["state"], done["rows"]) == ("failed", "complete", 0)
        assert "none of Email, PhoneNumber and ExternalID" in str(done["report"])
        assert account.counts()["profiles"] == 0

    def test_are_only_taken_from_profiles(self, account: Account, uploader: Uploader):
        uploader.upload(people(1), "events/people.csv")

        assert [file["status"] for file in account.sftp_files()] == ["kept"]
        assert account.counts()["unfinished_ingests"] == 0


class TestPartialUpload:
    """AWS Transfer calls a file that was open at the end a partial upload, and may process it."""

    def test_is_taken_in_with_its_damaged_last_row(self, account: Account, uploader: Uploader, list_id: str):
        data = table("List ID,Email", [f"{list_id},p{n}@example.community" for n in range(10)])

        with uploader.connect() as client:
            file = client.open("profiles/people.csv", "w")
            file.write(data[:-7])
            client.get_channel().get_transport().close()
        found = ended(account)[0]
        settle(account)

        assert found["state"] == "cut"
        assert found["sha256"] == hashlib.sha256(data[:-7]).hexdigest()
        assert "p9@example.com" in account.members("VIP")
        assert len(account.members("VIP")) == 10

    def test_fails_in_its_last_row_when_that_is_no_address(self, account: Account, uploader: Uploader):
        with uploader.connect() as client:
            client.open("profiles/people.csv", "w").write(b"Email\nada@example.org\ngrace@exam")
        ended(account)
        settle(account)

        assert [(f["ingested"], f["failed"]) for f in account.sftp_files()] == [(1, 1)]


class TestPace:
    def test_waits_until_it_is_let_go(self, account: Account, uploader: Uploader, list_id: str):
        account.sftp_settings(delay_seconds=600, rows_per_second=1)
        uploader.upload(people(50, list_id))

        waiting = account.counts()["unfinished_ingests"]
        released = account.release_ingests()
        settle(account)

        assert (waiting, released) == (1, 1)
        assert len(account.members("VIP")) == 50

    def test_shows_members_while_rows_are_taken_slowly(
        self, account: Account, uploader: Uploader, list_id: str
    ):
        account.sftp_settings(rows_per_second=200)
        uploader.upload(people(400, list_id))

        until(lambda: account.members("VIP"))
        some = len(account.members("VIP"))
        account.release_ingests()
        settle(account)

        assert some < 400
        assert len(account.members("VIP")) == 400

    def test_takes_one_file_after_the_other(self, account: Account, uploader: Uploader):
        account.sftp_settings(delay_seconds=600)
        for n in range(3):
            uploader.upload(table("Email,Tier", [f"ada@example.org,{n}"]), f"profiles/{n}.csv")

        account.release_ingests()
        settle(account)

        assert account.profile("ada@example.org")["properties"] == {"Tier": "2"}

    def test_takes_a_hundred_thousand_rows_in_seconds(
        self, account: Account, uploader: Uploader, list_id: str
    ):
        began = time.monotonic()

        done = uploader.upload_settled(people(100_000, list_id))

        assert done["ingested"] == 100_000
        assert time.monotonic() - began < 40
        assert len(account.members("VIP")) == 100_000


class TestLoss:
    def test_is_the_same_for_the_same_seed(self, account: Account, uploader: Uploader, list_id: str):
        account.sftp_settings(drop_share=0.01, drop_seed=7)

        first = uploader.upload_settled(people(10_000, list_id))
        lost = account.sftp_dropped()
        uploader.upload_settled(people(10_000))

        assert 60 < len(lost) < 140
        assert (first["ingested"], first["dropped"]) == (10_000 - len(lost), len(lost))
        assert account.members("VIP").isdisjoint(lost)
        assert account.sftp_dropped() == lost * 2

    def test_takes_whom_a_pattern_matches(self, account: Account, uploader: Uploader, list_id: str):
        account.sftp_settings(drop=["^p[12]@"])

        done = uploader.upload_settled(people(4, list_id))

        assert account.sftp_dropped() == ["p1@example.org", "p2@example.org"]
        assert (done["rows"], done["failed"]) == (4, 0)

    def test_ends_after_so_many_files(self, account: Account, uploader: Uploader, list_id: str):
        account.sftp_settings(drop=["p1@"], drop_files=1)

        for _ in range(2):
            uploader.upload_settled(people(3, list_id))

        assert account.sftp_dropped() == ["p1@example.org"]
        assert len(account.members("VIP")) == 3


class TestFiles:
    def test_can_be_looked_at_afterwards(self, account: Account, uploader: Uploader):
        data = people(3)
        account.sftp_settings(taken_at_once=True)

        with uploader.connect() as client:
            write(client, data)
            with pytest.raises(FileNotFoundError):
                client.stat("profiles/people.csv")

        assert account.sftp_file("people.csv") == account.sftp_file("/profiles/people.csv") == data
        assert account.sftp_uploaded_bytes == len(data)
        assert account.sftp_files()[0]["sha256"] == hashlib.sha256(data).hexdigest()

    def test_stay_until_they_are_in(self, account: Account, uploader: Uploader):
        account.sftp_settings(removed_after_ingest=True, delay_seconds=600)
        with uploader.connect() as client:
            write(client, people(1))
            before = client.listdir("profiles")

            account.release_ingests()
            until(lambda: client.listdir("profiles") == [])

            assert before == ["people.csv"]

    def test_are_taken_in_as_uploaded_whatever_becomes_of_the_name(
        self, account: Account, uploader: Uploader
    ):
        account.sftp_settings(delay_seconds=600)
        with uploader.connect() as client:
            write(client, people(1))
            write(client, people(1, first=1))
            client.rename("profiles/people.csv", "profiles/others.csv")
            client.remove("profiles/others.csv")

        account.release_ingests()
        settle(account)

        assert account.counts()["profiles"] == 2

    def test_are_not_taken_in_when_they_are_removed_before_they_are_closed(
        self, account: Account, uploader: Uploader
    ):
        with uploader.connect() as client:
            with client.open("profiles/people.csv", "w") as file:
                file.write(people(1))
                client.remove("profiles/people.csv")
            write(client, people(1, first=1), "profiles/others.csv")
        settle(account)

        removed, taken = account.sftp_files()
        assert (removed["state"], removed["status"], removed["bytes"]) == ("removed", "kept", len(people(1)))
        assert (taken["state"], taken["status"]) == ("complete", "done")
        assert account.counts()["profiles"] == 1

    def test_with_a_name_of_their_own_while_they_grow(self, account: Account, uploader: Uploader):
        account.sftp_settings(ingest_ignores=[r"\.part$"])
        with uploader.connect() as client:
            write(client, people(1), "profiles/people.csv.part")
            before = account.sftp_files()[0]["status"]

            client.posix_rename("profiles/people.csv.part", "profiles/people.csv")
        settle(account)

        assert before == "kept"
        assert account.counts()["profiles"] == 1

    def test_of_two_accounts_are_kept_apart(self, simulator: Simulator, account: Account, uploader: Uploader):
        other = simulator.account("Other shop")
        other.sftp_settings(delay_seconds=0)
        theirs = Uploader(other)

        uploader.upload(people(1))
        theirs.upload(people(1, first=1))
        settle(account)
        settle(other)

        with theirs.connect() as client:
            assert client.listdir("profiles") == ["people.csv"]
            assert client.stat("profiles/people.csv").st_size == len(people(1, first=1))
        assert other.profile("p1@example.org")["email"] == "p1@example.org"
        assert (account.counts()["profiles"], other.counts()["profiles"]) == (1, 1)
        assert len(account.sftp_files()) == len(other.sftp_files()) == 1

    def test_are_gone_after_a_reset(self, account: Account, uploader: Uploader):
        account.sftp_settings(delay_seconds=600, drop_share=0.5)
        account.sftp_fault("deny", at="open", path="later")
        uploader.upload(people(1))

        account.reset()

        assert account.sftp_files() == account.sftp_log() == account.sftp_faults() == []
        assert account.sftp_uploaded_bytes == account.counts()["unfinished_ingests"] == 0
        assert account.sftp_settings()["drop_share"] == 0
        again = Uploader(account)
        with again.connect() as client:
            assert client.listdir("profiles") == []


class TestProcess:
    def test_takes_in_what_a_killed_one_left(self, tmp_path: Path):
        with Simulator.start(tmp_path) as first:
            account = first.account("Shop", key="pk_kept")
            account.sftp_settings(delay_seconds=600)
            uploader = Uploader(account)
            uploader.upload(people(10, account.list_named("VIP")))
            with uploader.connect() as client:
                file = client.open("profiles/open.csv", "w")
                file.write(people(1, first=10) + b"p11@exa")
                first.process.kill()
                first.process.wait()
            door = account.sftp if first.process.poll() is None else None

        with Simulator.start(tmp_path) as second:
            again = second.account("Shop", key="pk_kept")
            again.release_ingests()
            settle(again)

            assert door is None
            assert [file["state"] for file in again.sftp_files()] == ["complete", "cut"]
            assert len(again.members("VIP")) == 10
            assert again.counts()["profiles"] == 11

    def test_keeps_its_memory_small(self, tmp_path: Path):
        with Simulator.start(tmp_path) as simulator:
            account = simulator.account()
            uploader = Uploader(account)
            account.sftp_settings(delay_seconds=0, rows_per_second=0)
            uploader.upload_settled(people(2_000))
            before = peak_bytes(simulator.process.pid)
            rows = [f"p{n % 5000}@example.org,{'x' * 1000}" for n in range(30_000)]

            uploader.upload_settled(table("Email,Note", rows))

            assert account.sftp_files()[-1]["rows"] == 30_000
            assert peak_bytes(simulator.process.pid) - before < 25_000_000


def peak_bytes(pid: int) -> int:
    """Return the most memory a process has held."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))
