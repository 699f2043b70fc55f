"""What each resolution is called where it is only pointed to: a few words, and an icon."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Words:
    label: str
    icon: str = "chev"


WORDS: dict[str, Words] = {
    "accept_account": Words("Accept the new account", "check"),
    "accept_host_key": Words("Confirm the new host key", "check"),
    "add_scopes": Words("Give the key its scopes", "key"),
    "allow_address": Words("Have the address allowed", "plug"),
    "allow_once": Words("Allow this run", "check"),
    "approve": Words("Approve this plan", "check"),
    "ask_operations": Words("Ask Operations", "send"),
    "change_folder": Words("Change the folder", "plug"),
    "change_limit": Words("Change the limit", "template"),
    "change_sftp_login": Words("Change the SFTP login", "key"),
    "change_share": Words("Change the share of the limit", "template"),
    "change_type": Words("Send it as another type", "template"),
    "choose_credential": Words("Choose another credential", "key"),
    "choose_list": Words("Choose which list it is", "users"),
    "delete_lists": Words("Delete unused lists", "x"),
    "discard": Words("Give up", "x"),
    "drop_fields": Words("Send fewer fields", "template"),
    "duplicates_rule": Words("Choose which row counts", "users"),
    "edit_query": Words("Edit the query", "query"),
    "fastest_way": Words("Send by the fastest way", "send"),
    "handle_profiles": Words("Choose which profile counts", "users"),
    "hold": Words("Hold, and go on by itself", "clock"),
    "look_again": Words("Look again", "replay"),
    "map_column": Words("Map another column", "template"),
    "map_email": Words("Take another column", "template"),
    "phone_country": Words("Set a default country", "template"),
    "put_key_back": Words("Put the old key back", "key"),
    "put_server_back": Words("Put the server back", "plug"),
    "raise_time_limit": Words("Raise the time limit", "clock"),
    "recreate_list": Words("Make the list again", "plus"),
    "rename_list": Words("Give the list another name", "users"),
    "replace_key": Words("Replace the key", "key"),
    "rerun_rows": Words("Run these rows again", "replay"),
    "restart": Words("Restart the workflow", "replay"),
    "restore_query": Words("Put an earlier query back", "query"),
    "retry": Words("Retry this step", "replay"),
    "send_by_api": Words("Send by API", "send"),
    "send_by_sftp": Words("Send by SFTP", "send"),
    "send_missing": Words("Send the missing by API", "send"),
    "set_aside": Words("Set these rows aside", "skip"),
    "unmap_phone": Words("Do not send the phone", "template"),
    "use_destination": Words("Use another destination", "plug"),
    "use_list": Words("Use a list that exists", "users"),
    "wait_for_reset": Words("Wait for tomorrow’s lists", "clock"),
    "wait_longer": Words("Wait longer", "clock"),
}


def words(name: str) -> Words:
    """Return the words of a resolution; one that is not known here is called by its name."""
    return WORDS.get(name) or Words(name.replace("_", " ").capitalize())
