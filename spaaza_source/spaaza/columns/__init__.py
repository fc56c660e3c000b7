"""What is documented, kept or personal of the columns of Spaaza's exports."""
