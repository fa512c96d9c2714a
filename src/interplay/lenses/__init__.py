"""How a subject is taken apart, ablated and scored: one lens per kind of subject."""
