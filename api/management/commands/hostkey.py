"""Ask the server of an SSH key for its own key, and pin it."""

from argparse import ArgumentParser
from typing import Any

from api.configuration.problems import did_you_mean
from api.console import commands
from api.console.commands import Failure
from credentials import addresses, host_keys, probes
from credentials.host_keys import Pin
from credentials.models import Credential
from destinations.errors import DeliveryError


class Command(commands.Command):
    help = "Print the key that the server of an SSH key presents, without logging in; with --accept, pin it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("name", metavar="NAME", help="the credential")
        parser.add_argument(
            "--accept", metavar='"TYPE SHA256:…"', help="pin this key, if it is the one presented now"
        )
        parser.add_argument(
            "--replace", action="store_true", help="unpin the others, when the server was given a new key"
        )

    def work(self, *, name: str, accept: str | None, replace: bool, **options: Any) -> int:
        wanted = _read(accept) if accept is not None else None
        credential = _ssh_key(name)
        presented = _presented(credential)
        if wanted is not None:
            _check(credential, wanted, presented, replace=replace)
            host_keys.accept(
                credential,
                type=wanted.type,
                fingerprint=wanted.fingerprint,
                by="command line",
                replace=replace,
            )
        self._told(credential, presented)
        return commands.OK

    def _told(self, credential: Credential, presented: Pin) -> None:
        pins = host_keys.pinned(credential)
        server = str(addresses.read(credential.kind, credential.settings))
        self.give(
            {
                "credential": credential.name,
                "server": server,
                "type": presented.type,
                "fingerprint": presented.fingerprint,
                "pinned": presented in pins,
                "pins": [str(pin) for pin in pins],
            }
        )
        self.say(f"{server} presents: {presented}")
        self.say(_standing(presented, pins))


def _read(text: str) -> Pin:
    try:
        return host_keys.parse(text)
    except ValueError as error:
        raise Failure("usage", str(error), exit_code=commands.USAGE) from error


def _ssh_key(name: str) -> Credential:
    known = {row.name: row for row in Credential.objects.order_by("name") if row.is_ssh_key}
    if name not in known:
        raise Failure(
            "not_found", f"There is no credential “{name}” with an SFTP key.{did_you_mean(name, list(known))}"
        )
    return known[name]


def _presented(credential: Credential) -> Pin:
    try:
        return probes.host_key(credential)
    except (probes.ProbeFailed, DeliveryError) as error:
        raise Failure("host_key_unread", str(error)) from error


def _check(credential: Credential, wanted: Pin, presented: Pin, *, replace: bool) -> None:
    """Raise Failure unless this key may be pinned."""
    if wanted != presented:
        raise Failure(
            "host_key_differs", f"The server presents {presented}, not {wanted}. Nothing was pinned."
        )
    pins = host_keys.pinned(credential)
    if pins and presented not in pins and not replace:
        told = ", ".join(map(str, pins))
        raise Failure(
            "host_key_changed",
            f"Pinned is {told}; the server presents {presented}. Nothing was changed.",
            resolutions=("Ask whoever runs the server whether it was given a new key; then add --replace.",),
        )


def _standing(presented: Pin, pins: tuple[Pin, ...]) -> str:
    if presented in pins:
        return "It is pinned."
    if pins:
        return f"It is NOT the key that is pinned: {', '.join(map(str, pins))}"
    return f'It is not pinned. Once compared, pin it with: --accept "{presented}"'
