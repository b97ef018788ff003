"""Decides who is let in: authenticates every request, lists the open routes, and keeps the page's sessions."""
