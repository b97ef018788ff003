"""The files of a checkpoint: configurations, safetensors files, and which of several forms of the weights to take."""
