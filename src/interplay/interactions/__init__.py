"""What people read off a spectrum, and how it gets into other tools and back.

table.py     Interaction and Interactions: single effects, and the values of one index
rows.py      which rows an export has, and rows from elsewhere, checked
frame.py     pandas
csv_file.py  CSV, for spreadsheets
peers.py     shapiq and shap
graph.py     networkx
"""

from interplay.interactions.table import Interaction, Interactions, sign_probability

__all__ = ["Interaction", "Interactions", "sign_probability"]
