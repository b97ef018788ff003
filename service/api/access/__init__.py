"""Who is let in: authentication of every request, the routes that are open, sessions of the page."""
