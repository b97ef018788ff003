"""What any dialect asks for, and how it becomes generation parameters."""
