"""Klaviyo's other door: an SFTP server that takes files of profiles in, and can be made to misbehave."""
