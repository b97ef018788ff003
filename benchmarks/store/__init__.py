"""Measures the job store under load: this tree beside an earlier commit, over HTTP, with a simulated device."""
