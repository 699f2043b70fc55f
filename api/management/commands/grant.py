"""Let a person do more, or less; with `--new`, make the person first."""

import getpass
import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from typing import Any

from django.contrib.auth.models import Permission
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction

from accounts import activity
from accounts.models import User
from api.configuration.problems import did_you_mean
from api.console import commands
from api.console.commands import Failure

ROOMS = ("audiences", "credentials", "destinations", "workflows")


class Command(commands.Command):
    help = (
        "Give a person permissions such as workflows.add_workflow; docs/operations.md says what each is for."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("user", metavar="USER", help="the name the person signs in with")
        parser.add_argument(
            "permissions", metavar="PERMISSION", nargs="*", help="e.g. workflows.add_workflow"
        )
        ways = parser.add_mutually_exclusive_group()
        ways.add_argument(
            "--new", action="store_true", help="make the person; asks for a password, or reads it from stdin"
        )
        ways.add_argument("--take", action="store_true", help="take these permissions away instead")

    def work(self, *, user: str, permissions: Sequence[str], new: bool, take: bool, **options: Any) -> int:
        chosen = [_permission(name) for name in permissions]
        made = _unsaved(user) if new else None
        with transaction.atomic():
            person = made or _existing(user)
            if made:
                made.save()
            (person.user_permissions.remove if take else person.user_permissions.add)(*chosen)
            action = "added" if new else "took_permissions" if take else "granted_permissions"
            activity.record(None, action, person, permissions=list(permissions))
        held = _held(person)
        self.give({"user": person.get_username(), "permissions": held, "everything": person.is_superuser})
        self.say(f"{person.get_username()} may: {_told(person, held)}")
        return commands.OK


def _permission(name: str) -> Permission:
    known = {named(each): each for each in Permission.objects.filter(content_type__app_label__in=ROOMS)}
    if name not in known:
        raise Failure("not_found", f"There is no permission “{name}”.{did_you_mean(name, list(known))}")
    return known[name]


def named(permission: Permission) -> str:
    return f"{permission.content_type.app_label}.{permission.codename}"


def _existing(name: str) -> User:
    if found := User.objects.filter(username=name).first():
        return found
    raise Failure("not_found", "Nobody signs in with that name. To make the person, add: --new")


def _unsaved(name: str) -> User:
    """Return a new person with a password that passes the rules. Raises Failure."""
    person = User(username=name)
    try:
        person.full_clean(exclude=["password"])
        password = _password()
        validate_password(password, person)
    except ValidationError as error:
        raise Failure("refused", "\n".join(error.messages)) from error
    person.set_password(password)
    return person


def _password() -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    password = getpass.getpass("Password: ")
    if getpass.getpass("Password (again): ") != password:
        raise Failure("refused", "The two passwords differ.")
    return password


def _held(person: User) -> list[str]:
    return sorted(named(each) for each in person.user_permissions.select_related("content_type"))


def _told(person: User, held: Sequence[str]) -> str:
    if person.is_superuser:
        return "do everything"
    return ", ".join(held) or "look, with people masked"
