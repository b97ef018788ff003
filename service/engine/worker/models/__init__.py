"""The models of one worker: keeps track of them, loads them beside the calls, and routes calls to them."""
