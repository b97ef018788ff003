"""Webhooks in the native dialect: their bodies, and the routes to a tenant's secret and deliveries."""
