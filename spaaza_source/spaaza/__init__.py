"""Spaaza: the Tasks API's six exports and the bulk users export, on the common road."""
