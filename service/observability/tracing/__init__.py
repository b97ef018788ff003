"""Traces: spans of requests and jobs for an OpenTelemetry collector. Off unless the settings ask for them."""
