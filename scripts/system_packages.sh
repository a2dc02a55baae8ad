#!/usr/bin/env bash
# Copyright 2026 The seg3d2d authors
# SPDX-License-Identifier: Apache-2.0
# Makes sure of Debian packages: installs what is missing where it runs as root, else names it.
# Usage: system_packages.sh PACKAGE...
set -euo pipefail

missing=()
for package in "$@"; do
  status=$(dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null || true)
  [ "$status" = installed ] || missing+=("$package")
done
[ "${#missing[@]}" -gt 0 ] || exit 0
if ! command -v apt-get >/dev/null; then
  echo "seg3d2d needs what Debian calls: ${missing[*]}; install it with this system's package manager." >&2
  exit 1
fi
if [ "$(id -u)" -ne 0 ]; then
  echo "seg3d2d needs system packages: run 'sudo apt-get install ${missing[*]}' and then this command again." >&2
  exit 1
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends "${missing[@]}"
