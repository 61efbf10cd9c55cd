"""`signalbox backup` and `signalbox restore`: the log and the files together.

frames.py     records of the log as bytes, and back; which files an event names
manifest.py   what a backup holds: bounds, digests, committed offsets
archive.py    a folder or a tar file
taking.py     a running installation → a backup
restoring.py  a backup → an empty Kafka, the files, and no views
command.py    the two commands
"""
