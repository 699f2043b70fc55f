"""Where a key of SSH is used: host, port, user and folder, each checked before anything is sent anywhere."""

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

KEYS = ("host", "port", "user", "folder")
PORT = 22

_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")


@dataclass(frozen=True)
class Address:
    """`user` is empty until Klaviyo has given one; `folder` is where files go, `.` where the login begins."""

    host: str
    port: int
    user: str
    folder: str

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"

    def as_settings(self) -> dict[str, Any]:
        return asdict(self)


_DEFAULTS = {
    "klaviyo_sftp": Address(host="sftp.klaviyo.com", port=PORT, user="", folder="profiles"),
    "sftp": Address(host="", port=PORT, user="", folder="."),
}


def default(kind: str) -> Address:
    """Return what holds for a kind of credential when nothing else is said."""
    return _DEFAULTS[kind]


def read(kind: str, settings: Mapping[str, Any]) -> Address:
    """Return the address in a credential's settings; what is not said there has its default."""
    return replace(default(kind), **{key: settings[key] for key in KEYS if key in settings})


def tidy(kind: str, given: Mapping[str, Any]) -> Address:
    """Return an address as it is kept, from what a person wrote; what they left empty has its default."""
    stated = {key: value for key in KEYS if (value := given.get(key)) not in (None, "")}
    address = read(kind, stated)
    folder = address.folder.strip()
    return Address(
        address.host.strip().rstrip(".").lower(),
        address.port,
        address.user.strip(),
        folder.rstrip("/") or "/",
    )


def problems(kind: str, address: Address) -> dict[str, str]:
    """Return what is wrong with it, a sentence for each key that is; nothing when it can be tried."""
    found = {
        "host": _host(address.host),
        "port": "" if 1 <= address.port <= 65_535 else "A port is a number from 1 to 65535.",
        "user": _user(kind, address.user),
        "folder": _folder(address.folder),
    }
    return {key: problem for key, problem in found.items() if problem}


def _host(host: str) -> str:
    if not host:
        return "The server's host name is missing."
    if "://" in host or "/" in host or "@" in host:
        return "Give the host name alone, as in sftp.example.org: no protocol, user or folder."
    try:
        ipaddress.ip_address(host)
    except ValueError:
        if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in host.split(".")):
            return "This is not a host name. One looks like sftp.example.org; the port has its own field."
    return ""


def _user(kind: str, user: str) -> str:
    if not user:
        # Klaviyo gives the user name only after it was given the public key.
        return "" if kind == "klaviyo_sftp" else "The user name on the server is missing."
    if len(user) > 128 or not user.isprintable() or re.search(r"[\s:/\\]", user):
        return "A user name has at most 128 characters and no space, colon or slash."
    return ""


def _folder(folder: str) -> str:
    if len(folder) > 200 or not folder.isprintable() or "\\" in folder:
        return "A folder has at most 200 characters, slashes between its parts, and no line break."
    if ".." in folder.split("/"):
        return "A folder is named from the top or from where the login begins, without “..”."
    return ""
