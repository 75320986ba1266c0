FROM python:3.11-slim

ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 PIP_NO_CACHE_DIR=1
WORKDIR /app

# Before the code, so that a changed line does not install everything again.
COPY prod.txt .
RUN pip install --require-hashes -r prod.txt

COPY manage.py ./
COPY config config
COPY registry registry
COPY templates templates

# DEMO=1 for this one command, which needs no secret; the one it makes up is removed with its directory.
RUN DEMO=1 REGISTRY_DATA_DIR=/tmp/build python manage.py collectstatic --noinput -v0 \
    && mv /tmp/build/static static_collected \
    && rm -r /tmp/build \
    && useradd --system --no-create-home --uid 10001 registry \
    && install --directory --owner registry --mode 0700 /data
USER registry

EXPOSE 8000
