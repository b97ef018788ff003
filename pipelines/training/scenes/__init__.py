"""The training data: random scenes, their captions and their pixels."""
