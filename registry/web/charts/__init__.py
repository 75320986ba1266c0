"""Plots as inline SVG, drawn here: they print, need no script, and every text in them is escaped."""
