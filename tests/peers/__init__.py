"""The bridge against foreign programs: a real SIP server, real phones, real callers."""
