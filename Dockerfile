# One image, four commands: web (the default), worker, beat and migrate. See docker-compose.yml.
FROM python:3.13-slim

ENV PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    HOME=/tmp \
    DATA_DIR=/data \
    STATIC_ROOT=/app/collected

WORKDIR /app

COPY requirements.lock ./
RUN pip install --no-cache-dir --disable-pip-version-check --no-deps --require-hashes --only-binary :all: \
    -r requirements.lock

COPY . .

# The keys that this step makes lie in a folder that is gone when the step ends. /data is given to the user
# who runs the image, so that a new volume mounted there is theirs too.
RUN python -m compileall -q . \
 && DATA_DIR=/tmp/build python manage.py collectstatic --no-input --verbosity 0 \
 && rm -rf /tmp/build \
 && useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin rollcall \
 && install --directory --mode 0700 --owner rollcall /data /simulated

USER 10001
VOLUME /data
EXPOSE 8000

CMD ["python", "-m", "gunicorn", "--config", "python:config.gunicorn", "--bind", "0.0.0.0:8000", "config.wsgi:application"]
