"""The error catalogue: what each code means, who can act, and at least two ways out of it.

The ways out are names of `workflows.resolutions`, the likeliest first. Source: requirements/errors.md
"""

from dataclasses import dataclass

KEYS = "Whoever keeps the credentials"
OPERATIONS = "Operations"
MARKETER = "The marketer of this list"
QUERY = "Whoever keeps the query"
DEVELOPERS = "Operations, with your developers"


@dataclass(frozen=True)
class Entry:
    """`meaning` says what it is about, `owner` who can act; `resolutions` are names, the likeliest first."""

    title: str
    meaning: str
    owner: str
    resolutions: tuple[str, ...]


CATALOGUE: dict[str, Entry] = {
    "invalid_credentials": Entry(
        "Invalid credentials",
        "Klaviyo does not accept the key of this credential. Nothing more is sent until it is replaced.",
        KEYS,
        ("replace_key", "choose_credential"),
    ),
    "permission_missing": Entry(
        "Permission missing",
        "The key is valid but may not do this.",
        KEYS,
        ("add_scopes", "replace_key", "choose_credential"),
    ),
    "blocked_at_edge": Entry(
        "Blocked before Klaviyo",
        "The network in front of Klaviyo refused this address.",
        OPERATIONS,
        ("retry", "allow_address"),
    ),
    "wrong_account": Entry(
        "Wrong account",
        "The key opens another Klaviyo account than the one this destination is pinned to.",
        KEYS,
        ("put_key_back", "accept_account"),
    ),
    "max_lists": Entry(
        "Maximum number of lists exceeded",
        "A Klaviyo account holds at most 1,000 lists and segments together.",
        OPERATIONS,
        ("delete_lists", "use_list", "look_again"),
    ),
    "daily_list_creations": Entry(
        "List creations used up today",
        "Klaviyo allows 150 new lists a day.",
        OPERATIONS,
        ("wait_for_reset", "use_list"),
    ),
    "list_ambiguous": Entry(
        "List name ambiguous",
        "Several lists in Klaviyo have this name, and Rollcall does not choose between them.",
        MARKETER,
        ("choose_list", "rename_list"),
    ),
    "list_gone": Entry(
        "List gone",
        "The list was deleted in Klaviyo. It is not made again in silence: flows and campaigns knew its id.",
        MARKETER,
        ("recreate_list", "use_list"),
    ),
    "column_missing": Entry(
        "Column missing",
        "The query does not give a column that the data template needs.",
        QUERY,
        ("map_column", "restore_query", "edit_query"),
    ),
    "guard": Entry(
        "Waits for approval",
        "The plan goes over a limit, or the query is of an unexpected size. Nothing of this plan was sent.",
        MARKETER,
        ("approve", "change_limit", "edit_query", "discard"),
    ),
    "plan_ready": Entry(
        "Plan ready", "This was a rehearsal. Nothing has been sent.", MARKETER, ("approve", "discard")
    ),
    "list_shared": Entry(
        "List shared",
        "Two orchestrations feed one list, and each would undo the other.",
        MARKETER,
        ("rename_list", "discard"),
    ),
    "secret_unreadable": Entry(
        "Secret cannot be opened",
        "The secret of a credential was sealed with a key that CREDENTIALS_KEYS does not hold.",
        OPERATIONS,
        ("replace_key", "retry"),
    ),
    "tls_untrusted": Entry(
        "Certificate not trusted",
        "The certificate of Klaviyo's address is not trusted here, so nothing is sent there.",
        OPERATIONS,
        ("retry", "discard"),
    ),
    "source_unavailable": Entry(
        "Source unavailable", "The data source could not be reached.", OPERATIONS, ("retry", "edit_query")
    ),
    "query_refused": Entry(
        "Query refused", "Only one read-only SELECT may run.", QUERY, ("edit_query", "restore_query")
    ),
    "query_failed": Entry(
        "Query failed",
        "The data source could not run the query.",
        QUERY,
        ("edit_query", "retry", "restore_query"),
    ),
    "query_timeout": Entry(
        "Query took too long",
        "The query was stopped at its time limit.",
        QUERY,
        ("raise_time_limit", "retry", "edit_query"),
    ),
    "too_many_rows": Entry(
        "Too many rows", "The query gave more rows than a workflow takes.", QUERY, ("edit_query", "discard")
    ),
    "too_large": Entry(
        "Payload too large",
        "Klaviyo takes at most 100 kB a profile and 5 MB a call.",
        QUERY,
        ("drop_fields", "set_aside"),
    ),
    "upstream_unavailable": Entry(
        "Klaviyo is unavailable", "Klaviyo kept failing for a long time.", OPERATIONS, ("retry", "discard")
    ),
    "import_stuck": Entry(
        "Import stuck",
        "An import job at Klaviyo made no progress for half an hour.",
        OPERATIONS,
        ("retry", "restart"),
    ),
    "unexpected_answer": Entry(
        "Unexpected answer",
        "Klaviyo answered in a form Rollcall does not know.",
        DEVELOPERS,
        ("retry", "restart"),
    ),
    "revision_retired": Entry(
        "API revision retired",
        "Klaviyo no longer serves the revision this version of Rollcall speaks.",
        DEVELOPERS,
        ("retry", "discard"),
    ),
    "worker_crashing": Entry(
        "The worker keeps ending",
        "One step ended its worker three times in a row.",
        DEVELOPERS,
        ("retry", "restart"),
    ),
    "sums_do_not_close": Entry(
        "Counts do not add up",
        "Not every row ended in exactly one state, so the result cannot be called right.",
        DEVELOPERS,
        ("restart", "retry"),
    ),
    "unconfirmed": Entry(
        "People not confirmed",
        "After three rounds the list still differs from the query.",
        OPERATIONS,
        ("restart", "set_aside"),
    ),
    "sftp_unconfirmed": Entry(
        "Uploaded people not confirmed",
        "The files arrived, and these people were not seen on the list in the time that was given.",
        OPERATIONS,
        ("send_missing", "wait_longer"),
    ),
    "host_key_unknown": Entry(
        "Host key not accepted yet",
        "Nobody has said yet that this server is the right one, so nothing was sent to it, not even a login.",
        OPERATIONS,
        ("accept_host_key", "send_by_api"),
    ),
    "host_key_changed": Entry(
        "Host key changed",
        "The server shows another key than the one that was accepted: it was replaced, or somebody "
        "stands in between. Nothing was sent to it, not even a login.",
        OPERATIONS,
        ("accept_host_key", "send_by_api"),
    ),
    "sftp_moved": Entry(
        "Another SFTP server or user",
        "The SFTP credential leads elsewhere than when this run was started. Nothing was sent there.",
        OPERATIONS,
        ("put_server_back", "send_by_api"),
    ),
    "sftp_login_refused": Entry(
        "SFTP login refused",
        "The server does not take the key of this credential for this user.",
        OPERATIONS,
        ("change_sftp_login", "send_by_api"),
    ),
    "sftp_denied": Entry(
        "SFTP permission denied",
        "The server lets us in, but not write to this folder.",
        OPERATIONS,
        ("retry", "change_folder", "send_by_api"),
    ),
    "sftp_folder_missing": Entry(
        "SFTP folder missing",
        "There is no such folder on the server.",
        OPERATIONS,
        ("retry", "change_folder", "send_by_api"),
    ),
    "sftp_no_space": Entry(
        "No space on the SFTP server",
        "The server could not store the whole file. What was there of it was removed, as far as it let us.",
        OPERATIONS,
        ("retry", "send_by_api"),
    ),
    "sftp_unavailable": Entry(
        "SFTP server unavailable",
        "The server could not be reached, or fell silent.",
        OPERATIONS,
        ("retry", "send_by_api"),
    ),
    "sftp_cut": Entry(
        "SFTP connection cut",
        "The connection broke again and again before a file was whole.",
        OPERATIONS,
        ("retry", "send_by_api"),
    ),
    "sftp_name_taken": Entry(
        "File name taken on the SFTP server",
        "A file of this name is there already, and nothing is ever overwritten.",
        OPERATIONS,
        ("restart", "retry"),
    ),
    "sftp_not_possible": Entry(
        "Not possible by SFTP",
        "The data template asks for SFTP, and what it sends cannot go that way.",
        OPERATIONS,
        ("fastest_way", "send_by_api"),
    ),
    "file_unconfirmed": Entry(
        "File not confirmed",
        "The file was uploaded, and it was gone, or another one, when it was to be read back.",
        OPERATIONS,
        ("restart", "set_aside", "discard"),
    ),
    "bug": Entry(
        "Unexpected error",
        "Something failed inside Rollcall. The log has it under the workflow's id.",
        DEVELOPERS,
        ("retry", "restart"),
    ),
    "rate_limited": Entry(
        "Rate limit, still refused",
        "Klaviyo kept asking us to slow down: other apps use the account too. It goes on by itself.",
        OPERATIONS,
        ("hold", "send_by_sftp", "change_share"),
    ),
    "phone_format": Entry(
        "Phone numbers not in international format",
        "Klaviyo takes phone numbers with their country code only, so these rows were not loaded. "
        "Nothing of this plan was sent.",
        MARKETER,
        ("phone_country", "unmap_phone", "set_aside"),
    ),
    "no_identifier": Entry(
        "Rows without an e-mail address",
        "A row needs an e-mail address to be somebody on the list. Nothing of this plan was sent.",
        QUERY,
        ("map_email", "set_aside", "edit_query"),
    ),
    "email_format": Entry(
        "E-mail addresses that cannot be",
        "Klaviyo takes none of these addresses. Nothing of this plan was sent.",
        QUERY,
        ("map_email", "set_aside", "edit_query"),
    ),
    "duplicate_key": Entry(
        "Same person several times, with different values",
        "Two rows speak of one person and do not agree. Nothing of this plan was sent.",
        QUERY,
        ("duplicates_rule", "set_aside", "edit_query"),
    ),
    "column_type": Entry(
        "Column of another type",
        "A column no longer gives the type that its field has, so these rows were not loaded. "
        "Nothing of this plan was sent.",
        QUERY,
        ("change_type", "map_column", "restore_query", "set_aside"),
    ),
    "rows_forgotten": Entry(
        "Rows not known any more",
        "Which rows were set aside is kept for a time alone, and that is over. Nothing was sent.",
        OPERATIONS,
        ("restart", "discard"),
    ),
    "several_profiles": Entry(
        "Several profiles match",
        "Klaviyo has more than one profile for these people, by phone number or external id.",
        MARKETER,
        ("handle_profiles", "set_aside"),
    ),
    "restricted_pii": Entry(
        "Restricted personal data",
        "Whoever started this may not see personal data, and this destination takes none from them.",
        OPERATIONS,
        ("ask_operations", "allow_once", "use_destination"),
    ),
}

UNKNOWN = Entry(
    "Stopped", "This workflow stopped for a reason without an entry here.", DEVELOPERS, ("retry", "restart")
)

# Ways out of one reason among those set aside, of a workflow that waits or is over.
REASONS: dict[str, tuple[str, ...]] = {
    "phone_no_country": ("phone_country", "unmap_phone", "edit_query"),
    "phone_invalid": ("phone_country", "unmap_phone", "edit_query"),
    "email_missing": ("map_email", "edit_query", "rerun_rows"),
    "email_invalid": ("map_email", "edit_query", "rerun_rows"),
    "duplicate_conflict": ("duplicates_rule", "edit_query"),
    "value_type": ("change_type", "map_column", "edit_query"),
    "too_large": ("drop_fields", "rerun_rows"),
    "duplicate_profile": ("handle_profiles", "rerun_rows"),
}
# What Klaviyo refused for a reason of its own is tried again as it is now, or put right at the source.
OTHER_REASONS = ("rerun_rows", "edit_query")


def entry(code: str) -> Entry:
    return CATALOGUE.get(code, UNKNOWN)


def ways_of_reason(reason: str) -> tuple[str, ...]:
    """Return the names of the ways out of one reason why rows were set aside."""
    return REASONS.get(reason, OTHER_REASONS)
