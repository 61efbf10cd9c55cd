"""The views: every public fact folded into MongoDB's documents. The only writer of them."""
