"""The server process: composition, listeners, signals."""
