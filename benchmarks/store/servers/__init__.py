"""The servers that are measured: which code they run, their device, their database, and what they use."""
