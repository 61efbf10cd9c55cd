"""Mail in: what a message says, where it belongs, and what is made of it."""
