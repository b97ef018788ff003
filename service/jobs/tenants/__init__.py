"""What each tenant has in the store, and the seam at which a caller's quotas may refuse a job."""
