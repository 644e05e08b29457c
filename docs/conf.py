"""The site that `make docs` builds from these pages, the notebooks, the commands, the parameters and the code."""

import re
import sys
from pathlib import Path

from sphinx.application import Sphinx

sys.path.insert(0, str(Path(__file__).parent))

from parameter_reference import parameter_tables  # beside this file

project = "mnist_resnet"
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_click"]
root_doc = "README"
html_theme = "furo"
html_title = project
html_copy_source = html_show_sphinx = html_show_copyright = False
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_extra_path = ["index.html"]
exclude_patterns = ["conf.py", "parameter_reference.py"]
myst_heading_anchors = 4
autodoc_member_order = "bysource"
autodoc_typehints = "none"  # the signatures have them
napoleon_numpy_docstring = False

nb_execution_mode = "off"  # `make docs` has run the notebooks: docs/notebooks/ has them with outputs
nb_output_stderr = "remove"  # the log
nb_merge_streams = True
nb_render_markdown_format = "gfm"  # which has tables

# The pages by what a reader comes for. A page that is in none of these is an error of the build.
PAGES = {
    "Begin": ["first-run"],
    "Lessons": [
        "A residual block <notebooks/mnist_32>",
        "Five depths <notebooks/d2l_fashion_28>",
        "Shapes and costs <notebooks/d2l_keras_224>",
        "Pre-activation <notebooks/d2l_fashion_96>",
        "Explore a run <notebooks/explore>",
        "Read a run <notebooks/read_a_run>",
    ],
    "How-to": [
        "how-to/pictures",
        "how-to/many-images",
        "how-to/sweep",
        "how-to/recipe",
        "how-to/data-set",
        "how-to/perturbation",
        "how-to/head",
        "gpu",
        "how-to/several-machines",
        "large-data",
        "how-to/serving",
        "deployment",
        "how-to/firewall",
    ],
    "Reference": [
        "reference/commands",
        "reference/parameters",
        "reference/files",
        "reference/library",
        "results",
        "results/accuracy",
        "results/training-speed",
        "results/inference-speed",
        "results/sameness",
        "results/operation",
        "changelog",
    ],
    "Explanations": ["guide", "reproducibility", "reliability", "supply-chain", "decisions/*"],
}


def _complete(app: Sphinx, page: str, source: list[str]) -> None:
    """Add to a page what is not in its file, and change its links to notebooks, and theirs to pages, for the site."""
    project_folder = Path(app.srcdir).parent
    match page:
        case "README":
            source[0] += "".join(map(_toctree, PAGES))
        case "reference/parameters":
            source[0] += parameter_tables(project_folder / "conf" / "base" / "parameters.yml")
        case "changelog":
            source[0] = (project_folder / "CHANGELOG.md").read_text(encoding="utf-8").replace("](docs/", "](")
    if page.startswith("notebooks/"):
        source[0] = source[0].replace("](../docs/", "](../")
    source[0] = re.sub(r"\]\(((?:\.\./)*)\.\./notebooks/", r"](\1notebooks/", source[0])


def _toctree(caption: str) -> str:
    return "\n".join(["", "```{toctree}", ":hidden:", ":glob:", f":caption: {caption}", "", *PAGES[caption], "```", ""])


def setup(app: Sphinx) -> None:
    """Register what completes the pages."""
    app.connect("source-read", _complete)
