"""How dates and times are written; Django reads one module a language."""
