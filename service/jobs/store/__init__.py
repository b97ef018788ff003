"""The job store: SQLite or PostgreSQL for records, a folder for image files."""
