"""What becomes of a message: who stands behind it, where it belongs, what it asks for."""
