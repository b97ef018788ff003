"""What both clients share: requests as values, how answers are read, and when a try is repeated. Does no I/O."""
