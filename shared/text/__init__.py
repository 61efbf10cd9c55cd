"""What the text of a ticket says by itself: secrets to be masked, times, error codes, and what is
still missing.
"""
