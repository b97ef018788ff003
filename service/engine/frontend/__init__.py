"""The part of the engine that runs in the server's process: it admits jobs and keeps a worker process alive."""
