"""Wake-ups for whoever follows a run. A message says only where to look: Postgres is the truth."""
