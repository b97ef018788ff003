"""Who makes a request: keys, tenants, roles, quotas. Knows no HTTP."""
