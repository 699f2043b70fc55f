"""Uploads to OpenSSH's own server: the bytes, the names, the keys, and what is told on the way."""

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from credentials import host_keys, ssh_keys
from credentials.models import Credential
from destinations.calls import Answer, Call
from destinations.clock import SystemClock
from destinations.csv_file import Block
from destinations.errors import DeliveryError, NeedsDecision, Rejected
from destinations.sftp import pipeline
from destinations.sftp.pipeline import PipelinedFile, PlainFile
from destinations.sftp.session import Entry, Session, open_session
from destinations.sftp.upload import staged_name
from destinations.sftp.wire import LIMITS
from simulator.control import Account
from tests.sshd import OpenSSH

HEADER = b"Email,ExternalID\n"


def row(number: int) -> bytes:
    return f"person{number:06d}@example.org,x-{number}\n".encode()


def some_blocks(rows: int = 30_000, *, rows_in_block: int = 7_000) -> list[Block]:
    blocks = [Block(HEADER, 0)]
    for start in range(0, rows, rows_in_block):
        numbers = range(start, min(start + rows_in_block, rows))
        blocks.append(Block(b"".join(map(row, numbers)), len(numbers)))
    return blocks


def whole(blocks: list[Block]) -> bytes:
    return b"".join(bytes(block.data) for block in blocks)


def ignore(size: int, rows: int) -> None:
    """For uploads whose progress nobody asks for."""


class Journal:
    """Hooks that remember."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.outcomes: list[tuple[object, DeliveryError | None, Answer | None]] = []

    def before(self, call: Call) -> object:
        self.calls.append(call)
        return len(self.calls)

    def leaving(self, token: object) -> None:
        """Nobody is ever late here."""

    def after(self, token: object, outcome: DeliveryError | None, answer: Answer | None) -> None:
        self.outcomes.append((token, outcome, answer))


@pytest.fixture
def session(login: Credential) -> Iterator[Session]:
    with open_session(login, clock=SystemClock()) as opened:
        yield opened


class TestUpload:
    def test_puts_the_very_bytes_there(self, session: Session, openssh: OpenSSH) -> None:
        blocks = some_blocks()

        uploaded = session.upload(blocks, folder="profiles", name="part.csv", pulse=ignore)

        stored = (openssh.folder / "profiles/part.csv").read_bytes()
        assert stored == whole(blocks)
        assert uploaded.sha256 == hashlib.sha256(stored).hexdigest()
        assert (uploaded.name, uploaded.bytes, uploaded.rows, uploaded.state) == (
            "part.csv",
            len(stored),
            30_000,
            "stored",
        )

    def test_does_the_same_without_the_names_the_library_keeps_to_itself(
        self, session: Session, openssh: OpenSSH, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        blocks, kinds = some_blocks(), []
        for private in ((), ("gone_in_this_version",)):
            monkeypatch.setattr(pipeline, "_PRIVATE", (*pipeline._PRIVATE, *private))
            path = f"profiles/{len(private)}.csv"
            file = pipeline.create(session._client, path, ignore)
            for block in blocks:
                for start in range(0, len(block.data), 32_000):
                    file.write(memoryview(block.data)[start : start + 32_000], 0)
            file.finish()
            kinds.append(type(file))

        assert kinds == [PipelinedFile, PlainFile]
        for name in ("0.csv", "1.csv"):
            assert (openssh.folder / "profiles" / name).read_bytes() == whole(blocks)

    def test_tells_what_the_server_confirmed(self, session: Session) -> None:
        told: list[tuple[int, int]] = []
        blocks = some_blocks(300_000)

        session.upload(blocks, folder="profiles", name="a.csv", pulse=lambda *facts: told.append(facts))

        assert told == sorted(told)
        assert len(told) >= 3
        assert told[-1] == (len(whole(blocks)), 300_000)

    def test_never_writes_over_a_file(self, session: Session, openssh: OpenSSH) -> None:
        there = openssh.folder / "profiles/part.csv"
        there.write_text("precious")

        with pytest.raises(Rejected) as caught:
            session.upload(some_blocks(), folder="profiles", name="part.csv", pulse=ignore)

        assert caught.value.code == "sftp_name_taken"
        assert there.read_text() == "precious"

    def test_gives_a_staged_file_its_name_at_the_end(self, session: Session, openssh: OpenSSH) -> None:
        seen: list[set[str]] = []

        def look(size: int, rows: int) -> None:
            seen.append({path.name for path in (openssh.folder / "profiles").iterdir()})

        uploaded = session.upload(
            some_blocks(100_000), folder="profiles", name="a.csv", pulse=look, staging=True
        )

        assert {".a.csv.uploading"} in seen
        assert not any("a.csv" in names for names in seen)
        assert session.listing("profiles") == [Entry("a.csv", uploaded.bytes)]

    def test_takes_the_place_of_what_a_cut_upload_left_staged(
        self, session: Session, openssh: OpenSSH
    ) -> None:
        left = openssh.folder / "profiles/.a.csv.uploading"
        left.write_text("half")

        session.upload(some_blocks(), folder="profiles", name="a.csv", pulse=ignore, staging=True)

        assert not left.exists()
        assert (openssh.folder / "profiles/a.csv").read_bytes() == whole(some_blocks())

    def test_removes_what_was_written_when_the_pulse_raises(self, session: Session, openssh: OpenSSH) -> None:
        def stop(size: int, rows: int) -> None:
            raise OSError("the lease is lost")

        with pytest.raises(OSError, match="the lease is lost"):
            session.upload(some_blocks(100_000), folder="profiles", name="a.csv", pulse=stop)

        assert list((openssh.folder / "profiles").iterdir()) == []
        assert session.listing("profiles") == []

    def test_removes_what_was_written_when_the_rows_cannot_be_read(
        self, session: Session, openssh: OpenSSH
    ) -> None:
        def broken() -> Iterator[Block]:
            yield from some_blocks()
            raise OSError("the file of rows is gone")

        with pytest.raises(OSError, match="the file of rows is gone"):
            session.upload(broken(), folder="profiles", name="a.csv", pulse=ignore)

        assert list((openssh.folder / "profiles").iterdir()) == []

    def test_never_splits_a_row(self, session: Session, openssh: OpenSSH) -> None:
        long = Block(b"x" * 300_000 + b"\n", 1)

        with pytest.raises(Rejected) as caught:
            session.upload([*some_blocks(), long], folder="profiles", name="a.csv", pulse=ignore)

        assert caught.value.code == "too_large"
        assert "261,120 bytes" in caught.value.message
        assert list((openssh.folder / "profiles").iterdir()) == []

    def test_announces_itself_and_says_what_came_of_it(self, login: Credential) -> None:
        journal = Journal()
        with open_session(login, clock=SystemClock(), hooks=journal) as session:
            session.upload(some_blocks(), folder="profiles", name="a.csv", pulse=ignore)
            with pytest.raises(Rejected):
                session.upload(some_blocks(), folder="profiles", name="a.csv", pulse=ignore)

        expected = Call("sftp.upload", "PUT", "profiles/a.csv", effect="repeatable")
        assert journal.calls == [expected, expected]
        (first, nothing, answer), (second, outcome, no_answer) = journal.outcomes
        assert (first, nothing, second, no_answer) == (1, None, 2, None)
        assert answer is not None
        assert answer.data is not None
        assert answer.data["rows"] == 30_000
        assert outcome is not None
        assert outcome.code == "sftp_name_taken"

    def test_says_that_nothing_was_left_when_the_pulse_raises_and_the_file_could_be_removed(
        self, login: Credential, openssh: OpenSSH
    ) -> None:
        def stop(size: int, rows: int) -> None:
            raise OSError("the lease is lost")

        journal = Journal()
        with (
            open_session(login, clock=SystemClock(), hooks=journal) as session,
            pytest.raises(OSError, match="the lease is lost"),
        ):
            session.upload(some_blocks(100_000), folder="profiles", name="a.csv", pulse=stop)

        ((_, outcome, answer),) = journal.outcomes
        assert answer is None
        assert outcome is not None
        assert outcome.left_nothing
        assert list((openssh.folder / "profiles").iterdir()) == []

    def test_says_that_the_folder_is_missing(self, session: Session) -> None:
        with pytest.raises(NeedsDecision) as caught:
            session.upload(some_blocks(), folder="nowhere", name="a.csv", pulse=ignore)

        assert caught.value.code == "sftp_folder_missing"

    def test_says_that_the_folder_may_not_be_written(self, session: Session, openssh: OpenSSH) -> None:
        (openssh.folder / "profiles").chmod(0o555)

        with pytest.raises(NeedsDecision) as caught:
            session.upload(some_blocks(), folder="profiles", name="a.csv", pulse=ignore)

        assert caught.value.code == "sftp_denied"

    def test_refuses_a_name_that_leads_elsewhere(self, session: Session) -> None:
        for name in ("../a.csv", "a/b.csv", "..", "", "a\nb.csv"):
            with pytest.raises(ValueError, match="cannot be the name"):
                session.upload(some_blocks(), folder="profiles", name=name, pulse=ignore)


class TestStopped:
    """An upload that is ended on our side, to an account that takes files in when they are closed."""

    @pytest.mark.parametrize("by", ["pulse", "rows"])
    def test_leaves_nobody_on_the_list(
        self, by: str, make_login: Callable[..., Credential], klaviyo: Account
    ) -> None:
        key, door = ssh_keys.generate(), klaviyo.sftp
        klaviyo.authorize(key.public_line)
        klaviyo.sftp_settings(delay_seconds=0)
        login = make_login(door.port, key=key.openssh, user=door.user, kind="klaviyo_sftp")
        host_keys.accept(login, type=door.host_key_type, fingerprint=door.fingerprint, by="test")
        header = Block(b"Email,List ID\n", 0)
        row = f"@example.org,{klaviyo.list_named('VIP')}\n"
        people = [Block("".join(f"p{n}{row}" for n in range(40_000)).encode(), 40_000)]

        def rows() -> Iterator[Block]:
            yield header
            yield from people
            if by == "rows":
                raise OSError("enough")

        def pulse(size: int, count: int) -> None:
            if by == "pulse":
                raise OSError("enough")

        with open_session(login, clock=SystemClock()) as session:
            with pytest.raises(OSError, match="enough"):
                session.upload(rows(), folder="profiles", name="a.csv", pulse=pulse)
            after = session.upload([header], folder="profiles", name="b.csv", pulse=ignore)
            klaviyo.release_ingests()

        stopped, last = klaviyo.sftp_files()
        assert stopped["received"] > 500_000
        assert (stopped["state"], stopped["status"], last["name"]) == ("removed", "kept", after.name)
        assert klaviyo.members("VIP") == set()


class TestSession:
    def test_lists_files_with_their_sizes(self, session: Session, openssh: OpenSSH) -> None:
        for number in range(300):
            (openssh.folder / f"profiles/{number}.csv").write_bytes(b"x" * number)

        found = session.listing("profiles")

        assert sorted(found, key=lambda each: each.bytes) == [Entry(f"{n}.csv", n) for n in range(300)]
        assert session.listing(".") == []

    def test_reads_a_file_back(self, session: Session, openssh: OpenSSH) -> None:
        content = b"row\n" * 200_000
        (openssh.folder / "profiles/a.csv").write_bytes(content)

        found = session.digest("profiles", "a.csv")

        assert found == (800_000, hashlib.sha256(content).hexdigest())
        assert session.digest("profiles", "gone.csv") is None

    def test_reads_no_more_than_it_was_told_a_file_should_have(
        self, session: Session, openssh: OpenSSH
    ) -> None:
        content = b"row\n" * 200_000
        (openssh.folder / "profiles/a.csv").write_bytes(content)

        found = session.digest("profiles", "a.csv", at_most=100)

        assert found == (101, hashlib.sha256(content[:101]).hexdigest())
        equal = (len(content), hashlib.sha256(content).hexdigest())
        assert session.digest("profiles", "a.csv", at_most=len(content)) == equal
        assert session.digest("profiles", "a.csv", at_most=len(content) + 1) == equal

    def test_removes_a_file_and_says_whether_it_is_gone(self, session: Session, openssh: OpenSSH) -> None:
        folder = openssh.folder / "profiles"
        for name in ("a.csv", staged_name("b.csv")):
            (folder / name).write_text("x")

        assert session.remove("profiles", "a.csv")
        assert session.remove("profiles", staged_name("b.csv"))
        assert session.remove("profiles", "never there.csv")
        assert list(folder.iterdir()) == []
        (folder / "kept.csv").write_text("x")
        folder.chmod(0o555)
        assert not session.remove("profiles", "kept.csv")
        with pytest.raises(ValueError, match="cannot be the name"):
            session.remove("profiles", "../a.csv")

    def test_negotiates_what_is_fast_and_safe(self, session: Session) -> None:
        cipher, host_key, is_strict = session.negotiated

        assert cipher == "aes128-gcm@openssh.com"
        assert host_key == "ssh-ed25519"
        assert is_strict
        assert LIMITS in session.extensions

    @pytest.mark.parametrize("kind", ["ssh-ed25519", "ecdsa-sha2-nistp256", "ssh-rsa"])
    def test_knows_a_server_by_any_type_of_key(
        self, kind: str, make_login: Callable[..., Credential], openssh: OpenSSH
    ) -> None:
        credential = make_login(
            openssh.port, key=openssh.private_key, user=openssh.user, pins=(openssh.host_keys[kind],)
        )

        with open_session(credential, clock=SystemClock()) as session:
            _, proof, _ = session.negotiated

        assert proof == {"ssh-rsa": "rsa-sha2-512"}.get(kind, kind)

    @pytest.mark.parametrize(
        "key",
        [
            rsa.generate_private_key(65537, 2048),
            ec.generate_private_key(ec.SECP256R1()),
            ec.generate_private_key(ec.SECP384R1()),
            ec.generate_private_key(ec.SECP521R1()),
        ],
        ids=["rsa", "p256", "p384", "p521"],
    )
    def test_logs_in_with_every_type_of_key(
        self,
        key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey,
        make_login: Callable[..., Credential],
        openssh: OpenSSH,
    ) -> None:
        text = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
        openssh.authorise(ssh_keys.read(text).public_line)
        pins = tuple(openssh.host_keys.values())
        credential = make_login(openssh.port, key=text, user=openssh.user, pins=pins)

        with open_session(credential, clock=SystemClock()) as session:
            assert session.listing("profiles") == []

    def test_asks_no_other_key_on_this_machine(self) -> None:
        folder = Path(pipeline.__file__).parent
        words = ("AutoAdd" + "Policy", "Warning" + "Policy", "SSHClient", "look_for_keys", "Agent(")

        found = [word for path in folder.glob("*.py") for word in words if word in path.read_text()]

        assert found == []
