"""How values come to be: raw data, the synthetic world, and (as they arrive) transforms and assets."""
