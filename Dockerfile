# mnist_resnet without its repository: docs/deployment.md. A tag may move, a digest does not: to fix the base, build with
# --build-arg BASE=python:3.12-slim@sha256:<digest>.
ARG BASE=python:3.12-slim

FROM ${BASE} AS packages
# cpu or gpu
ARG COMPUTE=cpu
# yes: with Ray and Optuna
ARG SCALE=no
# Containers cannot write into a read-only image, and would compile everything at each start.
ARG UV_COMPILE_BYTECODE=1
ENV UV_LINK_MODE=copy PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /build
COPY requirements.lock ./
RUN --mount=type=cache,target=/root/.cache/uv \
    awk '/^[^ ]/ {wanted = /^(setuptools|uv)==/} wanted' requirements.lock > tools.lock \
    && python -m venv /opt/tools \
    && /opt/tools/bin/python -m pip install --quiet --no-cache-dir --require-hashes --requirement tools.lock
# Of the lock only what the package needs; each file by its hash.
COPY pyproject.toml requirements-gpu.lock requirements-scale.lock ./
RUN --mount=type=cache,target=/root/.cache/uv \
    case "$COMPUTE" in cpu) lock=requirements.lock ;; gpu) lock=requirements-gpu.lock ;; \
        *) echo "COMPUTE: received '$COMPUTE'; choose cpu or gpu" >&2; exit 1 ;; esac \
    && python -m venv --without-pip /opt/mnist_resnet \
    && /opt/tools/bin/uv pip install --quiet --python /opt/mnist_resnet --only-binary :all: --require-hashes \
        --requirement pyproject.toml --extra "$COMPUTE" --constraint "$lock" \
    && if [ "$SCALE" = yes ]; then /opt/tools/bin/uv pip install --quiet --python /opt/mnist_resnet --only-binary :all: \
        --no-deps --require-hashes --requirement requirements-scale.lock; fi

FROM packages AS wheel
COPY LICENSE README.md ./
COPY src ./src
RUN /opt/tools/bin/uv build --quiet --wheel --no-build-isolation --python /opt/tools/bin/python --out-dir dist \
    && /opt/tools/bin/uv pip install --quiet --python /opt/mnist_resnet --prefix /opt/wheel --no-deps --no-index dist/*.whl

FROM ${BASE}
ARG REVISION=unknown
LABEL org.opencontainers.image.title="mnist_resnet" \
    org.opencontainers.image.description="Train a Keras ResNet on MNIST-shaped data, ship it, and prove what was shipped" \
    org.opencontainers.image.licenses="Apache-2.0" \
    org.opencontainers.image.revision="${REVISION}"
RUN useradd --uid 10001 --create-home --shell /usr/sbin/nologin mnist \
    && install --directory --owner=mnist --group=mnist /work \
    && mkdir --parents /opt/project/src \
    && ln --symbolic /work/data /opt/project/data
COPY --from=packages /opt/mnist_resnet /opt/mnist_resnet
# A project for kedro viz; what the commands read and write is in /work.
COPY pyproject.toml .telemetry /opt/project/
COPY conf /opt/project/conf
COPY --from=wheel /opt/wheel /opt/mnist_resnet
ENV PATH=/opt/mnist_resnet/bin:/usr/local/bin:/usr/bin:/bin \
    MNIST_RESNET_CONF_SOURCE=/opt/project/conf \
    KEDRO_LOGGING_CONFIG=/opt/project/conf/logging.yml \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility \
    MLFLOW_DISABLE_TELEMETRY=true \
    DO_NOT_TRACK=true
USER 10001:10001
WORKDIR /work
VOLUME ["/work"]
ENTRYPOINT ["mnist_resnet"]
CMD ["--help"]
