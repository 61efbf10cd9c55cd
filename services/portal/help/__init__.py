"""Articles, what is new, problem codes, and the reference of the API."""
