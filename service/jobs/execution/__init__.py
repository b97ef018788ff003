"""Running claimed jobs on the engine."""
