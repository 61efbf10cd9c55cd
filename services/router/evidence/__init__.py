"""How strongly a text points to an add-on: the words, where they stand, what each weighs."""
