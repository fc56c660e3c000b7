"""The road of an export, the same for every vendor: request, job, download, load."""
