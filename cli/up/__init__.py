"""`signalbox up`: everything on one machine, started in order and kept alive."""
