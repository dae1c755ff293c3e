"""How a model answers. FastAPI lives here alone."""
