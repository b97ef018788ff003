"""Raw-socket fuzzing: seeded requests that no HTTP library would send, to a server that must go on."""
