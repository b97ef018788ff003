"""The parts of the measurement. Each can be run alone, and ends by itself."""
