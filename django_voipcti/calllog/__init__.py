"""Work on the call log as a whole: bringing in the provider's history, retention, and what is kept of one person."""
