"""What every page and answer of the portal goes through: from a request to who looks, and from
documents to HTML, JSON or a stream.
"""
