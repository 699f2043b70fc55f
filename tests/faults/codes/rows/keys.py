"""Keys, scopes and accounts."""

from tests.faults.codes.provoking import keys
from tests.faults.codes.scenario import Press, Scenario
from tests.faults.codes.stage import Stage


def key_made(stage: Stage) -> None:
    """In Klaviyo, somebody made another key of the account."""
    stage.prepared["key"] = stage.klaviyo.new_key()


def another_key(stage: Stage) -> str:
    return stage.prepared["key"]


def second_credential(stage: Stage) -> str:
    return str(stage.prepared["second"].pk)


def scopes_given(stage: Stage) -> None:
    """In Klaviyo, the key was given every scope."""
    stage.klaviyo.change(scopes=None)


def let_through(stage: Stage) -> None:
    """The network lets this address through again."""
    stage.klaviyo.clear_faults()


def keys_put_back(stage: Stage) -> None:
    """CREDENTIALS_KEYS holds the old key again."""
    stage.settings.CREDENTIALS_KEYS = stage.prepared["keys"]


REPLACED = Press("replace_key", {"key": another_key})
CHOSEN = Press("choose_credential", {"credential": second_credential})

ROWS = (
    Scenario("invalid_credentials", keys.revoked, REPLACED, outside=key_made),
    Scenario("invalid_credentials", keys.revoked, CHOSEN),
    Scenario("permission_missing", keys.without_a_scope, Press("add_scopes"), outside=scopes_given),
    Scenario("permission_missing", keys.without_a_scope, REPLACED, outside=key_made),
    Scenario("permission_missing", keys.without_a_scope, CHOSEN),
    Scenario("blocked_at_edge", keys.blocked, Press("retry"), outside=let_through),
    Scenario("blocked_at_edge", keys.blocked, Press("allow_address"), outside=let_through),
    Scenario(
        "wrong_account",
        keys.of_another_account,
        Press("put_key_back", {"key": another_key}),
        outside=key_made,
    ),
    Scenario(
        "wrong_account",
        keys.of_another_account,
        Press("accept_account", {"account": lambda stage: "Other Shop"}),
    ),
    Scenario("secret_unreadable", keys.sealed_elsewhere, REPLACED, outside=key_made),
    Scenario("secret_unreadable", keys.sealed_elsewhere, Press("retry"), outside=keys_put_back),
)
