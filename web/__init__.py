"""Pages and REST: what a browser or a client of the engine sees."""
