"""What of a reply is new, and what only repeats mail of ours."""
