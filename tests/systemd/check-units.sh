#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
#
# usage: check-units.sh CHECK SOURCE-DIR SYSTEM-SERVICE USER-SERVICE
# What systemd's own tools say of the units; nothing is installed or started. Exit status 77: the tool is not there.
set -eu

CHECK=$1 SOURCE=$2 SYSTEM_SERVICE=$3 USER_SERVICE=$4
# Tenths, what the unit has today: it must not get worse unseen.
EXPOSURE_MAX=22

skip () { printf 'skipped: %s\n' "$1"; exit 77; }
need () { command -v "$1" >/dev/null || skip "there is no $1"; }

DIR=$(mktemp -d)
trap 'rm -rf "$DIR"' EXIT

# The units together, as they will be installed, but for the program, which is not there yet.
stage () {
  mkdir "$DIR/units"
  sed 's|^ExecStart=[^ ]*|ExecStart=/bin/true|' "$1" >"$DIR/units/qmig-agent.service"
  cp "$2" "$DIR/units/qmig-agent.socket"
}

# It only warns of what it does not understand.
verify () {
  need systemd-analyze
  said=$(SYSTEMD_LOG_LEVEL=warning systemd-analyze --man=no "$1" verify "$DIR/units/qmig-agent.service" "$DIR/units/qmig-agent.socket" 2>&1) \
    || { printf '%s\n' "$said"; return 1; }
  printf '%s\n' "$said"
  ! printf '%s\n' "$said" | grep 'qmig-agent'
}

case $CHECK in
  system)
    stage "$SYSTEM_SERVICE" "$SOURCE/qmig-agent.socket"
    verify --system
    ;;
  user)
    stage "$USER_SERVICE" "$SOURCE/user/qmig-agent.socket"
    XDG_RUNTIME_DIR=$DIR verify --user
    ;;
  security)
    need systemd-analyze
    stage "$SYSTEM_SERVICE" "$SOURCE/qmig-agent.socket"
    systemd-analyze security --no-pager --offline=true --threshold="$EXPOSURE_MAX" "$DIR/units/qmig-agent.service"
    ;;
  accounts)
    need systemd-sysusers
    systemd-sysusers --dry-run "$SOURCE/sysusers.conf"
    ;;
  directories)
    need systemd-tmpfiles
    need systemd-sysusers
    [ "$(id -u)" -eq 0 ] || skip "only root can make another user's directories"
    mkdir -p "$DIR/etc"
    systemd-sysusers --root="$DIR" "$SOURCE/sysusers.conf"
    grep -q '^kvm:.*qmig' "$DIR/etc/group"
    systemd-tmpfiles --root="$DIR" --create "$SOURCE/tmpfiles.conf"
    wanted=$(sed -n 's/^qmig:[^:]*:\([0-9]*\):.*/\1/p' "$DIR/etc/passwd")
    [ "$(stat -c '%u %a' "$DIR/run/qmig")" = "$wanted 700" ]
    [ "$(stat -c '%u %a' "$DIR/etc/qmig")" = "$wanted 750" ]
    ;;
esac
