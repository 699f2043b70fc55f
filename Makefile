# Aliases; `python3 run.py` does the work and needs nothing but Python 3.11 or newer.
.PHONY: setup demo test check up lock

setup:  ## make the environment with everything that tests and checks need
	python3 run.py setup

demo:  ## a list in a simulated Klaviyo made equal to a query
	python3 run.py demo

test:  ## every test, on PostgreSQL and on SQLite
	python3 run.py test

check:  ## what review runs: format, lint, types, layers, templates, migrations
	python3 run.py check

up:  ## the whole product on this machine
	python3 run.py up

COMPILE = uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --upgrade

lock:  ## refresh both locks (needs uv: pip install uv)
	$(COMPILE) pyproject.toml --extra embedded -o requirements.lock
	$(COMPILE) pyproject.toml --extra embedded --group test --group lint -c requirements.lock -o requirements-test.lock
