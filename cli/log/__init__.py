"""Commands that read or mend the log: rebuild, repair, replay, dead letters."""
