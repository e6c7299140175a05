#!/usr/bin/env bash
# ./dev weakened: a wharf-runtime whose defences are off (Wharf.Linux/Defences.cs), built beside the tree and never left in it, and the tests of
# test/Wharf.SystemTests/Security that are marked to find its holes. Each of them must fail.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."
. scripts/requirements.sh
require_root
case $(uname -m) in aarch64) rid=linux-arm64 ;; *) rid=linux-x64 ;; esac
tree=$(mktemp -d); trap 'rm -rf "$tree"' EXIT
mkdir "$tree/src"
for project in Wharf.Runtime Wharf.Specs Wharf.Linux; do
  mkdir "$tree/src/$project"
  tar -C "src/$project" --exclude=./bin --exclude=./obj -cf - . | tar -C "$tree/src/$project" -xf -
done
cp Directory.Build.props Directory.Packages.props global.json "$tree/"
[ ! -e nuget.config ] || cp nuget.config "$tree/"
[ ! -e .editorconfig ] || cp .editorconfig "$tree/"
dotnet publish "$tree/src/Wharf.Runtime" -c Release -r "$rid" -o "$tree/out" -p:WharfWeakened=true --nologo -v quiet
code=0
WHARF_TEST_RUNTIME=$tree/out/wharf-runtime dotnet run --project test/Wharf.SystemTests -- -trait "Weakened=open" -noColor > "$tree/log" 2>&1 || code=$?
read -r total failed < <(sed -n 's/.*Total: \([0-9]*\), Errors: [0-9]*, Failed: \([0-9]*\).*/\1 \2/p' "$tree/log" | tail -1) || true
grep -E '\[(FAIL|SKIP)\]' "$tree/log" | sed 's/^ */  /' || true
if [ "${total:-0}" -gt 0 ] && [ "$total" = "$failed" ]; then
  echo "weakened: all $total tests find the holes"
else
  cat "$tree/log" >&2
  die "weakened: ${failed:-0} of ${total:-0} tests find the holes (exit code $code)"
fi
