FROM python:3.12-slim-bookworm AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /src
# Dependencies first: they change less often than the code, and their layers are kept.
COPY requirements/build.lock requirements/runtime.lock requirements/
RUN python -m venv /opt/glyphd \
 && /opt/glyphd/bin/pip install --require-hashes --only-binary :all: -r requirements/runtime.lock \
 && pip install --require-hashes -r requirements/build.lock
COPY pyproject.toml README.md LICENSE ./
COPY glyphd glyphd
COPY worker worker
COPY migrations migrations
COPY sample sample
RUN pip wheel --no-deps --no-build-isolation --wheel-dir dist . \
 && /opt/glyphd/bin/pip install --no-deps --no-index dist/*.whl \
 && /opt/glyphd/bin/python -m pip uninstall --yes pip

FROM python:3.12-slim-bookworm
COPY --from=build /opt/glyphd /opt/glyphd
# A fixed number, so that a volume keeps its owner over rebuilds. A named volume takes its owner from this folder.
RUN groupadd --gid 10001 glyphd \
 && useradd --uid 10001 --gid glyphd --home-dir /data --no-create-home --shell /usr/sbin/nologin glyphd \
 && install -d -o glyphd -g glyphd -m 0750 /data
ENV PATH=/opt/glyphd/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 GLYPHD_DATA_DIR=/data
USER glyphd
WORKDIR /data
EXPOSE 8080
STOPSIGNAL SIGTERM
ENTRYPOINT ["glyphd"]
CMD ["serve", "--host", "0.0.0.0"]
