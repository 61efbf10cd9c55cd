"""The pages of tickets: my tickets, a new one, one ticket, what is done on it, and its links for colleagues."""
