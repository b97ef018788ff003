"""The parts of a GPU day, and the models, counts and clocks that they share."""
