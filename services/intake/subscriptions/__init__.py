"""Who wants to be told of what by mail, and notices sent once more."""
