#!/usr/bin/env bash
# Build Wharf, then build, run, change, ship and run again a small web application with it. Needs root and the .NET 10 SDK;
# installs the Debian packages it lacks; leaves nothing running and nothing behind but out/.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")"
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1 LC_ALL=C.UTF-8
. ./scripts/requirements.sh

require_root
require_dotnet
require_kernel
install_packages gcc libc6-dev zlib1g-dev libnftables1 busybox-static curl procps

root=$(mktemp -d /tmp/wharf-quickstart.XXXXXX)
export WHARF_HOST="unix://$root/wharf.sock" DOCKER_CONFIG="$root/config"
daemon= registry=

finish() {
  local code=$?
  set +e
  if [ -n "$daemon" ]; then
    ids=$(wharf ps -aq 2> /dev/null); [ -z "$ids" ] || wharf rm -f -v $ids > /dev/null 2>&1
    kill -TERM "$daemon" 2> /dev/null; wait "$daemon" 2> /dev/null
  fi
  [ -z "$registry" ] || { kill "$registry" 2> /dev/null; wait "$registry" 2> /dev/null; }
  for who in daemon registry; do
    if [ $code -ne 0 ] && [ -s "$root/$who.log" ]; then printf '\nThe %s said:\n' "$who" >&2; tail -20 "$root/$who.log" >&2; fi
  done
  rm -rf "$root"
  [ $code -eq 0 ] || printf '\nquickstart failed (exit %s)\n' "$code" >&2
}
trap finish EXIT

wharf() { ./out/wharf -H "$WHARF_HOST" "$@"; }
title() { printf '\n\033[1m%s\033[0m\n' "$*"; }
show() { printf '\n$ %s\n' "$*"; "$@"; }
free_port() { # a TCP port on 127.0.0.1 that nobody listens on
  local port
  for port in $(shuf -i 20000-29999 -n 50); do (exec 3<> "/dev/tcp/127.0.0.1/$port") 2> /dev/null || { echo "$port"; return; }; done
  die "no free port between 20000 and 29999"
}
wait_for() { # wait_for SECONDS WHAT COMMAND...: until the command succeeds
  local end=$((SECONDS + $1)) what=$2; shift 2
  until "$@" > /dev/null 2>&1; do [ $SECONDS -lt $end ] || die "$what did not come up"; sleep 0.1; done
}

title "1. Building Wharf (NativeAOT, about two minutes the first time)"
./dev build

title "2. Starting the daemon under $root"
./out/wharf daemon -H "$WHARF_HOST" --data-root "$root/data" --exec-root "$root/run" 2> "$root/daemon.log" &
daemon=$!
wait_for 20 "the daemon" wharf version
show wharf version

title "3. A base image, made from Debian's static busybox"
mkdir -p "$root/base"/{bin,dev,etc,proc,sys,tmp,root,var} && chmod 1777 "$root/base/tmp"
cp /bin/busybox "$root/base/bin/busybox"
/bin/busybox --list | while read -r applet; do [ "$applet" = busybox ] || ln -s busybox "$root/base/bin/$applet"; done
printf 'root:x:0:0:root:/root:/bin/sh\nwww-data:x:33:33:www-data:/var/www:/bin/false\n' > "$root/base/etc/passwd"
printf 'root:x:0:\nwww-data:x:33:\n' > "$root/base/etc/group"
tar -C "$root/base" --owner=0 --group=0 --numeric-owner -cf "$root/base.tar" .
show wharf import -c 'CMD ["sh"]' "$root/base.tar" busybox:latest

title "4. Building an application from its Dockerfile"
show wharf build -t hello-web examples/hello-web

title "5. Running it"
port=$(free_port)
show wharf run -d --name web -p "127.0.0.1:$port:8080" --memory 64m --pids-limit 64 hello-web
wait_for 10 "the application" curl -fsS "http://127.0.0.1:$port/"
show curl -fsS "http://127.0.0.1:$port/"
show wharf ps
show wharf logs web
show wharf exec web sh -c 'echo "a visitor was here" > /tmp/visit; id; ps'
show wharf diff web

title "6. Keeping what changed: commit, and ship it to a registry of our own"
show wharf commit -m "after the first visit" web hello-web:visited
registry_port=$(free_port)
./out/wharf registry serve --addr "127.0.0.1:$registry_port" --root "$root/registry" 2> "$root/registry.log" &
registry=$!
wait_for 10 "the registry" curl -fsS "http://127.0.0.1:$registry_port/v2/"
remote=127.0.0.1:$registry_port/hello-web:visited
show wharf tag hello-web:visited "$remote"
show wharf push "$remote"

title "7. Removing everything, pulling it back, running it again"
show wharf rm -f web
show wharf rmi "$remote" hello-web:visited hello-web
show wharf pull "$remote"
show wharf run -d --name again -p "127.0.0.1:$port:8080" "$remote"
wait_for 10 "the application" curl -fsS "http://127.0.0.1:$port/"
show wharf exec again cat /tmp/visit
show wharf history "$remote"
show wharf rm -f again

title "Done: built, ran, committed, pushed, pulled and ran again. Everything of it has been removed."
