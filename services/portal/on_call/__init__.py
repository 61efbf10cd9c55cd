"""The rota, its calendars, and why somebody was paged."""
