"""The engine's part in the server's process: it admits jobs and keeps a worker process alive."""
