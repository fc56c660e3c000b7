"""Deep check."""
