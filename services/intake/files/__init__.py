"""Uploaded files: on the disk first, scanned and masked, then in their home."""
