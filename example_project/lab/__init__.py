"""The phone lab: the demo's phones on a page of the CRM. Exists in the demo only."""
