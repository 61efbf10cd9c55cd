"""People and their addresses: who asks, passwords, the second step, subscriptions."""
