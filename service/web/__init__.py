"""The page that the server shows at `/`: its built files, and the routes that serve them."""
