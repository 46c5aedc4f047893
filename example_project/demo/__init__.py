"""The demo: every process of a real deployment on one machine, started, watched and stopped together."""
