"""What is asked of a page: acknowledged, resolved, noted, handed over."""
