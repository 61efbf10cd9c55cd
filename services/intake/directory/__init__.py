"""The directory: accounts, apps, providers and teams, one by one and in bulk."""
