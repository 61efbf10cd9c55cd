"""The document `on-call`: whose turn it is, and who is tried next."""
