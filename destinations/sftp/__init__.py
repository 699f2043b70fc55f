"""Files over SSH: a server known by its key, no login hammered, no row ever torn."""
