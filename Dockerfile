FROM python:3.11-slim AS build
WORKDIR /source
RUN python -m venv /opt/canary
COPY pyproject.toml README.md LICENSE ./
COPY stream stream
COPY topologies topologies
RUN /opt/canary/bin/pip install --no-cache-dir --disable-pip-version-check .

FROM python:3.11-slim
LABEL org.opencontainers.image.title="canarystream" \
      org.opencontainers.image.description="A live canary monitor" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /opt/canary /opt/canary
ENV PATH=/opt/canary/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    CANARY_LISTEN=0.0.0.0:9464
WORKDIR /tmp
USER 10001:10001
EXPOSE 9464
STOPSIGNAL SIGTERM
ENTRYPOINT ["canary"]
CMD ["run"]
