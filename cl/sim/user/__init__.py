"""What users' own sources are made of, and how they are asked."""
