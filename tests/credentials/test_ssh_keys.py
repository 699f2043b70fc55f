"""Private keys of SSH: what is taken, what is refused and why, and that no message repeats them."""

import base64
import warnings

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from credentials import ssh_keys
from tests.credentials import ssh

pytestmark = pytest.mark.filterwarnings("ignore:.*DSA.*")
FORMS = [
    (name, form) for name in ssh.TYPES for form in ssh.FORMS if not (name == "ed25519" and form == "pem")
]


def refused(text: str, passphrase: str | None = None) -> str:
    with pytest.raises(ssh_keys.BadKey) as bad:
        ssh_keys.read(text, passphrase)
    assert not any(line in str(bad.value) for line in ssh.canaries(text))
    assert bad.value.__cause__ is None
    return str(bad.value)


class TestRead:
    @pytest.mark.parametrize(("name", "form"), FORMS)
    def test_takes_every_form_and_says_it_in_one(self, name, form):
        plain = ssh_keys.read(ssh.text(name, form))
        locked = ssh_keys.read(ssh.text(name, form, ssh.PASSPHRASE), ssh.PASSPHRASE)

        assert plain.type == locked.type == ssh.TYPES[name]
        assert plain.public_line == locked.public_line == ssh.public_line(name)
        assert plain.openssh.startswith("-----BEGIN OPENSSH PRIVATE KEY-----\n")
        assert ssh_keys.read(locked.openssh).public_line == plain.public_line

    def test_names_a_key_as_ssh_keygen_does(self):
        key = ssh_keys.read(ssh.KEYGEN, "correct horse")

        assert key.fingerprint == ssh.KEYGEN_FINGERPRINT
        assert len(key.public_line.split()) == 2

    @pytest.mark.parametrize(
        "spoil",
        [
            lambda text: text.replace("\n", "\r\n"),
            lambda text: f"\n\n  {text}\n ",
            lambda text: text.replace("\n", "\n    "),
            lambda text: text.rstrip("\n"),
        ],
        ids=["windows", "padded", "indented", "unended"],
    )
    @pytest.mark.parametrize("form", ["openssh", "pkcs8"])
    def test_takes_what_a_copy_does_to_its_lines(self, form, spoil):
        assert ssh_keys.read(spoil(ssh.text("ed25519", form))).public_line == ssh.public_line()

    def test_passes_over_a_passphrase_that_is_not_needed(self):
        assert ssh_keys.read(ssh.text(), "for nothing").public_line == ssh.public_line()

    def test_keeps_the_key_out_of_its_repr(self):
        key = ssh_keys.read(ssh.text())

        assert not any(line in repr(key) for line in ssh.canaries(key.openssh))


class TestRefusal:
    @pytest.mark.parametrize(("name", "form"), FORMS)
    def test_tells_a_wrong_passphrase_from_a_missing_one(self, name, form):
        text = ssh.text(name, form, ssh.PASSPHRASE)

        assert "Give the passphrase too" in refused(text)
        assert "passphrase does not open this key" in refused(text, "something else")

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("", "Nothing was pasted"),
            (" \r\n ", "Nothing was pasted"),
            ("PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\n", "PuTTYgen"),
            ("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI ada", "public half"),
            ("sk-ssh-ed25519@openssh.com AAAA", "public half"),
            ("ecdsa-sha2-nistp256 AAAA", "public half"),
            ("-----BEGIN PUBLIC KEY-----\nMCow\n-----END PUBLIC KEY-----", "public half"),
            ("---- BEGIN SSH2 PUBLIC KEY ----\nAAAA", "public half"),
            ("---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----\nAAAA", "ssh-keygen -i"),
            ("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----", "certificate"),
            ("pk_0123456789abcdef0123456789abcdef01", "not a private key"),
            ("\x00\ud83d", "not a private key"),
            ("-----BEGIN PRIVATE KEY-----\nMC4C\n-----END PRIVATE KEY-----", "not a whole private key"),
            ("-----BEGIN RSA PRIVATE KEY-----\n\ud83d\n-----END RSA PRIVATE KEY-----", "not a whole"),
        ],
    )
    def test_says_what_was_pasted_instead(self, text, said):
        assert said in refused(text)

    @pytest.mark.parametrize("form", ["pkcs8", "pem"])
    def test_takes_no_dsa_however_it_is_written(self, form):
        assert "DSA" in refused(ssh.text("dsa", form))

    def test_takes_no_dsa_of_openssh(self):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            assert "DSA" in refused(ssh.text("dsa"))

    @pytest.mark.parametrize("form", ssh.FORMS)
    def test_takes_no_short_rsa(self, form):
        assert "has 1,024 bits" in refused(ssh.text("rsa1024", form))

    @pytest.mark.parametrize("name", ["secp256k1", "ed448"])
    def test_takes_no_key_that_ssh_has_no_use_for(self, name):
        assert "SSH has no use" in refused(ssh.text(name, "pkcs8"))

    def test_names_the_end_that_is_missing(self):
        assert "The end of the key is missing" in refused(ssh.text()[:200])

    def test_names_line_breaks_that_are_spelled_out(self):
        assert r"written as \n" in refused(ssh.text().replace("\n", "\\n"))

    def test_reads_nothing_that_is_longer_than_a_key(self):
        assert "longer than any private key" in refused("-" * (ssh_keys.LONGEST + 1))

    def test_takes_no_key_that_lives_in_a_security_key(self):
        body = body_of(ssh.text())
        there = body.replace(b"\x00\x00\x00\x0bssh-ed25519", b"\x00\x00\x00\x0bsk-ssh-ed25", 1)

        assert "security key" in refused(wrapped(there))

    def test_does_not_work_for_hours_because_a_file_says_so(self):
        body = body_of(ssh.KEYGEN)
        # The number of rounds is the last of the options of bcrypt, after sixteen bytes of salt.
        place = body.index(b"bcrypt") + 6 + 4 + 4 + 16
        costly = body[:place] + (2**31).to_bytes(4) + body[place + 4 :]

        assert "2,147,483,648 rounds" in refused(wrapped(costly), "correct horse")

    @pytest.mark.parametrize(
        ("derivation", "said"),
        [
            (("2a864886f70d01050c", 2_000), "passphrase does not open"),
            (("2a864886f70d01050c", 2**31), "10,000,000 iterations"),
            (("2b06010401da47040b", 2**14), "protected with scrypt"),
        ],
        ids=["usual", "endless", "scrypt"],
    )
    def test_does_not_work_for_hours_for_pkcs8_either(self, derivation, said):
        oid, number = derivation
        costs = der(0x30, der(0x04, bytes(16)), der(0x02, number.to_bytes(5)))
        cipher = der(0x30, der(0x06, bytes.fromhex("60864801650304012a")), der(0x04, bytes(16)))
        lock = der(0x30, der(0x30, der(0x06, bytes.fromhex(oid)), costs), cipher)
        head = der(0x30, der(0x06, bytes.fromhex("2a864886f70d01050d")), lock)

        text = wrapped(der(0x30, head, der(0x04, bytes(64))), "ENCRYPTED PRIVATE KEY")

        assert said in refused(text, ssh.PASSPHRASE)


class TestAnything:
    @given(text=st.text(max_size=300), passphrase=st.none() | st.text(max_size=20))
    def test_is_a_key_or_is_refused(self, text, passphrase):
        assert len(refused(text, passphrase)) > 10

    @settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow], deadline=None)
    @given(data=st.data(), form=st.sampled_from(["openssh", "pkcs8"]))
    def test_that_was_damaged_is_refused_without_being_repeated(self, data, form):
        whole = ssh.text("ed25519", form)
        place = data.draw(st.integers(0, len(whole) - 1))
        length = data.draw(st.integers(0, 30))
        damaged = whole[:place] + data.draw(st.text(max_size=5)) + whole[place + length :]

        assert not any(line in outcome(damaged) for line in ssh.canaries(whole))

    @settings(max_examples=25, deadline=None)
    @given(passphrase=st.text(min_size=1, max_size=40).filter(lambda text: text.isprintable()))
    def test_may_be_a_passphrase(self, passphrase):
        if passphrase != ssh.PASSPHRASE:
            assert passphrase not in refused(LOCKED, passphrase) or len(passphrase) < 4


class TestGenerate:
    def test_makes_another_key_each_time(self):
        one, other = ssh_keys.generate(), ssh_keys.generate()

        assert one.type == "ssh-ed25519"
        assert one.fingerprint != other.fingerprint
        assert ssh_keys.read(one.openssh).public_line == one.public_line


class TestFingerprint:
    def test_is_the_same_of_the_line_and_of_its_bytes(self):
        line = ssh.public_line()

        found = ssh_keys.fingerprint(base64.b64decode(line.split()[1]))

        assert found == ssh_keys.fingerprint(line) == ssh_keys.fingerprint(f"{line} ada@example.org")
        assert len(found) == len("SHA256:") + 43

    @pytest.mark.parametrize("line", ["", "ssh-ed25519", "ssh-ed25519 not*base64"])
    def test_of_what_is_no_line_is_refused(self, line):
        with pytest.raises(ssh_keys.BadKey):
            ssh_keys.fingerprint(line)


LOCKED = ssh.text("ed25519", "pkcs8", ssh.PASSPHRASE)


def outcome(text: str) -> str:
    """Return what reading says to a person: why it is refused, or all that is shown of a key."""
    try:
        return repr(ssh_keys.read(text))
    except ssh_keys.BadKey as bad:
        return str(bad)


def body_of(text: str) -> bytes:
    return base64.b64decode("".join(line for line in text.splitlines() if "-----" not in line))


def wrapped(body: bytes, label: str = "OPENSSH PRIVATE KEY") -> str:
    return f"-----BEGIN {label}-----\n{base64.encodebytes(body).decode()}-----END {label}-----\n"


def der(tag: int, *parts: bytes) -> bytes:
    inner = b"".join(parts)
    length = bytes([len(inner)]) if len(inner) < 128 else b"\x81" + bytes([len(inner)])
    return bytes([tag]) + length + inner
