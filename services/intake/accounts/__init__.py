"""Accounts: sign-up by link or invitation, passwords, tokens, roles, and the directory in bulk."""
