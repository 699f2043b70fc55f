"""The error catalogue: what each code means, and at least two ways out of it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Entry:
    """`meaning` says what it is about; `resolutions` are what a person may do, most likely first."""

    title: str
    meaning: str
    resolutions: tuple[str, ...]


_RETRY = "Retry this workflow"

CATALOGUE: dict[str, Entry] = {
    "invalid_credentials": Entry(
        "Invalid credentials",
        "Klaviyo does not accept the key of this credential. Nothing more is sent until it is replaced.",
        ("Replace the key of the credential and retry", "Choose another credential for the destination"),
    ),
    "permission_missing": Entry(
        "Permission missing",
        "The key is valid but may not do this.",
        ("Give the key the scopes named above in Klaviyo, then retry", "Use another credential"),
    ),
    "blocked_at_edge": Entry(
        "Blocked before Klaviyo",
        "The network in front of Klaviyo refused this address.",
        ("Wait and retry", "Ask Klaviyo to allow this server's address"),
    ),
    "wrong_account": Entry(
        "Wrong account",
        "The key opens another Klaviyo account than the one this destination is pinned to.",
        ("Put a key of the pinned account back, then retry", "Make a new destination for the other account"),
    ),
    "max_lists": Entry(
        "Maximum number of lists exceeded",
        "A Klaviyo account holds at most 1,000 lists and segments together.",
        ("Delete unused lists or segments in Klaviyo, then retry", "Use the name of an existing list"),
    ),
    "daily_list_creations": Entry(
        "List creations used up today",
        "Klaviyo allows 150 new lists a day.",
        ("Wait until tomorrow and retry", "Use the name of an existing list"),
    ),
    "list_ambiguous": Entry(
        "List name ambiguous",
        "Several lists in Klaviyo have this name, and Rollcall does not choose between them.",
        ("Rename all but one in Klaviyo, then retry", "Use another list name in the data template"),
    ),
    "list_gone": Entry(
        "List gone",
        "The list was deleted in Klaviyo. It is not made again in silence: flows and campaigns knew its id.",
        ("Choose another list name in the data template", "Run again after restoring the list in Klaviyo"),
    ),
    "column_missing": Entry(
        "Column missing",
        "The query does not give a column that the data template needs.",
        ("Add the column to the query", "Map another column in the data template"),
    ),
    "guard": Entry(
        "Waits for approval",
        "The plan goes over a limit, or the query is of an unexpected size. Nothing of this plan was sent.",
        ("Approve this plan", "Correct the query or the limit and run again", "Discard the plan"),
    ),
    "plan_ready": Entry(
        "Plan ready",
        "This was a rehearsal. Nothing has been sent.",
        ("Approve this plan to send it", "Discard the plan"),
    ),
    "list_shared": Entry(
        "List shared",
        "Two orchestrations feed one list, and each would undo the other.",
        ("Give the data template of one of them another list name", "Delete one of the orchestrations"),
    ),
    "secret_unreadable": Entry(
        "Secret cannot be opened",
        "The secret of a credential was sealed with a key that CREDENTIALS_KEYS does not hold.",
        (
            "Restore the key it was sealed with in CREDENTIALS_KEYS and retry",
            "Enter the secret again and retry",
        ),
    ),
    "tls_untrusted": Entry(
        "Certificate not trusted",
        "The certificate of Klaviyo's address is not trusted here, so nothing is sent there.",
        (
            "Let this server trust the proxy that answers for Klaviyo, or go around it, then retry",
            "Correct KLAVIYO_API_URL, or the clock of this server, then retry",
        ),
    ),
    "source_unavailable": Entry(
        "Source unavailable",
        "The data source could not be reached.",
        (_RETRY, "Correct the source's settings"),
    ),
    "query_refused": Entry(
        "Query refused",
        "Only one read-only SELECT may run.",
        ("Edit the query", "Use another query"),
    ),
    "query_failed": Entry(
        "Query failed", "The data source could not run the query.", ("Edit the query", _RETRY)
    ),
    "query_timeout": Entry(
        "Query took too long",
        "The query was stopped at its time limit.",
        (_RETRY, "Make the query smaller or faster"),
    ),
    "too_many_rows": Entry(
        "Too many rows",
        "The query gave more rows than a workflow takes.",
        ("Make the query smaller", "Split it over several lists"),
    ),
    "too_large": Entry(
        "Payload too large",
        "Klaviyo takes at most 100 kB a profile and 5 MB a call.",
        ("Map fewer fields in the data template", "Shorten the long values in the query"),
    ),
    "upstream_unavailable": Entry(
        "Klaviyo is unavailable",
        "Klaviyo kept failing for a long time.",
        (_RETRY, "Stop the workflow and run it later"),
    ),
    "import_stuck": Entry(
        "Import stuck",
        "An import job at Klaviyo made no progress for half an hour.",
        (_RETRY, "Stop the workflow and ask Klaviyo about the job"),
    ),
    "unexpected_answer": Entry(
        "Unexpected answer",
        "Klaviyo answered in a form Rollcall does not know.",
        (_RETRY, "Send the error id to Klaviyo's support"),
    ),
    "revision_retired": Entry(
        "API revision retired",
        "Klaviyo no longer serves the revision this version of Rollcall speaks.",
        ("Upgrade Rollcall", "Ask Klaviyo whether the revision can be kept"),
    ),
    "worker_crashing": Entry(
        "The worker keeps ending",
        "One step ended its worker three times in a row.",
        (_RETRY, "Give the worker more memory"),
    ),
    "sums_do_not_close": Entry(
        "Counts do not add up",
        "Not every row ended in exactly one state, so the result cannot be called right.",
        (_RETRY, "Report the workflow's id to your developers"),
    ),
    "unconfirmed": Entry(
        "People not confirmed",
        "After three rounds the list still differs from the query.",
        ("Run again", "Look at the people named in the outcomes"),
    ),
    "sftp_unconfirmed": Entry(
        "Uploaded people not confirmed",
        "The files arrived, and these people were not seen on the list in the time that was given.",
        ("Send the missing by API", "Wait longer"),
    ),
    "host_key_unknown": Entry(
        "Host key not accepted yet",
        "Nobody has said yet that this server is the right one, so nothing was sent to it, not even a login.",
        ("Compare the fingerprint and accept it on the credential, then retry", "Send by API"),
    ),
    "host_key_changed": Entry(
        "Host key changed",
        "The server shows another key than the one that was accepted: it was replaced, or somebody stands in "
        "between. Nothing was sent to it, not even a login.",
        ("Ask its owner, accept the new key on the credential, then retry", "Send by API"),
    ),
    "sftp_moved": Entry(
        "Another SFTP server or user",
        "The SFTP credential leads elsewhere than when this run was started. Nothing was sent there.",
        ("Put the server and user of the credential back, then retry", "Run again", "Send by API"),
    ),
    "sftp_login_refused": Entry(
        "SFTP login refused",
        "The server does not take the key of this credential for this user.",
        ("Add the public half in Klaviyo, or correct the user, then retry", "Send by API"),
    ),
    "sftp_denied": Entry(
        "SFTP permission denied",
        "The server lets us in, but not write to this folder.",
        ("Give the login the permission, then retry", "Name another folder, then run again", "Send by API"),
    ),
    "sftp_folder_missing": Entry(
        "SFTP folder missing",
        "There is no such folder on the server.",
        ("Make the folder, then retry", "Name another folder, then run again", "Send by API"),
    ),
    "sftp_no_space": Entry(
        "No space on the SFTP server",
        "The server could not store the whole file. What was there of it was removed, as far as it let us.",
        ("Make room on the server, then retry", "Send by API"),
    ),
    "sftp_unavailable": Entry(
        "SFTP server unavailable",
        "The server could not be reached, or fell silent.",
        (_RETRY, "Send by API"),
    ),
    "sftp_cut": Entry(
        "SFTP connection cut",
        "The connection broke again and again before a file was whole.",
        (_RETRY, "Send by API"),
    ),
    "sftp_name_taken": Entry(
        "File name taken on the SFTP server",
        "A file of this name is there already, and nothing is ever overwritten.",
        ("Run again: another run has other names", "Remove that file, then retry"),
    ),
    "sftp_not_possible": Entry(
        "Not possible by SFTP",
        "The data template asks for SFTP, and what it sends cannot go that way.",
        (
            "Complete the SFTP credential (user name, accepted host key), then retry",
            "Let the data template choose the fastest way, then run again",
            "Send by API",
        ),
    ),
    "file_unconfirmed": Entry(
        "File not confirmed",
        "The file was uploaded, and it was gone, or another one, when it was to be read back.",
        ("Ask the owner of the server whether it was taken", "Run again"),
    ),
    "bug": Entry(
        "Unexpected error",
        "Something failed inside Rollcall. The log has it under the workflow's id.",
        (_RETRY, "Report the workflow's id to your developers"),
    ),
}

UNKNOWN = Entry("Stopped", "This workflow stopped for a reason without an entry here.", (_RETRY, "Run again"))


def entry(code: str) -> Entry:
    return CATALOGUE.get(code, UNKNOWN)
