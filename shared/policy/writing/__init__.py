"""A document on its way into force: read, checked, rehearsed, compared."""
