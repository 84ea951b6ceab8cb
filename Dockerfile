# One image for `rakurs serve` and `rakurs work`: the page is built by Node, everything else is Python. No torch.
FROM node:20-slim AS page
WORKDIR /web
COPY web/package.json web/package-lock.json ./
RUN npm ci
COPY web/ ./
COPY docs/openapi.yaml /docs/openapi.yaml
RUN npm run build

FROM python:3.11-slim AS wheel
WORKDIR /source
COPY requirements/run.txt requirements/run.txt
RUN pip install --no-cache-dir --prefix=/installed --requirement requirements/run.txt \
 && pip install --no-cache-dir hatchling
COPY pyproject.toml README.md LICENSE ./
COPY src src
COPY packs packs
COPY tasks tasks
RUN pip install --no-cache-dir --prefix=/installed --no-deps .

FROM python:3.11-slim
RUN useradd --system --uid 10001 --home-dir /data --shell /usr/sbin/nologin rakurs \
 && install --directory --owner rakurs --group rakurs --mode 700 /data
COPY --from=wheel /installed /usr/local
COPY --from=page /web/dist /page
ENV PYTHONUNBUFFERED=1 \
    RAKURS_DATA_DIR=/data \
    RAKURS_WEB_DIR=/page \
    RAKURS_LOG_FORMAT=json
USER rakurs
VOLUME /data
EXPOSE 8000
STOPSIGNAL SIGTERM
ENTRYPOINT ["rakurs"]
CMD ["serve", "--host", "0.0.0.0"]
