"""A Markdown report as one HTML page that holds its pictures and loads nothing."""

from base64 import b64encode
from collections.abc import Mapping
from html import escape
from typing import TYPE_CHECKING
from urllib.parse import unquote

from mnist_resnet.errors import UserError

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

# No script, no font, no frame, nothing from anywhere else.
_CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
)

_STYLE = """
:root { color-scheme: light dark; --text: #1f2328; --page: #ffffff; --quiet: #59636e; --line: #d1d9e0;
  --panel: #f6f8fa; --link: #0550ae; }
@media (prefers-color-scheme: dark) {
  :root { --text: #e6edf3; --page: #0d1117; --quiet: #9198a1; --line: #3d444d; --panel: #161b22; --link: #79c0ff; }
}
* { box-sizing: border-box; }
body { max-width: 60rem; margin: 0 auto; padding: 2rem 1.25rem 4rem; color: var(--text); background: var(--page);
  font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
h1, h2, h3 { line-height: 1.25; margin: 2.25rem 0 0.75rem; }
h1 { font-size: 1.8rem; margin-top: 0; padding-bottom: 0.5rem; border-bottom: 2px solid var(--line); }
h2 { font-size: 1.3rem; }
h3 { font-size: 1.1rem; }
p, ul, ol, blockquote { max-width: 45rem; }
p:has(img) { max-width: none; margin: 1.25rem 0; }
a { color: var(--link); }
blockquote { margin-inline: 0; padding-inline-start: 1rem; border-inline-start: 3px solid var(--line);
  color: var(--quiet); }
img { display: block; max-width: 100%; height: auto; background: #ffffff; border: 1px solid var(--line);
  border-radius: 4px; }
.scrollable { margin: 1rem 0; overflow-x: auto; }
table { border-collapse: collapse; font-size: 0.925rem; font-variant-numeric: tabular-nums; }
th, td { padding: 0.35rem 1.25rem 0.35rem 0; text-align: left; vertical-align: top;
  border-bottom: 1px solid var(--line); }
th { font-weight: 600; border-bottom: 2px solid var(--quiet); }
code { padding: 0.1em 0.3em; font: 0.875em ui-monospace, SFMono-Regular, Menlo, Consolas, monospace;
  background: var(--panel); border-radius: 3px; }
pre { padding: 0.75rem 1rem; overflow-x: auto; background: var(--panel); border-radius: 4px; }
pre code, td code { padding: 0; background: none; }
@media (max-width: 50rem) { p code { overflow-wrap: anywhere; } }
@media print {
  :root { color-scheme: light; --text: #000000; --page: #ffffff; --quiet: #444444; --line: #bbbbbb; --panel: #ffffff; }
  body { max-width: none; padding: 0; font-size: 10pt; }
  h1, h2, h3 { break-after: avoid; }
  img, tr { break-inside: avoid; }
  code { overflow-wrap: anywhere; }
}
"""
_MAIN, _END_OF_MAIN = "<main>", "</main>"


class PageError(UserError, ValueError):
    """A report that cannot become a page of its own."""


def to_html(markdown: str, title: str, pictures: Mapping[str, bytes]) -> str:
    """Turn a Markdown report into one HTML file.

    Raw HTML in the report is shown as text.

    Args:
        markdown: CommonMark with tables.
        title: The window's title.
        pictures: The PNG files that the report shows, by file name as it is written there.

    Returns:
        A whole page in HTML 5, to be stored as UTF-8.

    Raises:
        PageError: If the report shows a picture that is not in ``pictures``.
    """
    parser = _parser()
    # A table too wide for a small screen is moved by itself, not with the page.
    parser.add_render_rule("table_open", lambda *_: '<div class="scrollable" tabindex="0">\n<table>\n')
    parser.add_render_rule("table_close", lambda *_: "</table>\n</div>\n")
    tokens = parser.parse(markdown)
    for token in tokens:
        for child in token.children or ():
            if child.type == "image":
                child.attrSet("src", _embedded(str(child.attrGet("src")), pictures))
    body = parser.renderer.render(tokens, parser.options, {})
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{_CONTENT_SECURITY_POLICY}">
<title>{escape(title)}</title>
<style>{_STYLE}</style>
</head>
<body>
{_MAIN}
{body}{_END_OF_MAIN}
</body>
</html>
"""


def main_of(page: str) -> str:
    """The content of a page of ``to_html``, which holds its pictures."""
    return page.partition(_MAIN)[2].partition(_END_OF_MAIN)[0]


def to_fragment(markdown: str) -> str:
    """Turn a Markdown report into HTML for a page of somebody else's, without its pictures."""
    parser = _parser()
    parser.add_render_rule("image", lambda *_: "")
    return str(parser.render(markdown))


def _parser() -> "MarkdownIt":
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark", {"html": False}).enable("table")


def _embedded(source: str, pictures: Mapping[str, bytes]) -> str:
    name = unquote(source)
    if name not in pictures:
        known = ", ".join(pictures) or "none"
        raise PageError(f"markdown: shows the picture {name!r}, but pictures has only: {known}; give its PNG bytes")
    return f"data:image/png;base64,{b64encode(pictures[name]).decode()}"
