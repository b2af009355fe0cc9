# The frontend, the Python packages, and what runs: without the models' packages (the last stage, which is the default)
# for web, worker and beat, with them (target "inference", 6 GB more) for the workers that run and train models.
FROM node:24-slim AS frontend
WORKDIR /sagittal/frontend
COPY frontend/package.json frontend/package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY frontend/ ./
# Vite writes into labeling/static/viewer, where Django collects it.
RUN npm run build

FROM python:3.11-slim AS packages
COPY requirements.txt requirements-demo.txt /
RUN python -m venv /venv \
 && /venv/bin/pip install --no-cache-dir -r /requirements.txt \
 && /venv/bin/pip install --no-cache-dir --no-deps -r /requirements-demo.txt

FROM packages AS inference-packages
COPY requirements-inference.txt /
RUN /venv/bin/pip install --no-cache-dir -c /requirements.txt -r /requirements-inference.txt

FROM python:3.11-slim AS sagittal
RUN useradd --uid 10001 --user-group --no-create-home --home-dir /var/lib/sagittal --shell /usr/sbin/nologin sagittal \
 && install -d -o sagittal -g sagittal -m 0700 /var/lib/sagittal
WORKDIR /sagittal
COPY --from=packages /venv /venv
COPY manage.py pyproject.toml ./
COPY config/ config/
COPY inference/ inference/
COPY labeling/ labeling/
COPY templates/ templates/
COPY --from=frontend /sagittal/labeling/static/viewer/ labeling/static/viewer/
ENV PATH=/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    SAGITTAL_STATE=/var/lib/sagittal
# Collecting reads the settings, which want values; no server is asked and none of these is kept.
RUN DATABASE_URL=postgresql:///none BROKER_URL=redis://none SAGITTAL_SECRET_KEY=none SAGITTAL_PSEUDONYM_KEY=none \
    SAGITTAL_IDENTITY_KEYS=none python manage.py collectstatic --noinput -v 0
USER sagittal
VOLUME /var/lib/sagittal
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
  CMD ["python", "-c", "import http.client as h; c = h.HTTPConnection('127.0.0.1', 8000, timeout=4); c.request('GET', '/healthz', headers={'Host': 'localhost'}); raise SystemExit(c.getresponse().status != 200)"]
CMD ["gunicorn", "config.wsgi:application", "--bind", "0.0.0.0:8000", "--preload", "--no-control-socket", "--worker-class", "gthread", "--workers", "3", "--threads", "8", "--timeout", "120", "--keep-alive", "30", "--worker-tmp-dir", "/dev/shm"]

FROM sagittal AS inference
COPY --from=inference-packages /venv /venv

FROM sagittal
