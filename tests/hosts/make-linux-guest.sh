#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# Makes the Linux guest's initial file system: its one program, and the modules which that loads.  An archive in cpio's
# "newc" form needs no tool but a shell, and the kernel takes it uncompressed.
set -eu

if [ $# -ne 3 ]; then
  echo 'usage: make-linux-guest.sh MODULES-DIRECTORY INIT-PROGRAM OUTPUT' >&2
  exit 2
fi
modules=$1 init=$2 output=$3
inode=0

pad () {
  count=$(((4 - $1 % 4) % 4))
  if [ "$count" -gt 0 ]; then
    printf '%.*s' "$count" '...' | tr . '\000'
  fi
}

# name mode size major minor
header () {
  inode=$((inode + 1))
  printf '070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%s' \
    "$inode" "$2" 0 0 1 0 "$3" 0 0 "$4" "$5" $((${#1} + 1)) 0 "$1"
  pad_from=$((110 + ${#1} + 1))
  printf '\000'
  pad "$pad_from"
}

file () {
  size=$(wc -c <"$2")
  header "$1" "$3" "$size" 0 0
  cat "$2"
  pad "$size"
}

{
  header dev $((0040755)) 0 0 0
  header dev/console $((0020600)) 0 5 1
  file init "$init" $((0100755))
  for module in "$modules"/*.ko; do
    file "${module##*/}" "$module" $((0100644))
  done
  header 'TRAILER!!!' 0 0 0 0
} >"$output.new"
mv "$output.new" "$output"
