from base64 import b64encode
from html.parser import HTMLParser

import pytest

from mnist_resnet.errors import UserError
from mnist_resnet.reporting.page import PageError, to_html

PICTURES = {"confusion_matrix.png": b"\x89PNG one", "a picture.png": b"\x89PNG two"}
REPORT = """# Squares, recipe `smoke`

| class | images |
| --- | ---: |
| left | 1,000 |

![Which for which](confusion_matrix.png)

See [the paper](https://arxiv.org/abs/1512.03385) <script>alert(1)</script>
"""


class Elements(HTMLParser):
    """All elements of a page with their attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.found if name == tag]


@pytest.fixture
def page() -> str:
    return to_html(REPORT, "Squares & <circles>", PICTURES)


def test_the_page_is_whole_and_says_what_it_is(page):
    elements = Elements(page)
    assert page.startswith("<!DOCTYPE html>\n")
    assert elements.named("html") == [{"lang": "en"}]
    assert {"charset": "utf-8"} in elements.named("meta")
    assert "viewport" in {attributes.get("name") for attributes in elements.named("meta")}
    assert "<title>Squares &amp; &lt;circles&gt;</title>" in page


def test_headings_and_tables_are_rendered(page):
    assert "<h1>Squares, recipe <code>smoke</code></h1>" in page
    assert "<td>left</td>" in page
    assert '<td style="text-align:right">1,000</td>' in page


def test_pictures_are_embedded_with_their_alternative_text(page):
    encoded = b64encode(PICTURES["confusion_matrix.png"]).decode()
    expected = {"src": f"data:image/png;base64,{encoded}", "alt": "Which for which"}
    assert Elements(page).named("img") == [expected]


def test_a_name_with_a_space_and_a_picture_within_a_table_or_a_link_are_found():
    text = "| a |\n| --- |\n| ![one](<a picture.png>) |\n\n[![two](confusion_matrix.png)](https://example.org)"
    sources = [attributes["src"] for attributes in Elements(to_html(text, "", PICTURES)).named("img")]
    assert sources == [
        f"data:image/png;base64,{b64encode(PICTURES[name]).decode()}"
        for name in ("a picture.png", "confusion_matrix.png")
    ]


@pytest.mark.parametrize(
    "source", ["missing.png", "sub/confusion_matrix.png", "https://example.org/a.png", "data:image/png;base64,AAAA"]
)
def test_a_picture_without_bytes_is_refused_with_what_is_there(source):
    with pytest.raises(PageError, match=r"confusion_matrix\.png, a picture\.png; give") as refused:
        to_html(f"![?]({source})", "", PICTURES)
    assert repr(source) in str(refused.value)
    assert isinstance(refused.value, UserError)


def test_raw_html_is_shown_as_text(page):
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert Elements(page).named("script") == []


def test_nothing_is_loaded_from_outside(page):
    elements = Elements(page)
    (policy,) = [
        attributes["content"]
        for attributes in elements.named("meta")
        if attributes.get("http-equiv") == "Content-Security-Policy"
    ]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules == {
        "default-src": "'none'",
        "style-src": "'unsafe-inline'",
        "img-src": "data:",
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    assert not {"script", "link", "iframe", "object"} & {tag for tag, _ in elements.found}
    assert "url(" not in page
    assert "@import" not in page


def test_equal_reports_give_equal_pages(page):
    assert to_html(REPORT, "Squares & <circles>", PICTURES) == page
