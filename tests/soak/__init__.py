"""Long runs of mixed load, in which nothing may be lost and nothing may grow."""
