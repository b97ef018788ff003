"""Opens the store, keeps its copies in memory fresh, deletes expired jobs, and makes backups."""
