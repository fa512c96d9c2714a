"""What people look at: one HTML file, and the same story in a terminal.

Both read nothing but the summary, the JSON-able mapping that ``Explanation.to_dict()`` returns and
``run.json`` holds. :mod:`.reading` puts it in the words and the order in which a person reads it.
"""
