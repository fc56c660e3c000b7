"""`spaaza check --deep`: tables compared with fresh exports, row by row."""
