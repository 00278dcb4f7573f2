/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "scene.h"

#define ROOT SCENE_NEEDS_ROOT
#define KVM SCENE_NEEDS_KVM
#define TCP "--transport tcp --listen 127.0.0.1"
/* The other machine sees the processes of this one. */
#define AWAY TCP " --new-name $N"
#define SYSTEM_QEMU "--qemu /usr/bin/qemu-system-x86_64"

/* clang-format off: a row a paragraph */

const Way ways[] = {
  /* -- the source as it is */
  { "moved-away", .commands = { "migrate {\"uri\":\"exec:cat >/dev/null\"}" }, .wait_for = "postmigrate",
    .id = "run-state", .status = QMIG_CHECK_FAIL, .forced = SCENE_CANNOT_BE_FORCED, .sample = TRUE },
  { "arriving", .guest = "-incoming defer",
    .id = "run-state", .status = QMIG_CHECK_FAIL, .forced = SCENE_CANNOT_BE_FORCED },
  { "migrating-already", .commands = { "migrate-set-parameters {\"max-bandwidth\":65536}", "migrate {\"uri\":\"exec:cat >/dev/null\"}" },
    .id = "migrating", .status = QMIG_CHECK_FAIL, .forced = SCENE_CANNOT_BE_FORCED },
  { "no-migration-of-nvme", .guest = "-blockdev driver=null-co,node-name=n0,size=1048576 -device nvme,serial=1,drive=n0,id=nvme0",
    .id = "blockers", .status = QMIG_CHECK_FAIL, .forced = SCENE_FORCED_FAILS, .sample = TRUE },
  { "block-job", .guest = "-blockdev driver=null-co,node-name=n0,size=1048576 -blockdev driver=null-co,node-name=n1,size=1048576",
    .commands = { "blockdev-mirror {\"job-id\":\"j\",\"device\":\"n0\",\"target\":\"n1\",\"sync\":\"full\"}" },
    .id = "jobs", .status = QMIG_CHECK_FAIL, .forced = SCENE_CANNOT_BE_FORCED },
  { "tcg-that-loses-pages", SCENE_NEEDS_TCG7, .commands = { "cont" }, .wait_for = "running",
    .id = "dirty-tracking", .status = QMIG_CHECK_FAIL, .forced = SCENE_CANNOT_BE_FORCED },
  { "hot-plugged", .guest = "-device qemu-xhci,id=usb", .commands = { "device_add {\"driver\":\"usb-tablet\",\"id\":\"later\",\"bus\":\"usb.0\"}", "cont" },
    .wait_for = "running",
    .id = "devices", .status = QMIG_CHECK_FAIL, .forced = SCENE_FORCED_FAILS, .sample = TRUE },
  { "unplugged", .guest = "-device qemu-xhci,id=usb -device usb-tablet,id=gone,bus=usb.0", .commands = { "device_del {\"id\":\"gone\"}" },
    .id = "devices", .status = QMIG_CHECK_FAIL, .forced = SCENE_NOT_FORCED },
  { "medium-changed", .files = "truncate -s 1M $D/a.iso $D/b.iso",
    .guest = "-drive file=$D/a.iso,if=none,id=cd0,media=cdrom,format=raw -device ide-cd,drive=cd0,id=cd",
    .commands = { "blockdev-change-medium {\"id\":\"cd\",\"filename\":\"$D/b.iso\",\"format\":\"raw\"}" },
    .id = "drives", .status = QMIG_CHECK_FAIL, .forced = SCENE_CANNOT_BE_FORCED },
  { "shared-directory", .guest = "-fsdev local,id=f,path=/tmp,security_model=none",
    .id = "command-line", .status = QMIG_CHECK_FAIL, .forced = SCENE_CANNOT_BE_FORCED },
  { "paused-before-8.1", SCENE_NEEDS_BEFORE_8, .commands = { "cont", "stop" }, .wait_for = "paused",
    .id = "known-bug", .status = QMIG_CHECK_WARN, .forced = SCENE_NOT_FORCED },

  /* -- the destination's program */
  { "no-such-program", .args = "--qemu /nonexistent/qemu-system-x86_64",
    .id = "binary", .status = QMIG_CHECK_FAIL, .forced = SCENE_FORCED_FAILS, .sample = TRUE },
  { "no-qemu", .files = "printf '#!/bin/sh\\nexit 127\\n' >$D/qemu-system-x86_64; chmod 700 $D/qemu-system-x86_64", .args = "--qemu $D/qemu-system-x86_64",
    .id = "binary", .status = QMIG_CHECK_FAIL, .forced = SCENE_FORCED_FAILS },
  { "machine-too-new", SCENE_NEEDS_TCG10, .args = SYSTEM_QEMU,
    .id = "machine", .status = QMIG_CHECK_FAIL, .forced = SCENE_FORCED_FAILS, .sample = TRUE },
  { "older-qemu", SCENE_NEEDS_TCG10, .guest = "-machine pc-q35-7.2", .args = SYSTEM_QEMU,
    .id = "older-qemu", .status = QMIG_CHECK_WARN, .forced = SCENE_NOT_FORCED },
  { "no-kvm-there", ROOT | KVM, .mounts = "mount --bind /dev/kvm /dev/kvm; mount -o remount,bind,nodev /dev/kvm",
    .id = "accelerator", .status = QMIG_CHECK_FAIL, .forced = SCENE_FORCED_FAILS },
  { "bad-device-tried", .args = "--deep --target-arg=-device --target-arg=no-such-device",
    .id = "deep", .status = QMIG_CHECK_FAIL, .forced = SCENE_CANNOT_BE_FORCED },
  { "name-taken", .other_vm = TRUE,
    .id = "name", .status = QMIG_CHECK_FAIL, .forced = SCENE_CANNOT_BE_FORCED },

  /* -- the host */
  { "more-memory-than-limit", .memory_mib = 3072, .limit_mib = 2048,
    .id = "memory-limit", .status = QMIG_CHECK_FAIL, .forced = SCENE_FORCED_FAILS, .sample = TRUE },
  { "run-dir-read-only", ROOT, .mounts = "mkdir -p $D/b/r/vm; mount -t tmpfs -o ro none $D/b/r/vm",
    .id = "run-dir", .status = QMIG_CHECK_FAIL, .forced = SCENE_FORCED_FAILS },
  { "run-dir-full", ROOT, .mounts = "mkdir -p $D/b/r/vm; mount -t tmpfs -o size=64k none $D/b/r/vm; head -c 64k /dev/zero >$D/b/r/vm/full || :",
    .id = "run-dir", .status = QMIG_CHECK_FAIL, .forced = SCENE_FORCED_FAILS },

  /* -- disks and files */
  { "disk-not-there", ROOT, .files = "mkdir $D/images; truncate -s 1M $D/images/d.raw", .mounts = "mount -t tmpfs none $D/images",
    .guest = "-drive file=$D/images/d.raw,format=raw,if=virtio",
    .id = "disk", .status = QMIG_CHECK_FAIL, .forced = SCENE_CANNOT_BE_FORCED },
  { "disk-is-another-file", ROOT, .files = "mkdir $D/images $D/others; truncate -s 1M $D/images/d.raw $D/others/d.raw",
    .mounts = "mount --bind $D/others $D/images", .guest = "-drive file=$D/images/d.raw,format=raw,if=virtio",
    .id = "disk", .status = QMIG_CHECK_FAIL, .forced = SCENE_CANNOT_BE_FORCED, .sample = TRUE },
  { "disk-on-another-machine", ROOT, .files = "mkdir $D/images $D/others; truncate -s 1M $D/images/d.raw $D/others/d.raw",
    .mounts = OTHER_MACHINE "; mount --bind $D/others $D/images", .guest = "-drive file=$D/images/d.raw,format=raw,if=virtio", .args = AWAY,
    .id = "disk", .status = QMIG_CHECK_FAIL, .forced = SCENE_CANNOT_BE_FORCED },
  { "file-not-there", ROOT, .files = "mkdir $D/data; echo x >$D/data/blob", .mounts = "mount -t tmpfs none $D/data",
    .guest = "-fw_cfg name=opt/org.example/x,file=$D/data/blob",
    .id = "file", .status = QMIG_CHECK_FAIL, .forced = SCENE_FORCED_FAILS },
  { "rom-not-there", .args = "--target-arg=-device --target-arg=virtio-rng-pci,romfile=/nonexistent/rom",
    .id = "file", .status = QMIG_CHECK_FAIL, .forced = SCENE_FORCED_FAILS },

  /* -- memory behind files */
  { "memory-file-nowhere", .args = "--target-arg=-object --target-arg=memory-backend-file,id=mb,size=16M,mem-path=/nonexistent/memory",
    .id = "memory-backend", .status = QMIG_CHECK_FAIL, .forced = SCENE_FORCED_FAILS, .sample = TRUE },
  { "no-huge-pages", .args = "--target-arg=-object --target-arg=memory-backend-memfd,id=mb,size=1T,hugetlb=on,hugetlbsize=2M",
    .id = "memory-backend", .status = QMIG_CHECK_FAIL, .forced = SCENE_FORCED_FAILS },
  { "memory-directory-full", ROOT, .files = "mkdir $D/mem", .mounts = "mount -t tmpfs -o size=4m none $D/mem",
    .args = "--target-arg=-object --target-arg=memory-backend-file,id=mb,size=64M,prealloc=on,mem-path=$D/mem",
    .id = "memory-backend", .status = QMIG_CHECK_FAIL, .forced = SCENE_FORCED_FAILS },

  /* -- the way of the memory */
  { "not-enrolled", ROOT, .mounts = OTHER_MACHINE,
    .id = "transport", .status = QMIG_CHECK_FAIL, .forced = SCENE_CANNOT_BE_FORCED },
  { "unix-to-another-machine", ROOT, .mounts = OTHER_MACHINE, .args = "--transport unix",
    .id = "transport", .status = QMIG_CHECK_FAIL, .forced = SCENE_CANNOT_BE_FORCED },
  { "ssh-that-leads-nowhere", .args = "--transport ssh",
    .id = "transport", .status = QMIG_CHECK_FAIL, .forced = SCENE_CANNOT_BE_FORCED },
  { "tls-without-certificates", .args = "--transport tls",
    .id = "transport", .status = QMIG_CHECK_FAIL, .forced = SCENE_CANNOT_BE_FORCED },
  { "port-taken", .args = TCP " --port $P",
    .id = "port", .status = QMIG_CHECK_FAIL, .forced = SCENE_FORCED_FAILS, .sample = TRUE },
  { "ports-taken", .args = TCP " --port $P-$Q",
    .id = "port", .status = QMIG_CHECK_FAIL, .forced = SCENE_FORCED_FAILS },
  { "multifd-with-postcopy", .args = "--multifd 2 --allow postcopy",
    .id = "multifd", .status = QMIG_CHECK_FAIL, .forced = SCENE_CANNOT_BE_FORCED },
  { "zstd-without-channels", .args = "--multifd 0 --compression zstd",
    .id = "compression", .status = QMIG_CHECK_FAIL, .forced = SCENE_CANNOT_BE_FORCED },

  /* -- the VM's own ports, sockets and networks */
  { "forwarded-port-taken", ROOT, .mounts = OTHER_MACHINE, .args = AWAY " --target-arg=-netdev --target-arg=user,id=n,hostfwd=tcp:127.0.0.1:$P-:22",
    .id = "port", .status = QMIG_CHECK_FAIL, .forced = SCENE_FORCED_FAILS },
  { "forwarded-port-added", .args = "--target-arg=-netdev --target-arg=user,id=n,hostfwd=tcp:127.0.0.1:$P-:22",
    .id = "port", .status = QMIG_CHECK_FAIL, .forced = SCENE_FORCED_FAILS },
  { "vnc-port-taken", .args = "--target-arg=-vnc --target-arg=127.0.0.1:$V",
    .id = "port", .status = QMIG_CHECK_FAIL, .forced = SCENE_FORCED_FAILS },
  { "port-held-by-the-source", ROOT, .guest = "-chardev socket,id=c,host=127.0.0.1,port=$R,server=on,wait=off", .mounts = OTHER_MACHINE, .args = AWAY,
    .id = "port", .status = QMIG_CHECK_FAIL, .forced = SCENE_FORCED_FAILS },
  { "serial-port-taken", .args = "--target-arg=-serial --target-arg=tcp:127.0.0.1:$P,server=on,wait=off",
    .id = "port", .status = QMIG_CHECK_FAIL, .forced = SCENE_FORCED_FAILS },
  { "no-such-bridge", .args = "--target-arg=-netdev --target-arg=bridge,id=n,br=qmig-none",
    .id = "network", .status = QMIG_CHECK_FAIL, .forced = SCENE_FORCED_FAILS, .sample = TRUE },
  { "no-such-helper", .args = "--target-arg=-netdev --target-arg=bridge,id=n,br=lo,helper=/nonexistent/helper",
    .id = "network", .status = QMIG_CHECK_FAIL, .forced = SCENE_FORCED_FAILS },
  { "no-such-script", .args = "--target-arg=-netdev --target-arg=tap,id=n,ifname=qmigtest0,script=/nonexistent/up,downscript=no",
    .id = "network", .status = QMIG_CHECK_FAIL, .forced = SCENE_FORCED_FAILS },
  { "nobody-serves-the-socket", .args = "--target-arg=-chardev --target-arg=socket,id=c,path=/nonexistent/socket",
    .id = "socket", .status = QMIG_CHECK_FAIL, .forced = SCENE_FORCED_FAILS },
  { "no-directory-for-the-socket", .args = "--target-arg=-chardev --target-arg=socket,id=c,path=/nonexistent/socket,server=on,wait=off",
    .id = "socket", .status = QMIG_CHECK_FAIL, .forced = SCENE_FORCED_FAILS, .sample = TRUE },
  { "socket-taken", .args = "--target-arg=-chardev --target-arg=socket,id=c,path=$D/user.qmp,server=on,wait=off",
    .id = "socket", .status = QMIG_CHECK_FAIL, .forced = SCENE_NOT_FORCED },

  /* -- nothing is broken */
  { "nothing", .id = NULL, .sample = TRUE },
  { "nothing-between-machines", ROOT, .mounts = OTHER_MACHINE, .args = AWAY, .id = NULL },
  { "nothing-to-a-newer-program", SCENE_NEEDS_TCG10, .guest = "-machine pc-q35-7.2", .id = NULL },

  { NULL },
};
