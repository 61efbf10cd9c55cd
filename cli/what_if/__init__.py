"""`signalbox simulate`: every ticket of a window lived again under a draft policy."""
