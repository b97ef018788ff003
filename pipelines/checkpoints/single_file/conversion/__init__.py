"""From the tensors of a file to the weights and sizes of networks."""
