"""The front: turns requests and facts into what the pager takes in."""
