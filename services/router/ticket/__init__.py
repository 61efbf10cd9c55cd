"""One ticket: what is remembered of it, and what each request on it becomes."""
