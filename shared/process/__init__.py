"""What each process has besides its work: health, threads, a watchdog, an end."""
