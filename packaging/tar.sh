#!/usr/bin/env bash
# Makes wharf-VERSION-ARCH.tar.gz of the binaries in out/ (./dev build first), for machines with neither dpkg nor rpm: unpacked anywhere,
# wharf-VERSION/bin/wharf runs; over /usr (tar --strip-components=1 -C /usr) it is installed.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."
out=${1:-out}
version=$(packaging/version.sh)
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
mkdir "$work/tree"
packaging/tree.sh "$out" "$work/tree" usr/share/zsh/site-functions
mv "$work/tree/usr" "$work/wharf-$version"
file="$out/wharf-$version-$(uname -m).tar.gz"
tar --sort=name --owner=0 --group=0 --numeric-owner -C "$work" -czf "$file" "wharf-$version"
echo "$file"
