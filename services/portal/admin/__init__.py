"""Administration: the directory, tokens, webhooks, and what is still to be set up."""
