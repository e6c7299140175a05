# What quickstart.sh and test.sh need of the machine. Sourced. Each check names what is missing and what to do.
say() { printf '%s\n' "$*"; }
die() { printf 'error: %s\n' "$*" >&2; exit 1; }

require_root() { [ "$(id -u)" = 0 ] || die "root is needed (namespaces, mounts, network): run it with sudo"; }

require_dotnet() {
  command -v dotnet > /dev/null || die "the .NET SDK is missing: install .NET SDK 10 (https://dotnet.microsoft.com/download)"
  local wanted; wanted=$(sed -n 's/.*"version": "\([0-9]*\)\..*/\1/p' global.json | head -1)
  dotnet --list-sdks | grep -q "^$wanted\." || die ".NET SDK $wanted is needed; there is: $(dotnet --list-sdks | cut -d' ' -f1 | tr '\n' ' ')"
}

require_kernel() {
  local major minor rest ns
  IFS=. read -r major minor rest < /proc/sys/kernel/osrelease
  [ "$major" -gt 5 ] || { [ "$major" -eq 5 ] && [ "$minor" -ge 12 ]; } || die "Linux 5.12 or newer is needed; this is $(cat /proc/sys/kernel/osrelease)"
  grep -qw overlay /proc/filesystems || modprobe overlay 2> /dev/null || die "the kernel has no overlay file system (CONFIG_OVERLAY_FS)"
  for ns in mnt pid net ipc uts cgroup; do [ -e "/proc/self/ns/$ns" ] || die "the kernel has no $ns namespaces"; done
  grep -q cgroup /proc/self/mountinfo || die "no cgroup file system is mounted under /sys/fs/cgroup"
  grep -qw Seccomp /proc/self/status || die "the kernel has no seccomp (CONFIG_SECCOMP_FILTER)"
}

install_packages() { # installs those Debian packages that are missing, without starting any service they bring
  local missing=() package policy=/usr/sbin/policy-rc.d made=
  for package in "$@"; do dpkg-query -W -f='${Status}' "$package" 2> /dev/null | grep -q 'ok installed' || missing+=("$package"); done
  [ ${#missing[@]} -gt 0 ] || return 0
  command -v apt-get > /dev/null || die "missing packages, and no apt-get to install them: ${missing[*]}"
  say "installing ${missing[*]}"
  if [ ! -e $policy ]; then printf '#!/bin/sh\nexit 101\n' > $policy; chmod 755 $policy; made=1; fi
  { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"; } > /tmp/wharf-apt.$$.log 2>&1
  local code=$?
  [ -z "$made" ] || rm -f $policy
  [ $code -eq 0 ] || { tail -5 /tmp/wharf-apt.$$.log >&2; die "apt-get could not install ${missing[*]}; see /tmp/wharf-apt.$$.log"; }
  rm -f /tmp/wharf-apt.$$.log
}

# The tests drive Wharf with the real docker client. Debian 12 has it only together with the engine, which is not started.
require_docker_cli() { command -v docker > /dev/null || install_packages docker.io; }

# For the test of its completion; NuGet has it as a tool of .NET. Where NuGet cannot be reached the test is skipped.
require_powershell() {
  local target=/var/tmp/wharf-test/bin
  command -v pwsh > /dev/null || [ -x $target/pwsh ] && return 0
  mkdir -p $target; say "fetching PowerShell"
  dotnet tool install PowerShell --version '7.6.*' --tool-path $target > /tmp/wharf-pwsh.$$.log 2>&1 || say "PowerShell could not be fetched, its completion is not tested: $(tail -1 /tmp/wharf-pwsh.$$.log)"
  rm -f /tmp/wharf-pwsh.$$.log
}

from_sid() { # from_sid DIRECTORY PACKAGE...: unpacks packages of Debian sid below a directory; nothing is installed. golang-go stands for the compiler it depends on.
  local directory=$1 root mirror keyring package packages=(); shift
  root=$(mktemp -d)
  mirror=$(apt-get indextargets --format '$(REPO_URI)' 2> /dev/null | grep -v security | head -1)
  mkdir -p $root/lists/partial $root/cache/archives/partial $root/packages "$directory"
  keyring=$(ls /usr/share/keyrings/debian-archive-keyring.* | head -1)
  echo "deb [signed-by=$keyring] $mirror sid main" > $root/sources.list
  local options=(-o Dir::Etc::sourcelist=$root/sources.list -o Dir::Etc::sourceparts=/dev/null -o Dir::State::lists=$root/lists -o Dir::Cache=$root/cache -o APT::Sandbox::User=root)
  say "fetching $*"
  apt-get "${options[@]}" update -qq > /dev/null || { rm -rf $root; say "Debian sid's list of packages could not be fetched (for $*)"; return 1; }
  for package in "$@"; do
    [ $package != golang-go ] || package=$(apt-cache "${options[@]}" depends golang-go | sed -n 's/.*Depends: \(golang-[0-9.]*\)-go$/\1-go \1-src/p')
    packages+=($package)
  done
  (cd $root/packages && apt-get "${options[@]}" download -qq "${packages[@]}") || { rm -rf $root; say "could not be fetched: ${packages[*]}"; return 1; }
  for package in $root/packages/*.deb; do dpkg-deb -x $package "$directory" || return 1; done
  rm -rf $root
}

# What Debian has from trixie or sid on alone, for the tests with clients of others. On older releases only the programs are taken out of sid's packages; they need
# nothing but the C library.
require_newer_programs() {
  local target=/var/tmp/wharf-test/bin plugins=/var/tmp/wharf-test/cli-plugins dir have= packages=() package
  for dir in /usr/libexec/docker/cli-plugins /usr/lib/docker/cli-plugins /var/tmp/wharf-peers/docker-config/cli-plugins $plugins; do
    [ -x $dir/docker-compose ] && [ -x $dir/docker-buildx ] && have=1
  done
  [ -n "$have" ] || packages+=(docker-compose docker-buildx)
  for package in crane oras cosign notation; do command -v $package > /dev/null || [ -x $target/$package ] || packages+=($package); done
  [ ${#packages[@]} -gt 0 ] || return 0
  local root; root=$(mktemp -d)
  mkdir -p $plugins $target
  from_sid $root "${packages[@]}" || die "${packages[*]} could not be fetched"
  find $root -name 'docker-compose' -o -name 'docker-buildx' | while read -r file; do [ -f "$file" ] && install -m755 "$file" $plugins/; done
  for package in "${packages[@]}"; do [ ! -f $root/usr/bin/$package ] || install -m755 $root/usr/bin/$package $target/; done
  rm -rf $root
}

# Go, and docker's clients in it as libraries: a directory of its own, 400 MB. Where they cannot be had, their tests are skipped.
require_go_client() {
  local target=/var/tmp/wharf-test/go library libraries=()
  [ ! -e $target/complete ] || return 0
  for library in docker-docker moby-moby-client moby-moby-api moby-docker-image-spec docker-go-connections docker-go-units distribution-reference opencontainers-go-digest \
    opencontainers-image-spec containerd-errdefs containerd-log containerd-typeurl pkg-errors sirupsen-logrus gogo-protobuf felixge-httpsnoop go-logr-logr go-logr-stdr cespare-xxhash-v2; do
    libraries+=(golang-github-$library-dev)
  done
  rm -rf $target
  from_sid $target golang-go "${libraries[@]}" golang-opentelemetry-otel-dev golang-opentelemetry-contrib-dev golang-golang-x-net-dev golang-golang-x-sys-dev golang-golang-x-time-dev \
    && touch $target/complete || say "Go and docker's client could not be fetched, they are not tested"
}
