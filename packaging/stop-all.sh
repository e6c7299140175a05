  # Of the script that a package manager runs before it removes the package: afterwards nobody could stop the containers.
  if [ -S /run/wharf/wharf.sock ] && [ -d /run/systemd/system ] && systemctl --quiet is-active wharf.service; then
    containers=$(wharf -H unix:///run/wharf/wharf.sock ps -q) && [ -z "$containers" ] || wharf -H unix:///run/wharf/wharf.sock stop $containers > /dev/null || :
  fi
  if [ -d /run/systemd/system ]; then systemctl stop wharf.socket wharf.service || :; fi
  if command -v systemctl > /dev/null; then systemctl --quiet --no-reload disable wharf.socket wharf.service || :; fi
