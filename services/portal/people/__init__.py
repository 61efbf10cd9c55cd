"""The person behind a ticket: who they are, their apps, tickets and ratings, for staff alone."""
