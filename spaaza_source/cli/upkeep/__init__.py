"""Commands that keep a dataset over years: what they ask, do and show."""
