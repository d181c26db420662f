"""The site: `make docs` builds it into docs/_build/html, with warnings as errors and nothing fetched."""

from pinnlearn import __version__

project = "pinnlearn"
author = "The pinnlearn developers"
copyright = "the pinnlearn developers"
release = version = __version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "numpydoc",
    "myst_parser",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build", "results/*.md"]
templates_path = ["_templates"]

myst_heading_anchors = 3
default_role = "autolink"

autodoc_typehints = "none"  # numpydoc's sections tell them
autodoc_member_order = "bysource"
autosummary_imported_members = False
numpydoc_show_class_members = False

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "filename_pattern": r"\.py$",
    "capture_repr": (),
    "download_all_examples": False,
    "show_signature": False,
}

html_theme = "pydata_sphinx_theme"
html_title = f"pinnlearn {version}"
html_theme_options = {
    "navbar_align": "left",
    "show_toc_level": 2,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
}
html_sidebars = {name: [] for name in ("index", "getting_started", "faq", "deepxde", "scikit_learn")}
html_show_sourcelink = False
