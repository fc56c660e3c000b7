"""Downloads the files of exports into a folder of this user alone."""
