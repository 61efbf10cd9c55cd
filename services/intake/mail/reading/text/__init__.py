"""Bytes of a mail → text that means the same."""
