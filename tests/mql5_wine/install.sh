#!/bin/sh
# Install Wine (64 bit) and mingw-w64 on Debian or Ubuntu, once. Needs root, or sudo without a password.
set -eu

have() { command -v "$1" > /dev/null 2>&1; }

wine_is_there() { have wine || have wine64 || test -x /usr/lib/wine/wine64; }
mingw_is_there() { have x86_64-w64-mingw32-g++-posix; }

if wine_is_there && mingw_is_there; then
  exit 0
fi
if ! have apt-get; then
  echo "expected apt-get (Debian, Ubuntu), found none: install Wine 8 or later and mingw-w64 (g++, posix threads) yourself" >&2
  exit 78
fi
AS_ROOT=
if [ "$(id -u)" != 0 ]; then
  sudo -n true 2> /dev/null || { echo "expected root, found $(id -un): run this as root once: $0" >&2; exit 78; }
  AS_ROOT="sudo -n"
fi
echo "installing Wine and mingw-w64 (about 1.2 GB on the disk, a few minutes the first time)"
export DEBIAN_FRONTEND=noninteractive
$AS_ROOT apt-get update -qq
$AS_ROOT apt-get install -y -qq --no-install-recommends wine wine64 g++-mingw-w64-x86-64-posix > /dev/null
wine_is_there || { echo "expected wine after the installation, found none" >&2; exit 78; }
mingw_is_there || { echo "expected x86_64-w64-mingw32-g++-posix after the installation, found none" >&2; exit 78; }
