import pytest

from mnist_resnet.terminal.redaction import without_credentials


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
        ("model URI: received 'models:/mnist@champion', not 'models:/mnist@candidate'",
         "model URI: received 'models:/mnist@champion', not 'models:/mnist@candidate'"),
        ("runs:/0123/me@work/model.onnx", "runs:/0123/me@work/model.onnx"),
        ("mlflow-artifacts:/me@work/x dbfs:/me@work/x", "mlflow-artifacts:/me@work/x dbfs:/me@work/x"),
        ("file:/me@work/x file:///me@work/x C:/me@work/x", "file:/me@work/x file:///me@work/x C:/me@work/x"),
        ("models://user:hunter2@host/mnist", "models://host/mnist"),
        ("mymodels:/user:hunter2@host/mnist", "mymodels:/host/mnist"),
        ("uri=https://user:hunter2@host/a, postgresql+psycopg://u:p@h/d", "uri=https://host/a, postgresql+psycopg://h/d"),
        ("STORE_https://user:hunter2@host/a, 数https://user:hunter2@host/b", "STORE_https://host/a, 数https://host/b"),
        ("git@github.com:me/mnist.git", "git@github.com:me/mnist.git"),
        ("Is it at me@example.org? See https://example.org/", "Is it at me@example.org? See https://example.org/"),
    ],
)  # fmt: skip
def test_addresses_are_shown_without_credentials_and_queries(text, shown):
    assert without_credentials(text) == shown
