"""The models of one worker: which are loaded, loading beside the calls, and one pipeline that stands for all."""
