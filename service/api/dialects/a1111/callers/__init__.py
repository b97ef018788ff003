"""What belongs to one caller of AUTOMATIC1111's API: its running requests, and the settings that it has chosen."""
