"""The destinations there are. The only file that names a vendor outside the vendor's folder."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import ModuleType

from destinations.klaviyo import imports, limits, mapping
from destinations.klaviyo.answers import Job
from destinations.klaviyo.client import Klaviyo
from destinations.klaviyo.mapping import Profile, Target
from destinations.klaviyo.members import Reading
from destinations.klaviyo.service import Session, open_session

# What a workflow holds in its hands of a vendor, by the names it may know.
__all__ = ["Job", "Klaviyo", "Plugin", "Profile", "Reading", "Session", "Target"]


@dataclass(frozen=True)
class Plugin:
    """A kind of destination.

    `capabilities` say what it can do, `cannot` says in sentences what a person may expect and will not get.
    `endpoints` are shown with their limits, `fields` are the standard targets of a mapping with their labels.
    `open` takes a secret and an account's id. `imports` and `mapping` are the vendor's rules for turning rows
    into profiles and profiles into batches; `floor_seconds` is the least time so many calls take.
    """

    name: str
    label: str
    description: str
    credential_kind: str
    capabilities: Mapping[str, bool]
    cannot: tuple[str, ...]
    max_lists: int
    endpoints: tuple[limits.Endpoint, ...] = field(repr=False)
    fields: Mapping[str, str] = field(repr=False)
    open: Callable[..., Session] = field(repr=False)
    imports: ModuleType = field(repr=False)
    mapping: ModuleType = field(repr=False)
    floor_seconds: Callable[[int, str], float] = field(repr=False)


KLAVIYO = Plugin(
    name="klaviyo",
    label="Klaviyo",
    description=(
        "Klaviyo is an email platform for targeting, personalizing, measuring and optimizing email and "
        "Facebook campaigns. Rollcall keeps lists in a Klaviyo account equal to your queries, through "
        "Klaviyo's REST API."
    ),
    credential_kind="klaviyo_api_key",
    capabilities={
        "add": True,
        "remove": True,
        "create_list": True,
        "full_profile": True,
        "read_members": True,
        "row_errors": True,
        "flows": True,
        "grant_consent": False,
        "clear_fields": False,
    },
    cannot=(
        "Being on a list is not consent: Klaviyo keeps every profile's consent as it is.",
        "An empty cell leaves the field in Klaviyo as it is; it does not clear it.",
        "Klaviyo cannot say which write scopes a key has; the first write tells.",
    ),
    max_lists=limits.MAX_LISTS_AND_SEGMENTS,
    endpoints=tuple(limits.ENDPOINTS.values()),
    fields=mapping.STANDARD,
    open=open_session,
    imports=imports,
    mapping=mapping,
    floor_seconds=limits.floor_seconds,
)

PLUGINS: dict[str, Plugin] = {plugin.name: plugin for plugin in (KLAVIYO,)}


def choices() -> list[tuple[str, str]]:
    """Return (name, label) of every plugin, for a form."""
    return [(plugin.name, plugin.label) for plugin in PLUGINS.values()]


def provisional_account(credential_id: object) -> str:
    """Return what to keep the pace under while a credential's account is not known yet."""
    return f"credential-{credential_id}"
