"""The ways in which people on call are paged, and the codes that prove them."""
