"""From "250 OK" to what became of a message: kept on the disk, worked on one by one."""
