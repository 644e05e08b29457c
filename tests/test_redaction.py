import pytest

from mnist_resnet.redaction import without_credentials


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://user:hunter2@example.org/mnist/", "https://example.org/mnist/"),
        ("https://hunter2@example.org", "https://example.org"),
        ("postgresql://user:p@ss@host:5432/runs", "postgresql://host:5432/runs"),
        ("https://example.org/mnist?token=hunter2&x=1", "https://example.org/mnist?…"),
        ("API request to http://a:b@127.0.0.1:1/api/x failed: 'http://a:b@c/d?e=f'",
         "API request to http://127.0.0.1:1/api/x failed: 'http://c/d?…'"),
        ("folder ftp:/user:hunter2@example.org/mnist", "folder ftp:/example.org/mnist"),  # as pathlib writes it
        ("https://example.org/npm/mnist@1.2/", "https://example.org/npm/mnist@1.2/"),
        ("sqlite:////home/me@work/mlflow.db", "sqlite:////home/me@work/mlflow.db"),
        ("Is it at me@example.org? See https://example.org/", "Is it at me@example.org? See https://example.org/"),
    ],
)  # fmt: skip
def test_addresses_are_shown_without_credentials_and_queries(text, shown):
    assert without_credentials(text) == shown
