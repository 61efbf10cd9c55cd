"""Mail of other people's test suites, fetched when it is wanted and never kept in our repository
(RELIABILITY R14).
"""
