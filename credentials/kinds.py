"""Rules on the shapes of secrets: what a pasted one cannot be, said in a sentence that does not repeat it."""

import re

from credentials import notice_places, ssh_keys

KLAVIYO_API_KEY = "klaviyo_api_key"
DATABASE_PASSWORD = "database_password"  # noqa: S105 the name of a kind, not a password
KLAVIYO_SFTP = "klaviyo_sftp"
SFTP = "sftp"
NOTIFICATION_URL = "notification_url"
SSH_KINDS = frozenset({KLAVIYO_SFTP, SFTP})

# "pk_" and 34 hex characters is the shortest private key Klaviyo has issued; "pk_<site id>_<hex>" is longer.
KLAVIYO_KEY_LENGTH = 37

_LONGEST = 1024
_HINT_LENGTH = 4
_PUBLIC_KEY = re.compile(r"[A-Za-z0-9]{6}")
_SHORTENED = re.compile(r"\*{2,}|[•●…·]|\.{2,}")


def problem(kind: str, secret: str, passphrase: str | None = None) -> str | None:
    """Return why this secret cannot be one of its kind, or None. The sentence never holds the secret.

    `passphrase` opens a private key of SSH that is protected by one.
    """
    if not secret:
        return "Nothing was pasted."
    if len(secret) > longest(kind):
        return f"This is {len(secret)} characters long; no secret of this kind is. Paste the secret alone."
    if kind == KLAVIYO_API_KEY:
        return _klaviyo_problem(secret)
    if kind == DATABASE_PASSWORD:
        return _password_problem(secret)
    if kind in SSH_KINDS:
        return _ssh_problem(secret, passphrase)
    if kind == NOTIFICATION_URL:
        return notice_places.problem(secret)
    raise ValueError(f"unknown kind of credential: {kind}")


def longest(kind: str) -> int:
    """Return how many characters a secret of this kind can have."""
    if kind == NOTIFICATION_URL:
        return notice_places.LONGEST
    return ssh_keys.LONGEST if kind in SSH_KINDS else _LONGEST


def hint(kind: str, secret: str) -> str:
    """Return the last four characters of an API key.

    Of a password nothing, for it may be short; nor of a private key of SSH, which its public half names; nor
    of where notices are sent, for it ends in the name of a person or a room.
    """
    return secret[-_HINT_LENGTH:] if kind == KLAVIYO_API_KEY else ""


def _klaviyo_problem(secret: str) -> str | None:
    return _padding(secret) or _foreign_text(secret) or _wrong_key(secret) or _wrong_length(secret)


def _padding(secret: str) -> str | None:
    bare = secret.strip()
    if not bare:
        return "Only white space was pasted."
    if secret != bare:
        ends = [
            end for end, there in (("before", secret[0].isspace()), ("after", secret[-1].isspace())) if there
        ]
        return f"There is white space {' and '.join(ends)} the key. Paste the key alone."
    if re.match(r"klaviyo-api-key\s", bare, re.IGNORECASE):
        return (
            'The words "Klaviyo-API-Key" belong to the request, not to the key. Paste the part from "pk_" on.'
        )
    if re.search(r"\s", bare):
        return "There is white space inside the key; perhaps it broke over two lines. Paste it in one piece."
    return None


def _foreign_text(secret: str) -> str | None:
    if secret[0] in "\"'`“‘" or secret[-1] in "\"'`”’":
        return "There are quotation marks around the key. Paste the key without them."
    if _SHORTENED.search(secret):
        return (
            "This is the shortened form that Klaviyo shows afterwards. The full key is shown once, "
            "when it is made: make a new private key in Klaviyo and copy it then."
        )
    if not secret.isascii() or not secret.isprintable():
        return "There is a character in it that no key has, perhaps an invisible one. Copy the key again."
    return None


def _wrong_key(secret: str) -> str | None:
    if _PUBLIC_KEY.fullmatch(secret):
        return (
            "This is the public API key, also called site ID: six letters and digits that open nothing. "
            'A private API key is needed; it begins with "pk_".'
        )
    if secret.startswith("pk_"):
        return None
    if secret.lower().startswith("pk_"):
        return 'A private key begins with "pk_" in small letters. Copy the key again, as it is.'
    return (
        'A Klaviyo private API key begins with "pk_". The beginning may be missing, '
        "or this is a key of another service."
    )


def _wrong_length(secret: str) -> str | None:
    if not re.fullmatch(r"pk_[A-Za-z0-9_]*", secret):
        return 'After "pk_" a key has letters, digits and underscores only. Copy the key again.'
    if len(secret) < KLAVIYO_KEY_LENGTH:
        return (
            f"The key is cut short: it has {len(secret)} characters, and a private key has at least "
            f"{KLAVIYO_KEY_LENGTH}. Be sure to paste the full key."
        )
    half, odd = divmod(len(secret), 2)
    if not odd and secret[:half] == secret[half:]:
        return "The key was pasted twice. Paste it once."
    return None


def _password_problem(secret: str) -> str | None:
    # Spaces are lawful in a password; a line break is the end of the file it was read from.
    if re.search(r"[\r\n]", secret):
        return "There is a line break in the password. Paste it without."
    if "\x00" in secret:
        return "There is a zero byte in the password; no database takes one."
    if re.search(r"[\ud800-\udfff]", secret):
        return "There is half a character in the password. Copy it again."
    return None


def _ssh_problem(secret: str, passphrase: str | None) -> str | None:
    try:
        ssh_keys.read(secret, passphrase)
    except ssh_keys.BadKey as bad:
        return str(bad)
    return None
