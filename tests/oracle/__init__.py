"""Real Helm as the oracle of a corpus of crafted packages."""
