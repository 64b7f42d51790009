"""The documentation site: ``sphinx-build -W docs site`` makes it, and warnings are errors."""

from __future__ import annotations

from nanochart import __version__

project = "nanochart"
author = "The nanochart founders"
copyright = "2026, The nanochart founders"
version = release = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build", "_static"]
highlight_language = "none"  # of blocks that do not say what they are
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
add_module_names = False
python_maximum_signature_line_length = 88
default_role = "code"  # single backticks in docstrings
napoleon_google_docstring = False
napoleon_use_rtype = False

html_theme = "furo"
html_title = f"nanochart {version}"
html_static_path = ["_static"]
html_css_files = ["nanochart.css"]
linkcheck_timeout = 20
