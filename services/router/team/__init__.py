"""Which team a new ticket is for: the rules, and the texts that two of them look for."""
