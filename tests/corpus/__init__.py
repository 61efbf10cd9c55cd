"""What the tests judge by that is too large, or too foreign, to stand in a test."""
