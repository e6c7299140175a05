#!/usr/bin/env bash
# Makes wharf_VERSION_ARCH.deb of the binaries in out/ (./dev build first): programs, units, completions, manual pages.
# WHARF_DEB_COMPRESSION: dpkg-deb's compressor (default xz; "none" is quick).
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."
out=${1:-out}
[ -x "$out/wharf" ] && [ -x "$out/wharf-runtime" ] || { echo "deb: no binaries in $out: run ./dev build first" >&2; exit 1; }
version=$(sed -n 's:.*<Version>\(.*\)</Version>.*:\1:p' Directory.Build.props)
arch=$(dpkg --print-architecture)
maintainer='The Wharf authors <wharf@wharf.invalid>'
root=$(mktemp -d); trap 'rm -rf "$root"' EXIT
chmod 755 "$root"
install -Dm755 "$out/wharf" "$root/usr/bin/wharf"
install -Dm755 "$out/wharf-runtime" "$root/usr/bin/wharf-runtime"
for library in "$out"/*.so; do [ -e "$library" ] && install -Dm644 "$library" "$root/usr/lib/wharf/$(basename "$library")"; done
for library in "$root"/usr/lib/wharf/*.so; do [ -e "$library" ] && command -v strip > /dev/null && strip --strip-unneeded "$library"; done
install -Dm644 packaging/wharf.service "$root/usr/lib/systemd/system/wharf.service"
install -Dm644 packaging/wharf.socket "$root/usr/lib/systemd/system/wharf.socket"
install -d "$root/usr/share/bash-completion/completions" "$root/usr/share/zsh/vendor-completions" "$root/usr/share/fish/vendor_completions.d" "$root/usr/share/man/man1" "$root/etc/wharf"
"$out/wharf" completion bash > "$root/usr/share/bash-completion/completions/wharf"
"$out/wharf" completion zsh > "$root/usr/share/zsh/vendor-completions/_wharf"
"$out/wharf" completion fish > "$root/usr/share/fish/vendor_completions.d/wharf.fish"
"$out/wharf" __man "$root/usr/share/man/man1" > /dev/null
server_page() { # server_page daemon|registry|runtime SUMMARY PROGRAM [ARGUMENT...]: what --help says, as a manual page
  printf '.TH WHARF-%s 8 "" "wharf %s"\n.SH NAME\nwharf-%s \\- %s\n.SH SYNOPSIS\n.nf\n' "${1^^}" "$version" "$1" "$2"
  "${@:3}" --help | sed -e 's/\\/\\e/g' -e "s/^\([.']\)/\\\\\&\1/" -e 's/-/\\-/g'
  printf '.fi\n.SH FILES\n/etc/wharf/daemon.json, /run/wharf/wharf.sock, /var/lib/wharf\n.SH SEE ALSO\nwharf(1)\n'
}
install -d "$root/usr/share/man/man8"
server_page daemon "run the container engine" "$out/wharf" daemon > "$root/usr/share/man/man8/wharf-daemon.8"
server_page registry "run a registry, or look after one" "$out/wharf" registry > "$root/usr/share/man/man8/wharf-registry.8"
server_page runtime "run containers by the OCI runtime specification" "$out/wharf-runtime" > "$root/usr/share/man/man8/wharf-runtime.8"
gzip -9n "$root"/usr/share/man/man?/*.[18]
install -Dm644 README.md "$root/usr/share/doc/wharf/README.md"
install -Dm644 docs/compat.md "$root/usr/share/doc/wharf/compat.md"
install -Dm644 packaging/copyright "$root/usr/share/doc/wharf/copyright"
install -Dm644 CHANGELOG.md "$root/usr/share/doc/wharf/CHANGELOG.md"
printf 'wharf (%s) unstable; urgency=medium\n\n  * What changed stands in CHANGELOG.md.\n\n -- %s  %s\n' "$version" "$maintainer" "$(date -R -r CHANGELOG.md)" | gzip -9n > "$root/usr/share/doc/wharf/changelog.gz"
# The oldest C library that has what the programs call.
libc=$(objdump -T "$out/wharf" "$out/wharf-runtime" 2> /dev/null | sed -n 's/.*GLIBC_\([0-9.]*\).*/\1/p' | sort -Vu | tail -1)
# The library that Microsoft.Data.Sqlite loads is looked for beside the program.
if [ -d "$root/usr/lib/wharf" ]; then
  mv "$root/usr/bin/wharf" "$root/usr/bin/wharf-runtime" "$root/usr/lib/wharf/"
  ln -s ../lib/wharf/wharf "$root/usr/bin/wharf"; ln -s ../lib/wharf/wharf-runtime "$root/usr/bin/wharf-runtime"
fi
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
Suggests: docker-cli, docker-compose, docker-buildx
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
cat > "$root/DEBIAN/prerm" <<'EOF'
#!/bin/sh
set -e
if [ "$1" = remove ]; then
  # Nobody could stop them afterwards.
  if [ -S /run/wharf/wharf.sock ] && [ -d /run/systemd/system ] && systemctl --quiet is-active wharf.service; then
    containers=$(wharf -H unix:///run/wharf/wharf.sock ps -q) && [ -z "$containers" ] || wharf -H unix:///run/wharf/wharf.sock stop $containers > /dev/null || true
  fi
  if [ -d /run/systemd/system ]; then systemctl stop wharf.socket wharf.service || true; fi
  if command -v systemctl > /dev/null; then systemctl --quiet disable wharf.socket wharf.service || true; fi
fi
EOF
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
