#!/usr/bin/env bash
# Makes wharf_VERSION_ARCH.deb of the binaries in out/ (./dev build first): programs, units, completions, manual pages.
# WHARF_DEB_COMPRESSION: dpkg-deb's compressor (default xz; "none" is quick).
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."
out=${1:-out}
version=$(packaging/version.sh)
arch=$(dpkg --print-architecture)
maintainer='The Wharf authors <wharf@wharf.invalid>'
root=$(mktemp -d); trap 'rm -rf "$root"' EXIT
packaging/tree.sh "$out" "$root" usr/share/zsh/vendor-completions
printf 'wharf (%s) unstable; urgency=medium\n\n  * What changed stands in CHANGELOG.md.\n\n -- %s  %s\n' "$version" "$maintainer" "$(date -R -r CHANGELOG.md)" | gzip -9n > "$root/usr/share/doc/wharf/changelog.gz"
# The oldest C library that has what the programs call.
libc=$(objdump -T "$out/wharf" "$out/wharf-runtime" 2> /dev/null | sed -n 's/.*GLIBC_\([0-9.]*\).*/\1/p' | sort -Vu | tail -1)
mkdir -p "$root/DEBIAN"
cat > "$root/DEBIAN/control" <<EOF
Package: wharf
Version: $version
Architecture: $arch
Maintainer: $maintainer
Section: admin
Priority: optional
Depends: libc6${libc:+ (>= $libc)}, libnftables1, zlib1g
Recommends: libzstd1, ca-certificates
Suggests: docker-cli, docker-compose, docker-buildx, uidmap, slirp4netns, fuse-overlayfs
Installed-Size: $(du -sk "$root" | cut -f1)
Description: container engine that speaks Docker's API
 Runs, builds and ships containers.
 Docker's clients and tools work with it unchanged.
EOF
cat > "$root/DEBIAN/postinst" <<'EOF'
#!/bin/sh
set -e
if [ "$1" = configure ]; then
  getent group wharf > /dev/null || groupadd --system wharf
  # Only the first time: what the administrator disabled since stays disabled. Links are made without a running systemd too.
  if [ -z "$2" ] && command -v systemctl > /dev/null; then systemctl --quiet enable wharf.socket wharf.service || true; fi
  if [ -d /run/systemd/system ]; then
    systemctl daemon-reload
    if [ -z "$2" ]; then systemctl start wharf.socket wharf.service
    # Containers outlive the daemon: replacing it is no interruption. The socket stays, so that no client is refused meanwhile.
    else systemctl try-restart wharf.service; fi
  fi
fi
EOF
{ printf '#!/bin/sh\nset -e\nif [ "$1" = remove ]; then\n'; cat packaging/stop-all.sh; echo fi; } > "$root/DEBIAN/prerm"
cat > "$root/DEBIAN/postrm" <<'EOF'
#!/bin/sh
set -e
if [ "$1" = purge ]; then rm -rf /var/lib/wharf /etc/wharf; fi
if [ -d /run/systemd/system ]; then systemctl daemon-reload; fi
EOF
chmod 755 "$root"/DEBIAN/post* "$root"/DEBIAN/prerm
(cd "$root" && find usr -type f -print0 | sort -z | xargs -0 md5sum > DEBIAN/md5sums)
file="$out/wharf_${version}_$arch.deb"
dpkg-deb ${WHARF_DEB_COMPRESSION:+-Z$WHARF_DEB_COMPRESSION} --root-owner-group --build "$root" "$file" > /dev/null
echo "$file"
