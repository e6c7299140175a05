#!/usr/bin/env bash
# Wharf's version.
sed -n 's:.*<Version>\(.*\)</Version>.*:\1:p' "$(dirname "$(readlink -f "$0")")/../Directory.Build.props"
