"""Notifications: who is told what, once, and never with a person or a secret in it."""
