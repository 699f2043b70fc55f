"""The process that runs one query and ends; it starts without Django and never sees a setting or a key."""
