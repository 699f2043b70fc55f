"""Klaviyo in a box: stands alone, speaks HTTP like Klaviyo, and can be made to misbehave."""
