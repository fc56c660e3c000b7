"""Json reader."""
