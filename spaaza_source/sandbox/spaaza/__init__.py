"""Spaaza's Services API: tasks, bulk users and the storage behind download links."""
