#!/usr/bin/env bash
# What every kind of package has, as a tree: programs, units, completions, manual pages. Used by the other scripts of this folder.
# tree.sh OUT ROOT ZSH: the binaries' folder, where the tree goes, and the folder of zsh's completions below it.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."
out=$1 root=$2 zsh=$3
[ -x "$out/wharf" ] && [ -x "$out/wharf-runtime" ] || { echo "no binaries in $out: run ./dev build first" >&2; exit 1; }
version=$(packaging/version.sh)
chmod 755 "$root"
install -Dm755 "$out/wharf" "$root/usr/bin/wharf"
install -Dm755 "$out/wharf-runtime" "$root/usr/bin/wharf-runtime"
for library in "$out"/*.so; do [ -e "$library" ] && install -Dm644 "$library" "$root/usr/lib/wharf/$(basename "$library")"; done
for library in "$root"/usr/lib/wharf/*.so; do [ -e "$library" ] && command -v strip > /dev/null && strip --strip-unneeded "$library"; done
install -Dm644 packaging/wharf.service "$root/usr/lib/systemd/system/wharf.service"
install -Dm644 packaging/wharf.socket "$root/usr/lib/systemd/system/wharf.socket"
install -d "$root/usr/share/bash-completion/completions" "$root/$zsh" "$root/usr/share/fish/vendor_completions.d" "$root/usr/share/wharf" "$root/usr/share/man/man1" "$root/etc/wharf"
"$out/wharf" completion bash > "$root/usr/share/bash-completion/completions/wharf"
"$out/wharf" completion zsh > "$root/$zsh/_wharf"
"$out/wharf" completion fish > "$root/usr/share/fish/vendor_completions.d/wharf.fish"
"$out/wharf" completion powershell > "$root/usr/share/wharf/completion.ps1"
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
# The library that Microsoft.Data.Sqlite loads is looked for beside the program.
if [ -d "$root/usr/lib/wharf" ]; then
  mv "$root/usr/bin/wharf" "$root/usr/bin/wharf-runtime" "$root/usr/lib/wharf/"
  ln -s ../lib/wharf/wharf "$root/usr/bin/wharf"; ln -s ../lib/wharf/wharf-runtime "$root/usr/bin/wharf-runtime"
fi
