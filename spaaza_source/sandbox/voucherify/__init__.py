"""Voucherify's `/v1/exports`, beside Spaaza's tasks: same server, clock and record of calls."""
