"""How each code comes about: each function opens a company, lets it happen, and returns the run at rest."""
