"""Mail that came in, as staff see it."""
