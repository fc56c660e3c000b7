"""The files of a table, from their arrival to what dlt loads of them."""
