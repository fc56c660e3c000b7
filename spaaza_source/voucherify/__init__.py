"""Voucherify: the objects of its `/exports`, on the common road."""
