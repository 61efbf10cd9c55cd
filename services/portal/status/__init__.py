"""The public status page: files on disk, written from topic `status` and served without anything of
ours.
"""
