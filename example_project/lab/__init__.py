"""The phone lab: the simulator's phones on a page of the CRM. Exists in the demo only."""
