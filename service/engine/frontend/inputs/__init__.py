"""The pixels that admitted images start from: held in the server's process, and sent to the workers that need them."""
