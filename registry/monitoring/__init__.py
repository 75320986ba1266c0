"""What deserves a person's eye. Pure: standard library and the clinical vocabulary."""
