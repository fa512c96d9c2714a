"""Who returns the numbers: one file per kind of model, each loaded only when it is used."""
