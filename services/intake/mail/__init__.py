"""Mail in: what a message says, where it belongs, and what becomes of it."""
