"""Heartbeats: whoever watches something of their own says regularly that it runs."""
