"""What the words mean: analytes, units, grades, dates, terms. Standard library only."""
