"""The load that the servers are measured with, from processes of its own. Knows HTTP alone."""
