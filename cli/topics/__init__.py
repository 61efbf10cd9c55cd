"""`signalbox topics`: the topics and what each process may do with them."""
