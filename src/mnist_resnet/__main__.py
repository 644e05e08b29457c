"""``python -m mnist_resnet``: what ``kedro run`` does, also where the package is installed without the project."""

import sys

from kedro.framework.project import configure_project


def main() -> None:
    """Run pipelines with the options of ``kedro run``; outputs go into the project's folder, else the present one."""
    configure_project("mnist_resnet")
    from mnist_resnet.cli import run

    sys.argv.insert(1, "run")  # what is recorded, and shown to others, is the command that this one stands for
    run.main(args=sys.argv[2:], prog_name="python -m mnist_resnet")


if __name__ == "__main__":
    main()
