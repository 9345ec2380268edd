"""How Sphinx builds the website; `python -m tools.website` gathers what it is made of."""

from pathlib import Path

import jupyter_server_mathjax

author = ""
project = "Learn how a GAN paints"
html_title = project
language = "en"
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.mathjax", "sphinx.ext.napoleon"]
autodoc_typehints_format = "short"
autodoc_member_order = "bysource"
default_role = "code"  # of `names` in docstrings
python_maximum_signature_line_length = 100
root_doc = "index"
exclude_patterns = [".built"]

nb_execution_mode = "off"
myst_enable_extensions = ["dollarmath", "amsmath"]
myst_heading_anchors = 4

html_theme = "sphinx_book_theme"
html_context = {"default_mode": "auto"}
html_show_copyright = False
html_use_index = False
html_copy_source = False
html_show_sourcelink = False
html_static_path = ["website.css", str(Path(jupyter_server_mathjax.__file__).with_name("static"))]
html_css_files = ["website.css"]
html_theme_options = {
    "home_page_in_toc": True,
    "use_download_button": False,
    "show_toc_level": 2,
    "footer_content_items": "extra-footer.html",
    "navbar_persistent": [],
    "extra_footer": "<p>The outputs are those of a run in full length on two CPU cores.</p>",
}

# MathJax comes with the pages, so that formulas need no network.
myst_update_mathjax = False
mathjax_path = "MathJax.js"
mathjax2_config = {
    "config": ["TeX-AMS-MML_HTMLorMML-full.js"],
    "tex2jax": {"inlineMath": [["\\(", "\\)"]], "processClass": "math", "ignoreClass": ".*"},
    "HTML-CSS": {
        "availableFonts": [],
        "preferredFont": None,
        "webFont": "STIX-Web",
        "imageFont": None,
        "linebreaks": {"automatic": True},
    },
}
