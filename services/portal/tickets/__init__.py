"""Tickets as people see them: what somebody may see, as JSON and as pages."""
