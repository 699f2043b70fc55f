"""Cutting rows into imports, and finding the rows again that an import could not take."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from destinations.klaviyo.answers import ImportFailure
from destinations.klaviyo.limits import BYTES_PER_IMPORT, BYTES_PER_PROFILE, PROFILES_PER_IMPORT
from destinations.klaviyo.mapping import Profile

TOO_LARGE = "too_large"
# The document around the profiles, with a list's id.
ENVELOPE_BYTES = 256


@dataclass(frozen=True)
class Batch:
    """The profiles of one import, in the order of their rows; `bytes` is the size of its request."""

    profiles: tuple[Profile, ...] = field(repr=False)

    @property
    def bytes(self) -> int:
        return ENVELOPE_BYTES + sum(profile.bytes + 1 for profile in self.profiles)

    @property
    def keys(self) -> tuple[str, ...]:
        return tuple(profile.key for profile in self.profiles)

    def resources(self) -> list[dict[str, object]]:
        """Return what `client.submit_import` takes."""
        return [profile.resource for profile in self.profiles]


@dataclass(frozen=True)
class Refusal:
    """A row that was not taken, and why: our `reason`, the `field` at fault, Klaviyo's own `code`."""

    row_no: int
    key: str
    reason: str
    field: str
    code: str


def too_large(profile: Profile, *, max_profile_bytes: int = BYTES_PER_PROFILE) -> Refusal | None:
    """Return why a profile cannot be sent at all, or None."""
    if profile.bytes <= max_profile_bytes:
        return None
    return Refusal(profile.row_no, profile.key, TOO_LARGE, "", "")


def batches(
    profiles: Iterable[Profile],
    *,
    max_count: int = PROFILES_PER_IMPORT,
    max_bytes: int = BYTES_PER_IMPORT,
) -> Iterator[Batch]:
    """Cut profiles, none of them too large, into batches in their order; holds one batch at a time."""
    held: list[Profile] = []
    size = ENVELOPE_BYTES
    for profile in profiles:
        if held and (len(held) == max_count or size + profile.bytes + 1 > max_bytes):
            yield Batch(tuple(held))
            held, size = [], ENVELOPE_BYTES
        held.append(profile)
        size += profile.bytes + 1
    if held:
        yield Batch(tuple(held))


@dataclass(frozen=True)
class Failures:
    """What an import could not take: rows found again, and how many could not be found."""

    refusals: tuple[Refusal, ...]
    unplaced: int


def match_failures(
    failures: Iterable[ImportFailure], batch: Batch, *, key_of: Callable[[str], str]
) -> Failures:
    """Find the rows of a batch that its import failed on, by address first and by index else.

    `key_of` turns an address as Klaviyo gives it back into a key; it may raise ValueError for nonsense.
    """
    by_key = {profile.key: profile for profile in batch.profiles}
    found: dict[str, Refusal] = {}
    unplaced = 0
    for failure in failures:
        profile = _failed_profile(failure, batch, by_key, key_of)
        if profile is None:
            unplaced += 1
            continue
        refusal = Refusal(profile.row_no, profile.key, failure.detail_code, failure.field, failure.code)
        found.setdefault(profile.key, refusal)
    return Failures(tuple(found.values()), unplaced)


def _failed_profile(
    failure: ImportFailure, batch: Batch, by_key: dict[str, Profile], key_of: Callable[[str], str]
) -> Profile | None:
    if failure.email is not None:
        try:
            profile = by_key.get(key_of(failure.email))
        except ValueError:
            profile = None
        if profile is not None:
            return profile
    if failure.index is not None and failure.index < len(batch.profiles):
        return batch.profiles[failure.index]
    return None
