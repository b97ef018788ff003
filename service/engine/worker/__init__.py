"""The worker process, which owns the device and runs the model."""
