"""Pictures on their way out: encoding."""
