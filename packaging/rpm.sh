#!/usr/bin/env bash
# Makes wharf-VERSION-1.ARCH.rpm of the binaries in out/ (./dev build first), with the same tree as the Debian package. Needs rpmbuild.
# WHARF_RPM_COMPRESSION: rpm's payload (default w19.zstdio; "w0.gzdio" is quick).
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."
out=$(readlink -f "${1:-out}")
command -v rpmbuild > /dev/null || { echo "rpm: rpmbuild is not installed (Debian's package rpm, Fedora's rpm-build)" >&2; exit 1; }
version=$(packaging/version.sh)
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
mkdir "$work/tree"
packaging/tree.sh "$out" "$work/tree" usr/share/zsh/site-functions
cat > "$work/wharf.spec" <<EOF
Name: wharf
Version: $version
Release: 1
Summary: Container engine that speaks Docker's API
License: see /usr/share/doc/wharf/copyright
Requires: libnftables.so.1()(64bit)
Requires(pre): shadow-utils
Recommends: ca-certificates
AutoProv: no
%description
Runs, builds and ships containers.
Docker's clients and tools work with it unchanged.
%install
cp -a $work/tree/. %{buildroot}/
%pre
getent group wharf > /dev/null || groupadd --system wharf
%post
if [ -d /run/systemd/system ]; then
  systemctl daemon-reload
  # Containers outlive the daemon: replacing it is no interruption. The socket stays, so that no client is refused meanwhile.
  if [ \$1 -gt 1 ]; then systemctl try-restart wharf.service || :; fi
fi
# Whether it starts by itself is the distribution's policy (systemd.preset).
if [ \$1 -eq 1 ] && command -v systemctl > /dev/null; then systemctl --no-reload preset wharf.socket wharf.service || :; fi
%preun
if [ \$1 -eq 0 ]; then
$(cat packaging/stop-all.sh)
fi
%postun
if [ -d /run/systemd/system ]; then systemctl daemon-reload; fi
%files
%defattr(-,root,root)
%dir /etc/wharf
/usr/bin/wharf
/usr/bin/wharf-runtime
/usr/lib/wharf
/usr/lib/systemd/system/wharf.*
/usr/share/bash-completion/completions/wharf
/usr/share/zsh/site-functions/_wharf
/usr/share/fish/vendor_completions.d/wharf.fish
/usr/share/wharf
%doc /usr/share/doc/wharf
/usr/share/man/man*/*
EOF
# The programs are finished: nothing is to be stripped, compressed or compiled again. The local time zone is no part of a package.
TZ=UTC rpmbuild -bb --quiet --define "_topdir $work/rpm" --define "_build_id_links none" --define "debug_package %{nil}" --define "__os_install_post %{nil}" \
  --define "_binary_payload ${WHARF_RPM_COMPRESSION:-w19.zstdio}" --define "_buildhost localhost" --define "use_source_date_epoch_as_buildtime 1" "$work/wharf.spec" > "$work/log" 2>&1 || { cat "$work/log" >&2; exit 1; }
package=$(ls "$work"/rpm/RPMS/*/wharf-*.rpm)
install -m 644 "$package" "$out/"
echo "$out/$(basename "$package")"
