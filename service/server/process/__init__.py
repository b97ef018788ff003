"""Adjusts the process itself: the files that it may open, its heaps and its garbage collector."""
