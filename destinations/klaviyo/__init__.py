"""Klaviyo: the shapes of its requests and answers, and how to keep its pace."""
