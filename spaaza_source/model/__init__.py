"""One model of both vendors: views with settled names and types, and the liability book."""
