"""The pager: who is called, by which way, until somebody acknowledges."""
