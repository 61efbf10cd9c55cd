"""With Kafka away or the disk in trouble: paging from here, and what was done, in a file."""
