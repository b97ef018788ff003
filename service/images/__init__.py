"""Images on their way out: encoding."""
