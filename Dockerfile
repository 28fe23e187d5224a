# Two images from one file: `service` (migrate, API, worker, bucket) and `web` (the published door).

FROM node:24-slim AS cockpit
WORKDIR /build/cockpit
COPY cockpit/package.json cockpit/package-lock.json cockpit/.npmrc ./
RUN npm ci
COPY schema.graphql /build/schema.graphql
COPY cockpit ./
RUN npm run build

# Everything is installed from the hash-checked lock; what compiles or installs stays in this stage.
FROM python:3.13-slim AS install
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /build
RUN python -m venv /opt/forkpoint
COPY requirements.lock ./
RUN /opt/forkpoint/bin/pip install --require-hashes -r requirements.lock
COPY sdk sdk
COPY server server
COPY worker worker
COPY cli cli
COPY migrations migrations
RUN /opt/forkpoint/bin/pip install --no-deps --no-build-isolation ./sdk ./server ./worker ./cli
COPY docker/prune.py docker/prune.py
RUN /opt/forkpoint/bin/python docker/prune.py

FROM python:3.13-slim AS service
ENV PATH=/opt/forkpoint/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    FORKPOINT_DATA=/tmp/forkpoint \
    FORKPOINT_COCKPIT=/opt/cockpit
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin forkpoint
COPY --from=install /opt/forkpoint /opt/forkpoint
COPY --from=cockpit /build/cockpit/dist /opt/cockpit
COPY docker/bucket.py docker/first_token.py docker/worker_health.py /opt/forkpoint/programs/
WORKDIR /tmp
USER 10001:10001
CMD ["python", "-m", "forkpoint_server"]

FROM nginxinc/nginx-unprivileged:1.29-alpine AS web
COPY docker/nginx.conf /etc/nginx/conf.d/default.conf
COPY --from=cockpit /build/cockpit/dist/assets /usr/share/nginx/html/assets
