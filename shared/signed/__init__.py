"""Addresses, links and codes that let whoever holds them do one thing."""
