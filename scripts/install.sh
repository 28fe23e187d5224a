#!/usr/bin/env bash
# Makes .venv from requirements.lock (hash-checked) and installs the four distributions into it.
set -euo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-python3}

"$python" - <<'PY' || { echo "Forkpoint needs Python >= 3.11; set PYTHON=/path/to/python3.11" >&2; exit 1; }
import sys
sys.exit(sys.version_info < (3, 11))
PY

[ -x .venv/bin/python ] || { echo "making .venv with $("$python" --version)"; "$python" -m venv .venv; }
mkdir -p .stamps

# uv first, alone and hash-checked out of the lock: it installs the rest in parallel. pip does it as well.
awk '/^uv==/{on=1} on{print} on&&!/\\$/{exit}' requirements.lock > .stamps/uv.lock
.venv/bin/pip install -q --disable-pip-version-check --require-hashes -r .stamps/uv.lock
echo "installing $(grep -c '==' requirements.lock) locked packages"
.venv/bin/uv pip install -q --python .venv/bin/python --require-hashes -r requirements.lock \
  || .venv/bin/pip install -q --disable-pip-version-check --require-hashes -r requirements.lock
.venv/bin/uv pip install -q --python .venv/bin/python --no-deps --no-build-isolation -e sdk -e server -e worker -e cli \
  || .venv/bin/pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e sdk -e server -e worker -e cli
touch .stamps/python
