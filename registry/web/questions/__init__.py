"""Pages of questions to sites: the lists of both sides, one thread, asking."""
