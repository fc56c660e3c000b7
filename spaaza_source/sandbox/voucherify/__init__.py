"""Voucherify's `/v1/exports` and the downloads of their files."""
