"""What a table has already, asked before a load is written: for merges, counts and bad rows."""
