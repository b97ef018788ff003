"""The parts that both clients share: requests as values, the reading of answers, and the retry policy. Does no I/O."""
