"""The part of the engine that runs in the worker's process, which owns the device and runs the model."""
