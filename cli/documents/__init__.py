"""Commands that bring documents in: directory, policies, imports, articles."""
