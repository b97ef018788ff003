"""Plans images and makes them: file names, and requests to a server or to the local backend."""
