"""The documentation as a site: ``make docs``, then open docs/_build/html/index.html.

The sources are the Markdown files of the repository as they stand, README.md and the others at its
top included, so that links between them work on GitHub and in the site alike. Nothing is fetched,
neither by the build nor by the pages.
"""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent
sys.path[:0] = [str(HERE / "_ext"), str(ROOT / "src")]

from interplay import __version__  # noqa: E402 - of the checkout that is documented

project = "interplay"
author = "The interplay developers"
release = version = __version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "formulas",
    "public_names",
]

root_doc = "docs/index"
include_patterns = ["*.md", "docs/**"]
# whole folders, by name, so that none of them is walked through
exclude_patterns = ["docs/_*", *(p.name for p in ROOT.iterdir() if p.is_dir() and p.name != "docs")]

myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 4  # those that GitHub gives to headings

html_theme = "furo"
html_title = f"interplay {__version__}"
html_math_renderer = "formulas"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sphinx = False
html_show_copyright = False  # LICENSE says it
# the page at the top of the site, beside the folder docs
templates_path = ["_templates"]
html_additional_pages = {"index": "first.html"}

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
# signatures name these as the code does, not what they stand for
_ALIASES = "ArrayLike BoolArray FloatArray IntArray PackedArray Term OnEvent Event Stop"
autodoc_type_aliases = {name: name for name in _ALIASES.split()}
autodoc_default_options = {"members": True, "exclude-members": "__new__, __init__"}
maximum_signature_line_length = 80
python_use_unqualified_type_names = True
napoleon_google_docstring = False
napoleon_use_rtype = False
napoleon_preprocess_types = False
napoleon_use_ivar = False

# Types are words of a sentence, or of other packages; names in roles are checked.
nitpick_ignore_regex = [("py:class", ".*")]
