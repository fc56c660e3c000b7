"""Which exports a load asks for, and which jobs of the vendor it takes up."""
