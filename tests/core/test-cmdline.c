/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* QEMU command lines in, the destination's out: one row per rule and some lines as people and managers write them. */

#include "qmig-cmdline.h"
#include "qmig-keyval.h"

#include <string.h>

#define BINARY "/usr/bin/qemu-system-x86_64"
#define RUN "/run/qmig/vm/m-1"
#define TAIL                                                                                                                    \
  " -chardev socket,id=qmig-monitor,path=" RUN "/qmig.sock,server=on,wait=off -mon chardev=qmig-monitor,mode=control"        \
  " -S -incoming defer"

typedef struct
{
  const char *name;
  const char *source;   /* without the binary */
  const char *expected; /* without the binary and what is always added; NULL: do not compare */
  const char *warning;  /* NULL: there must be none */
  const char *refusal;  /* NULL: there must be none */
} Row;

static const QmigCmdlineTarget local_target = {
  .cwd = "/home/u",
  .machine = "pc-q35-7.2",
  .binary = BINARY,
  .run_dir = RUN,
  .monitor_path = RUN "/qmig.sock",
  .same_machine = TRUE,
};

#define Q "-M pc-q35-7.2 "

/* On the same machine, cwd /home/u, machine pc-q35-7.2; "…" in a text is any text. */
static const Row local_rows[] = {
  /* machine type */
  { "machine-alias", "-machine q35", "-machine pc-q35-7.2" },
  { "machine-keeps-properties", "-machine q35,accel=kvm,smm=off", "-machine pc-q35-7.2,accel=kvm,smm=off" },
  { "machine-type-key", "-machine accel=kvm,type=q35", "-machine accel=kvm,type=pc-q35-7.2" },
  { "machine-first-key", "-M type=q35,accel=tcg", "-M type=pc-q35-7.2,accel=tcg" },
  { "machine-absent", "-m 64", "-m 64 -machine pc-q35-7.2" },
  { "machine-untyped", "-machine accel=kvm -m 64", "-machine accel=kvm,type=pc-q35-7.2 -m 64" },
  { "machine-twice", "-machine accel=kvm -M q35", "-machine accel=kvm -M pc-q35-7.2" },
  { "machine-two-types", "-M pc -machine q35", "-M pc-q35-7.2 -machine pc-q35-7.2" },
  { "machine-double-dash", "--machine q35 --enable-kvm", "--machine pc-q35-7.2 --enable-kvm" },

  /* monitors */
  { "qmp", Q "-qmp unix:/tmp/q.sock,server=on,wait=off", Q "-qmp unix:" RUN "/q.sock,server=on,wait=off" },
  { "qmp-short-flags", Q "-qmp unix:/tmp/q.sock,server,nowait", Q "-qmp unix:" RUN "/q.sock,server=on,wait=off" },
  { "qmp-would-wait", Q "-qmp unix:/tmp/q.sock,server=on", Q "-qmp unix:" RUN "/q.sock,server=on,wait=off" },
  { "qmp-relative", Q "-qmp unix:q.sock,server=on,wait=off", Q "-qmp unix:" RUN "/q.sock,server=on,wait=off" },
  { "qmp-comma", Q "-qmp unix:/tmp/a,,b,server=on,wait=off", Q "-qmp unix:" RUN "/a,,b,server=on,wait=off" },
  { "qmp-pretty", Q "-qmp-pretty unix:/tmp/q,server=on,wait=off", Q "-qmp-pretty unix:" RUN "/q,server=on,wait=off" },
  { "hmp", Q "-monitor unix:/tmp/h.sock,server=on,wait=off", Q "-monitor unix:" RUN "/h.sock,server=on,wait=off" },
  { "hmp-none", Q "-monitor none", Q "-monitor none" },
  { "qmp-clash", Q "-qmp unix:/a/s,server=on,wait=off -monitor unix:/b/s,server=on,wait=off",
    Q "-qmp unix:" RUN "/s,server=on,wait=off -monitor unix:" RUN "/s-2,server=on,wait=off" },
  { "qmp-named-like-ours", Q "-qmp unix:/a/qmig.sock,server=on,wait=off", Q "-qmp unix:" RUN "/qmig.sock-2,server=on,wait=off" },
  { "qmp-tcp", Q "-qmp tcp:127.0.0.1:4444,server=on,wait=off", Q "-qmp tcp:127.0.0.1:4444,server=on,wait=off,to=4543",
    "port 4444 is taken by the source" },
  { "mon-chardev", Q "-chardev socket,id=mon0,path=/tmp/m,server=on,wait=off -mon chardev=mon0,mode=control",
    Q "-chardev socket,id=mon0,path=" RUN "/m,server=on,wait=off -mon chardev=mon0,mode=control" },
  { "earlier-monitor", Q "-chardev socket,id=qmig-monitor,path=/run/qmig/vm/m-0/qmig.sock,server=on,wait=off "
    "-mon chardev=qmig-monitor,mode=control", Q },
  { "earlier-monitor-implied", Q "-chardev socket,id=qmig-monitor,path=/x,server=on -mon qmig-monitor,mode=control", Q },

  /* character devices */
  { "serial-file", Q "-serial file:/var/log/vm.log", Q "-serial file:" RUN "/vm.log" },
  { "serial-file-relative", Q "-serial file:vm.log", Q "-serial file:" RUN "/vm.log" },
  { "serial-dev-null", Q "-serial file:/dev/null", Q "-serial file:/dev/null" },
  { "serial-mux", Q "-serial mon:unix:/tmp/s,server=on,wait=off", Q "-serial mon:unix:" RUN "/s,server=on,wait=off" },
  { "serial-stdio", Q "-serial mon:stdio", Q "-serial mon:stdio", "the destination has no terminal" },
  { "serial-telnet", Q "-serial telnet:localhost:5000,server=on,wait=off",
    Q "-serial telnet:localhost:5000,server=on,wait=off,to=5099", "first free one up to 5099" },
  { "serial-tcp-ipv6", Q "-serial tcp:[::1]:5000,server=on,wait=off", Q "-serial tcp:[::1]:5000,server=on,wait=off,to=5099",
    "port 5000" },
  { "serial-tcp-client", Q "-serial tcp:log:514", Q "-serial tcp:log:514", "must serve the destination too" },
  { "serial-pty", Q "-serial pty", Q "-serial pty" },
  { "serial-udp", Q "-serial udp:log:514@:4555", Q "-serial udp:log:514@:4555", NULL, "local port 4555 is taken" },
  { "serial-tty", Q "-serial /dev/ttyS0", Q "-serial /dev/ttyS0", "not for both at once" },
  { "serial-chardev", Q "-chardev pty,id=c -serial chardev:c", Q "-chardev pty,id=c -serial chardev:c" },
  { "parallel-none", Q "-parallel none -debugcon file:/tmp/bios.log", Q "-parallel none -debugcon file:" RUN "/bios.log" },
  { "chardev-file", Q "-chardev file,id=f,path=/var/log/a,append=on", Q "-chardev file,id=f,path=" RUN "/a,append=on" },
  { "chardev-logfile", Q "-chardev pty,id=p,logfile=/var/log/p,logappend=on", Q "-chardev pty,id=p,logfile=" RUN "/p,logappend=on" },
  { "chardev-client", Q "-chardev socket,id=a,path=run/agent.sock", Q "-chardev socket,id=a,path=/home/u/run/agent.sock",
    "must serve the destination too" },
  { "chardev-tcp", Q "-chardev socket,id=a,host=::1,port=7000,server=on,wait=off",
    Q "-chardev socket,id=a,host=::1,port=7000,server=on,wait=off,to=7099", "port 7000 is taken" },
  { "chardev-tcp-to", Q "-chardev socket,id=a,port=7000,to=7009,server=on,wait=off",
    Q "-chardev socket,id=a,port=7000,to=7009,server=on,wait=off" },
  { "chardev-fd", Q "-chardev socket,id=a,fd=7", Q "-chardev socket,id=a,fd=7", NULL, "descriptor 7" },
  { "chardev-abstract", Q "-chardev socket,id=a,path=x,abstract=on,server=on,wait=off",
    Q "-chardev socket,id=a,path=" RUN "/x,server=on,wait=off" },
  { "chardev-udp", Q "-chardev udp,id=u,host=h,port=1,localport=99", NULL, NULL, "local port 99 is taken" },
  { "gdb", Q "-gdb tcp::1234", Q "-gdb tcp::1234,to=1333", "port 1234 is taken" },
  { "gdb-short", Q "-s", Q "-gdb tcp::1234,to=1333", "port 1234 is taken" },

  /* the process */
  { "pidfile", Q "-pidfile /run/vm.pid", Q "-pidfile " RUN "/vm.pid" },
  { "log", Q "-D /tmp/q.log -d guest_errors", Q "-D " RUN "/q.log -d guest_errors" },
  { "incoming", Q "-incoming tcp:0:4444 -S", Q },
  { "stopped-twice", Q "-S -S -incoming defer -incoming defer", Q },
  { "daemonize", Q "-daemonize", Q },
  { "loadvm", Q "-loadvm snap1", Q },
  { "run-with-parent", Q "-run-with exit-with-parent=on", Q },
  { "run-with", Q "-run-with exit-with-parent=on,async-teardown=on", Q "-run-with async-teardown=on" },
  { "runas", Q "-runas nobody", Q "-runas nobody", "-runas: kept" },
  { "trace", Q "-trace enable=vm*,file=/tmp/t,events=ev", Q "-trace enable=vm*,file=" RUN "/t,events=/home/u/ev" },
  { "snapshot", Q "-snapshot", NULL, NULL, "-snapshot: its disks are temporary" },
  { "readconfig", Q "-readconfig vm.cfg", NULL, NULL, "-readconfig: devices stand in a file" },
  { "add-fd", Q "-add-fd fd=3,set=1", NULL, NULL, "cannot be opened a second time" },
  { "unknown-flag", Q "-frobnicate -m 64", Q "-frobnicate -m 64", "-frobnicate: not known" },
  { "unknown-value", Q "-id 100 -m 64", Q "-id 100 -m 64", "-id: not known" },

  /* files */
  { "image", Q "disk.img", Q "/home/u/disk.img" },
  { "image-last", Q "-m 64 ./d.img", Q "-m 64 /home/u/d.img" },
  { "hda-comma", Q "-hda a,b.img", Q "-hda /home/u/a,b.img" },
  { "cdrom", Q "-cdrom iso/x.iso", Q "-cdrom /home/u/iso/x.iso" },
  { "drive", Q "-drive file=d.qcow2,if=virtio", Q "-drive file=/home/u/d.qcow2,if=virtio" },
  { "drive-comma", Q "-drive file=a,,b.qcow2,if=virtio", Q "-drive file=/home/u/a,,b.qcow2,if=virtio" },
  { "drive-dotted", Q "-drive driver=qcow2,file.driver=file,file.filename=d,node-name=n",
    Q "-drive driver=qcow2,file.driver=file,file.filename=/home/u/d,node-name=n" },
  { "drive-nbd", Q "-drive file=nbd:localhost:10809,format=raw", Q "-drive file=nbd:localhost:10809,format=raw" },
  { "drive-protocol", Q "-drive file=file:d.img", Q "-drive file=file:/home/u/d.img" },
  { "drive-snapshot", Q "-drive file=/d,snapshot=on", NULL, NULL, "snapshot=on writes to a temporary file" },
  { "drive-fdset", Q "-drive file=/dev/fdset/2", NULL, NULL, "/dev/fdset/2" },
  { "pflash", Q "-drive if=pflash,unit=0,file=OVMF.fd,readonly -pflash vars.fd",
    Q "-drive if=pflash,unit=0,file=/home/u/OVMF.fd,readonly=on -pflash /home/u/vars.fd" },
  { "blockdev", Q "-blockdev driver=file,node-name=f,filename=d.raw", Q "-blockdev driver=file,node-name=f,filename=/home/u/d.raw" },
  { "blockdev-json", Q "-blockdev '{\"driver\":\"raw\",\"node-name\":\"n\",\"file\":{\"driver\":\"file\",\"filename\":\"d\"}}'",
    Q "-blockdev '{\"driver\":\"raw\",\"node-name\":\"n\",\"file\":{\"driver\":\"file\",\"filename\":\"/home/u/d\"}}'" },
  { "kernel", Q "-kernel bzImage -initrd initrd.gz -append 'root=/dev/vda ro' -dtb x.dtb",
    Q "-kernel /home/u/bzImage -initrd /home/u/initrd.gz -append 'root=/dev/vda ro' -dtb /home/u/x.dtb" },
  { "initrd-modules", Q "-initrd 'a.elf x=1,b.elf'", Q "-initrd '/home/u/a.elf x=1,/home/u/b.elf'" },
  { "bios-path", Q "-bios ./OVMF.fd", Q "-bios /home/u/OVMF.fd" },
  { "bios-name", Q "-bios OVMF.fd", Q "-bios OVMF.fd", "expected among QEMU's own data" },
  { "data-dirs", Q "-L /a -L b -L /a -L /home/u/b", Q "-L /a -L /home/u/b" },
  { "fw-cfg", Q "-fw_cfg name=opt/x,file=x.bin -fw_cfg opt/y,string=z",
    Q "-fw_cfg name=opt/x,file=/home/u/x.bin -fw_cfg opt/y,string=z" },
  { "smbios", Q "-smbios type=1,serial=a -smbios file=t.bin", Q "-smbios type=1,serial=a -smbios file=/home/u/t.bin" },
  { "option-rom", Q "-option-rom r.rom", Q "-option-rom r.rom" },
  { "object-secret", Q "-object secret,id=s,file=pw", Q "-object secret,id=s,file=/home/u/pw" },
  { "object-secret-data", Q "-object secret,id=s,data=letmein", Q "-object secret,id=s,data=letmein" },
  { "acpitable", Q "-acpitable data=t.aml", Q "-acpitable data=/home/u/t.aml" },
  { "device-events", Q "-device pvpanic,events=1", Q "-device pvpanic,events=1" },
  { "object-tls", Q "-object tls-creds-x509,id=t,dir=pki,endpoint=server",
    Q "-object tls-creds-x509,id=t,dir=/home/u/pki,endpoint=server" },
  { "object-dump", Q "-object filter-dump,id=d,netdev=n,file=n.pcap", Q "-object filter-dump,id=d,netdev=n,file=" RUN "/n.pcap" },
  { "memory-private", Q "-object memory-backend-file,id=m,mem-path=/srv/ram,size=64M",
    Q "-object memory-backend-file,id=m,mem-path=/srv/ram,size=64M" },
  { "memory-shared", Q "-object memory-backend-file,id=m,mem-path=/srv/ram,size=64M,share=on", NULL, NULL,
    "both QEMUs would write the guest's memory" },
  { "memory-hugepages", Q "-object memory-backend-file,id=m,mem-path=/dev/hugepages,size=64M,share=on",
    Q "-object memory-backend-file,id=m,mem-path=/dev/hugepages,size=64M,share=on" },

  /* displays */
  { "vnc", Q "-vnc :1", Q "-vnc :1,to=100", "display 1 is taken" },
  { "vnc-options", Q "-vnc 127.0.0.1:0,password=on", Q "-vnc 127.0.0.1:0,password=on,to=99", "display 0 is taken" },
  { "vnc-to", Q "-vnc :1,to=9", Q "-vnc :1,to=9" },
  { "vnc-unix", Q "-vnc unix:/tmp/v.sock,password=on", Q "-vnc unix:" RUN "/v.sock,password=on" },
  { "vnc-websocket", Q "-vnc :1,websocket=on", NULL, NULL, "websocket port is taken" },
  { "vnc-none", Q "-vnc none", Q "-vnc none" },
  { "display-vnc", Q "-display vnc=:3", Q "-display vnc=:3,to=102", "display 3 is taken" },
  { "spice", Q "-spice port=5930,disable-ticketing=on", NULL, NULL, "port 5930 is taken" },
  { "spice-unix", Q "-spice unix=on,addr=/tmp/s.sock", Q "-spice unix=on,addr=" RUN "/s.sock" },
  { "display-none", Q "-display none", Q "-display none" },
  { "display-curses", Q "-display curses", Q "-display none" },
  { "display-gtk", Q "-display gtk,gl=on", Q "-display gtk,gl=on", "needs that desktop session" },
  { "display-spice-app", Q "-display spice-app", NULL, NULL, "-display spice-app" },
  { "nographic", Q "-nographic", Q "-nographic", "-nographic: the destination has no terminal" },

  /* network */
  { "netdev-user", Q "-netdev user,id=n -device e1000,netdev=n", Q "-netdev user,id=n -device e1000,netdev=n" },
  { "netdev-hostfwd", Q "-netdev user,id=n,hostfwd=tcp::2222-:22", NULL, NULL, "-netdev n: host port 2222 is taken by the source" },
  { "netdev-hostfwd-any", Q "-netdev user,id=n,hostfwd=tcp:127.0.0.1:0-:22", Q "-netdev user,id=n,hostfwd=tcp:127.0.0.1:0-:22" },
  { "nic-hostfwd", Q "-nic user,model=virtio,hostfwd=udp:127.0.0.1:5353-10.0.2.15:53", NULL, NULL, "host port 5353" },
  { "netdev-json-hostfwd", Q "-netdev '{\"type\":\"user\",\"id\":\"n\",\"hostfwd\":[{\"str\":\"tcp::80-:80\"}]}'", NULL, NULL,
    "-netdev n: host port 80" },
  { "tap-fd", Q "-netdev tap,id=n,fd=30,vhost=on,vhostfd=31", NULL, NULL, "fd=30 belongs to the source" },
  { "tap-ifname", Q "-netdev tap,id=n,ifname=tap0,script=no", NULL, NULL, "tap0 is taken by the source" },
  { "tap-script", Q "-netdev tap,id=n,script=./up.sh,downscript=no", Q "-netdev tap,id=n,script=/home/u/up.sh,downscript=no" },
  { "bridge", Q "-netdev bridge,id=n,br=br0", Q "-netdev bridge,id=n,br=br0" },
  { "socket-listen", Q "-netdev socket,id=n,listen=:1234", NULL, NULL, ":1234 is taken by the source" },
  { "socket-mcast", Q "-netdev socket,id=n,mcast=230.0.0.1:1234", Q "-netdev socket,id=n,mcast=230.0.0.1:1234" },
  { "stream", Q "-netdev stream,id=n,server=off,addr.type=unix,addr.path=/tmp/passt.sock", NULL, NULL, "/tmp/passt.sock is taken" },
  { "vhost-user", Q "-chardev socket,id=v,path=/tmp/v -netdev vhost-user,id=n,chardev=v", NULL, "must serve",
    "another process that serves one QEMU" },
  { "vdpa", Q "-netdev vhost-vdpa,id=n,vhostdev=/dev/vhost-vdpa-0", NULL, NULL, "cannot be at two QEMUs" },

  /* devices of the host */
  { "vfio", Q "-device vfio-pci,host=01:00.0,id=gpu", NULL, NULL, "-device gpu (vfio-pci): a device of the host" },
  { "vfio-json", Q "-device '{\"driver\":\"vfio-pci\",\"host\":\"01:00.0\"}'", NULL, NULL, "-device vfio-pci: a device of the host" },
  { "usb-host", Q "-device usb-host,hostbus=1,hostaddr=2", NULL, NULL, "USB device of the host" },
  { "9p", Q "-virtfs local,path=/srv,mount_tag=s,security_model=none", NULL, NULL, "9p" },
  { "tpm", Q "-chardev socket,id=t,path=/t -tpmdev emulator,id=tpm0,chardev=t", NULL, "must serve", "the TPM's state does not travel" },
  { "vsock", Q "-device vhost-vsock-pci,guest-cid=3", NULL, NULL, "guest-cid is taken" },
  { "virtio", Q "-device virtio-net-pci,netdev=n,mac=52:54:00:12:34:56,romfile=", Q
    "-device virtio-net-pci,netdev=n,mac=52:54:00:12:34:56,romfile=" },
  { "cpu-host", Q "-cpu host", Q "-cpu host", "-cpu host: depends on" },
  { "cpu-named", Q "-cpu qemu64,-svm", Q "-cpu qemu64,-svm" },
  { "name", Q "-name guest=a,,b,debug-threads=on", Q "-name guest=a,,b,debug-threads=on" },
  { "audio-wav", Q "-audiodev wav,id=a,path=/tmp/a.wav", Q "-audiodev wav,id=a,path=" RUN "/a.wav" },
  { "icount-record", Q "-icount shift=auto,rr=record,rrfile=r", NULL, NULL, "a recording cannot be migrated" },
};

static const Row remote_rows[] = {
  { "vnc", Q "-vnc :1", Q "-vnc :1", "display 1 is kept" },
  { "hostfwd", Q "-netdev user,id=n,hostfwd=tcp::2222-:22", Q "-netdev user,id=n,hostfwd=tcp::2222-:22", "port 2222 is kept" },
  { "ifname", Q "-netdev tap,id=n,ifname=tap0,script=no", Q "-netdev tap,id=n,ifname=tap0,script=no", "tap0 is kept" },
  { "tcp-server", Q "-serial tcp::5000,server=on,wait=off", Q "-serial tcp::5000,server=on,wait=off", "port 5000 is kept" },
  { "spice", Q "-spice port=5930", Q "-spice port=5930", "port 5930 is kept" },
  { "memory-shared", Q "-object memory-backend-file,id=m,mem-path=/srv/ram,size=64M,share=on",
    Q "-object memory-backend-file,id=m,mem-path=/srv/ram,size=64M,share=on" },
  { "cpu-host", Q "-cpu host,migratable=on", Q "-cpu host,migratable=on", "the guest sees this host's processor" },
  { "socket-moves-too", Q "-qmp unix:/tmp/q,server=on,wait=off", Q "-qmp unix:" RUN "/q,server=on,wait=off" },
};

/* As found in the wild: nothing is refused, and what comes out is stable. */
static const char *const real_lines[] = {
  /* Proxmox VE 8, shortened */
  "-id 100 -name 'web,debug-threads=on' -no-shutdown "
  "-chardev 'socket,id=qmp,path=/var/run/qemu-server/100.qmp,server=on,wait=off' -mon chardev=qmp,mode=control "
  "-chardev socket,id=qmp-event,path=/var/run/qmeventd.sock,reconnect=5 -mon chardev=qmp-event,mode=control "
  "-pidfile /var/run/qemu-server/100.pid -daemonize -smbios type=1,uuid=6ab0e2b8-0000-4f7e-9e0b-123456789abc "
  "-smp 2,sockets=1,cores=2,maxcpus=2 -nodefaults "
  "-boot menu=on,strict=on,reboot-timeout=1000,splash=/usr/share/qemu-server/bootsplash.jpg "
  "-vnc unix:/var/run/qemu-server/100.vnc,password=on -cpu x86-64-v2-AES,enforce,+kvm_pv_eoi,+kvm_pv_unhalt -m 2048 "
  "-object iothread,id=iothread-virtioscsi0 -device pci-bridge,id=pci.1,chassis_nr=1,bus=pci.0,addr=0x1e "
  "-device vmgenid,guid=2a3a8a4c-0000-4d8d-8c6d-123456789abc -device piix3-usb-uhci,id=uhci,bus=pci.0,addr=0x1.0x2 "
  "-device usb-tablet,id=tablet,bus=uhci.0,port=1 -device VGA,id=vga,bus=pci.0,addr=0x2 "
  "-chardev socket,path=/var/run/qemu-server/100.qga,server=on,wait=off,id=qga0 "
  "-device virtio-serial,id=qga0,bus=pci.0,addr=0x8 -device virtserialport,chardev=qga0,name=org.qemu.guest_agent.0 "
  "-iscsi initiator-name=iqn.1993-08.org.debian:01:abc "
  "-drive file=/dev/pve/vm-100-disk-0,if=none,id=drive-scsi0,format=raw,cache=none,aio=io_uring,detect-zeroes=on "
  "-device scsi-hd,bus=virtioscsi0.0,channel=0,scsi-id=0,lun=0,drive=drive-scsi0,id=scsi0,bootindex=100 "
  "-netdev type=tap,id=net0,script=/usr/libexec/qemu-server/pve-bridge,downscript=/usr/libexec/qemu-server/pve-bridgedown,"
  "vhost=on -device virtio-net-pci,mac=BC:24:11:00:00:01,netdev=net0,bus=pci.0,addr=0x12,id=net0 "
  "-machine type=pc+pve0",
  /* quickemu, shortened */
  "-name debian,process=debian -machine q35,smm=off,vmport=off,accel=kvm -global kvm-pit.lost_tick_policy=discard "
  "-cpu host,topoext -smp cores=4,threads=2,sockets=1 -m 8G -device virtio-balloon -rtc base=utc,clock=host,driftfix=slew "
  "-pidfile ./debian/debian.pid -vga none -device virtio-vga-gl,xres=1280,yres=800 -display sdl,gl=on "
  "-device virtio-rng-pci,rng=rng0 -object rng-random,id=rng0,filename=/dev/urandom "
  "-device qemu-xhci,id=spicepass -chardev spicevmc,id=usbredirchardev1,name=usbredir "
  "-device usb-redir,chardev=usbredirchardev1,id=usbredirdev1 -device usb-tablet -audiodev pa,id=audio0 "
  "-device intel-hda -device hda-micro,audiodev=audio0 -device virtio-net,netdev=nic -netdev user,hostname=debian,id=nic "
  "-global driver=cfi.pflash01,property=secure,value=on "
  "-drive if=pflash,format=raw,unit=0,file=/usr/share/OVMF/OVMF_CODE_4M.fd,readonly=on "
  "-drive if=pflash,format=raw,unit=1,file=debian/OVMF_VARS.fd "
  "-device virtio-blk-pci,drive=SystemDisk -drive id=SystemDisk,if=none,format=qcow2,file=debian/disk.qcow2 "
  "-monitor unix:debian/debian-monitor.socket,server,nowait -serial unix:debian/debian-serial.socket,server,nowait",
  /* by hand */
  "-enable-kvm -m 2G -smp 2 -hda debian.qcow2 -cdrom ~/iso/debian.iso -boot d -vnc :5 -usb -device usb-tablet "
  "-nic user,model=virtio-net-pci -qmp unix:./qmp.sock,server=on,wait=off -monitor telnet:127.0.0.1:5555,server,nowait",
  /* modern, JSON everywhere */
  "-name guest=json -M q35,memory-backend=ram0 -object '{\"qom-type\":\"memory-backend-memfd\",\"id\":\"ram0\",\"size\":1073741824}' "
  "-blockdev '{\"node-name\":\"disk0-file\",\"driver\":\"file\",\"filename\":\"vm.raw\",\"auto-read-only\":true}' "
  "-blockdev '{\"node-name\":\"disk0\",\"driver\":\"raw\",\"file\":\"disk0-file\"}' "
  "-device '{\"driver\":\"pcie-root-port\",\"id\":\"rp0\",\"chassis\":1,\"port\":8,\"multifunction\":true}' "
  "-device '{\"driver\":\"virtio-blk-pci\",\"drive\":\"disk0\",\"bus\":\"rp0\",\"id\":\"vda\"}' "
  "-netdev '{\"type\":\"user\",\"id\":\"net0\"}' -device '{\"driver\":\"virtio-net-pci\",\"netdev\":\"net0\",\"id\":\"nic0\"}' "
  "-qmp unix:/run/user/1000/vm/qmp,server=on,wait=off -display none -serial file:/run/user/1000/vm/console.log",
};

static char **
parse_line (const char *line)
{
  g_autofree char *full = g_strconcat (BINARY, " ", line, NULL);
  char **argv = NULL;
  g_autoptr(GError) error = NULL;

  g_shell_parse_argv (full, NULL, &argv, &error);
  g_assert_no_error (error);

  return argv;
}

static void
assert_argv (char **actual, const char *expected_line)
{
  g_autofree char *full = g_strconcat (expected_line, TAIL, NULL);
  g_auto(GStrv) expected = parse_line (full);
  g_autofree char *a = g_strjoinv ("\n", actual);
  g_autofree char *e = g_strjoinv ("\n", expected);

  g_assert_cmpstr (a, ==, e);
}

static void
assert_said (char **texts, const char *part)
{
  g_autofree char *all = g_strjoinv ("\n", texts);

  if (part == NULL)
    g_assert_cmpstr (all, ==, "");
  else if (strstr (all, part) == NULL)
    g_error ("'%s' is not said in: %s", part, all);
}

static void
check_row (const Row *row, const QmigCmdlineTarget *target)
{
  g_auto(GStrv) argv = parse_line (row->source);
  g_autoptr(QmigCmdlineResult) result = qmig_cmdline_derive ((const char *const *) argv, target);

  g_test_message ("%s", row->name);
  if (row->expected != NULL)
    assert_argv (result->argv, row->expected);
  assert_said (result->warnings, row->warning);
  assert_said (result->refusals, row->refusal);
}

static void
test_local (void)
{
  for (gsize i = 0; i < G_N_ELEMENTS (local_rows); i++)
    check_row (&local_rows[i], &local_target);
}

static void
test_remote (void)
{
  QmigCmdlineTarget target = local_target;

  target.same_machine = FALSE;
  for (gsize i = 0; i < G_N_ELEMENTS (remote_rows); i++)
    check_row (&remote_rows[i], &target);
}

/* A VM moves again and again: the line must not grow, nor lose anything. */
static void
derive_ten_times (const char *line, const char *const *extra)
{
  QmigCmdlineTarget target = local_target;
  g_auto(GStrv) argv = parse_line (line);
  g_autofree char *first = NULL;

  target.extra = extra;
  for (guint i = 0; i < 10; i++)
    {
      g_autoptr(QmigCmdlineResult) result = qmig_cmdline_derive ((const char *const *) argv, &target);
      g_autofree char *joined = g_strjoinv ("\n", result->argv);

      assert_said (result->refusals, NULL);
      if (first == NULL)
        first = g_steal_pointer (&joined);
      else
        g_assert_cmpstr (joined, ==, first);
      g_strfreev (argv);
      argv = g_steal_pointer (&result->argv);
    }
}

static void
test_stable (void)
{
  const char *const extra[] = { "-vnc", ":7,to=99", "-global", "x.y=z", NULL };

  for (gsize i = 0; i < G_N_ELEMENTS (real_lines); i++)
    {
      derive_ten_times (real_lines[i], NULL);
      derive_ten_times (real_lines[i], extra);
    }
  for (gsize i = 0; i < G_N_ELEMENTS (local_rows); i++)
    if (local_rows[i].refusal == NULL)
      derive_ten_times (local_rows[i].source, NULL);
}

static void
test_run_dir_changes (void)
{
  g_auto(GStrv) argv = parse_line ("-qmp unix:/a/s,server=on,wait=off -monitor unix:/b/s,server=on,wait=off");
  QmigCmdlineTarget second = local_target;
  g_autoptr(QmigCmdlineResult) once = qmig_cmdline_derive ((const char *const *) argv, &local_target);
  g_autoptr(QmigCmdlineResult) twice = NULL;
  g_autofree char *joined = NULL;

  second.run_dir = "/run/qmig/vm/m-2";
  second.monitor_path = "/run/qmig/vm/m-2/qmig.sock";
  twice = qmig_cmdline_derive ((const char *const *) once->argv, &second);
  joined = g_strjoinv (" ", twice->argv);

  g_assert_nonnull (strstr (joined, "unix:/run/qmig/vm/m-2/s,"));
  g_assert_nonnull (strstr (joined, "unix:/run/qmig/vm/m-2/s-2,"));
  g_assert_null (strstr (joined, "m-1"));
}

static void
test_new_name (void)
{
  QmigCmdlineTarget target = local_target;
  static const Row rows[] = {
    { "plain", Q "-name old", Q "-name new,,er" },
    { "key", Q "-name guest=old,process=p", Q "-name guest=new,,er,process=p" },
    { "process", Q "-name process=p", Q "-name process=p,guest=new,,er" },
    { "none", Q "-m 64", Q "-m 64 -name guest=new,,er" },
  };

  target.new_name = "new,er";
  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    check_row (&rows[i], &target);
}

static void
test_target_args (void)
{
  static const struct
  {
    const char *source;
    const char *extra;
    const char *expected;
    const char *warning;
  } rows[] = {
    { Q "-netdev user,id=n,hostfwd=tcp::22-:22 -device e1000,netdev=n", "-netdev user,id=n,hostfwd=tcp::23-:22",
      Q "-netdev user,id=n,hostfwd=tcp::23-:22 -device e1000,netdev=n", NULL },
    { Q "-vnc :1 -m 64", "-vnc none", Q "-vnc none -m 64", NULL },
    { Q "-m 64", "-device foo -global a.b=c", Q "-m 64 -device foo -global a.b=c", NULL },
    { Q "-m 64 -global a.b=c", "-global a.b=c", Q "-m 64 -global a.b=c", NULL },
    { Q "-m 64", "-daemonize -incoming tcp:0:1", Q "-m 64", "ignored" },
    { Q "-device vfio-pci,host=1,id=g -m 64", "-device vfio-pci,host=2,id=g", Q "-device vfio-pci,host=2,id=g -m 64", NULL },
    { Q "-chardev socket,id=t,path=/a -tpmdev emulator,id=tpm0,chardev=t", "-chardev socket,id=t,path=/b",
      Q "-chardev socket,id=t,path=/b -tpmdev emulator,id=tpm0,chardev=t", NULL },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_auto(GStrv) argv = parse_line (rows[i].source);
      g_auto(GStrv) extra = parse_line (rows[i].extra);
      QmigCmdlineTarget target = local_target;
      g_autoptr(QmigCmdlineResult) result = NULL;

      target.extra = (const char *const *) extra + 1;
      result = qmig_cmdline_derive ((const char *const *) argv, &target);
      assert_argv (result->argv, rows[i].expected);
      assert_said (result->warnings, rows[i].warning);
      assert_said (result->refusals, NULL);
    }
}

static void
test_unknown_directory (void)
{
  static const Row gone[] = {
    { "relative", Q "-hda d.img", NULL, NULL, "relative to a directory that is not known any more (the source's cannot be read)" },
    { "absolute", Q "-hda /d.img", Q "-hda /d.img" },
  };
  static const Row daemonized[] = {
    { "daemonized", Q "-daemonize -hda d.img", NULL, NULL, "(the source daemonized)" },
  };
  QmigCmdlineTarget target = local_target;

  check_row (&daemonized[0], &target);
  target.cwd = NULL;
  for (gsize i = 0; i < G_N_ELEMENTS (gone); i++)
    check_row (&gone[i], &target);
}

static void
test_long_paths (void)
{
  g_autofree char *deep = g_strnfill (90, 'x');
  g_autofree char *run_dir = g_strconcat ("/run/", deep, NULL);
  g_autofree char *monitor = g_strconcat (run_dir, "/qmig.sock", NULL);
  g_autofree char *too_long = g_strconcat (run_dir, "/qmig-monitor.sock", NULL);
  QmigCmdlineTarget target = local_target;
  static const Row fits = { "fits", Q "-qmp unix:/q,server=on,wait=off", NULL };
  static const Row long_user = { "user", Q "-qmp unix:/aaaaaaaaaaaaaaaaa,server=on,wait=off", NULL, NULL, "107 bytes" };
  static const Row long_ours = { "ours", Q "-m 64", NULL, NULL, "the monitor" };

  target.run_dir = run_dir;
  target.monitor_path = monitor;
  check_row (&fits, &target);
  check_row (&long_user, &target);
  target.monitor_path = too_long;
  check_row (&long_ours, &target);
}

static void
test_monitor_path_with_comma (void)
{
  QmigCmdlineTarget target = local_target;
  g_auto(GStrv) argv = parse_line (Q);
  g_autoptr(QmigCmdlineResult) result = NULL;
  g_autoptr(QmigCmdlineInfo) info = NULL;

  target.monitor_path = "/run/a,b/qmig.sock";
  result = qmig_cmdline_derive ((const char *const *) argv, &target);
  info = qmig_cmdline_inspect ((const char *const *) result->argv, "/");
  g_assert_cmpstr (info->qmig_qmp_path, ==, "/run/a,b/qmig.sock");
}

/* -- finding a file ------------------------------------------------------------ */

static void
test_names_file (void)
{
  static const struct
  {
    const char *line;
    gboolean named;
  } cases[] = {
    { "-m 64", FALSE },
    { "-hda /srv/d", TRUE },
    { "d", TRUE },
    { "./d", TRUE },
    { "-drive file=/srv/dd", FALSE },
    { "-drive if=virtio,file=d", TRUE },
    { "-drive file=file:/srv//d", TRUE },
    { "-drive driver=qcow2,file.driver=file,file.filename=/srv/d", TRUE },
    { "-blockdev '{\"driver\":\"file\",\"node-name\":\"n\",\"filename\":\"/srv/d\"}'", TRUE },
    { "-drive 'file=json:{\"driver\":\"file\",,\"filename\":\"/srv/d\"}'", TRUE },
    { "-drive 'file=json:{,,'", FALSE },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_auto(GStrv) argv = parse_line (cases[i].line);

      g_test_message ("%s", cases[i].line);
      g_assert_cmpint (qmig_cmdline_names_file ((const char *const *) argv, "/srv", "/srv/d"), ==, cases[i].named);
      g_assert_cmpint (qmig_cmdline_names_file ((const char *const *) argv, "/srv", "d"), ==, cases[i].named);
    }
}

/* -- inspecting -------------------------------------------------------------- */

static void
test_inspect (void)
{
  g_auto(GStrv) argv = parse_line ("-name guest=v,,m,debug-threads=on -uuid u-1 -machine q35,accel=kvm:tcg "
                                   "-mon chardev=late,mode=control -qmp unix:rel.sock,server,nowait "
                                   "-qmp unix:/client.sock -qmp tcp::1,server -monitor unix:/hmp,server "
                                   "-chardev socket,id=late,path=/late,server=on -chardev socket,id=hmp,path=/h2,server=on "
                                   "-mon hmp,mode=readline -device e1000,id=nic -device '{\"driver\":\"VGA\",\"id\":\"v\"}' "
                                   "-device usb-tablet -chardev socket,id=qmig-monitor,path=/r/qmig.sock,server=on "
                                   "-mon chardev=qmig-monitor,mode=control -incoming defer");
  g_autoptr(QmigCmdlineInfo) info = qmig_cmdline_inspect ((const char *const *) argv, "/home/u");
  g_autofree char *paths = g_strjoinv (" ", info->qmp_paths);
  g_autofree char *ids = g_strjoinv (" ", info->device_ids);
  g_autofree char *types = g_strjoinv (" ", info->device_types);

  g_assert_cmpstr (info->name, ==, "v,m");
  g_assert_cmpstr (info->uuid, ==, "u-1");
  g_assert_cmpstr (info->machine, ==, "q35");
  g_assert_true (info->has_kvm);
  g_assert_true (info->incoming);
  g_assert_cmpstr (paths, ==, "/late /home/u/rel.sock /r/qmig.sock");
  g_assert_cmpstr (info->qmig_qmp_path, ==, "/r/qmig.sock");
  g_assert_cmpstr (ids, ==, "nic v");
  g_assert_cmpstr (types, ==, "usb-tablet");
  g_assert_cmpuint (g_strv_length (info->foreign), ==, 0);
}

static void
test_inspect_empty (void)
{
  const char *const none[] = { NULL };
  const char *const bare[] = { BINARY, "-name", NULL };
  g_autoptr(QmigCmdlineInfo) nothing = qmig_cmdline_inspect (none, NULL);
  g_autoptr(QmigCmdlineInfo) cut = qmig_cmdline_inspect (bare, NULL);

  g_assert_null (nothing->name);
  g_assert_null (cut->name);
  g_assert_false (cut->has_kvm);
  g_assert_cmpuint (g_strv_length (cut->qmp_paths), ==, 0);
}

static void
test_inspect_foreign (void)
{
  static const struct
  {
    const char *line;
    const char *manager;
  } rows[] = {
    { "-name guest=vm,debug-threads=on -chardev socket,id=charmonitor,fd=31,server=on,wait=off -mon "
      "chardev=charmonitor,id=monitor,mode=control", "libvirt" },
    { "-chardev socket,id=monitor,path=/run/incus/vm/qemu.monitor,server=on,wait=off -readconfig /run/incus/vm/qemu.conf",
      "Incus" },
    { "-qmp unix:/tmp/incus.sock,server=on", NULL },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_auto(GStrv) argv = parse_line (rows[i].line);
      g_autoptr(QmigCmdlineInfo) info = qmig_cmdline_inspect ((const char *const *) argv, "/");

      assert_said (info->foreign, rows[i].manager);
    }
}

static void
test_with_monitor (void)
{
  g_auto(GStrv) argv = parse_line ("-m 64 d.img -chardev socket,id=qmig-monitor,path=/old,server=on,wait=off -mon "
                                   "chardev=qmig-monitor,mode=control");
  g_auto(GStrv) with = qmig_cmdline_with_monitor ((const char *const *) argv, "/run/new");
  g_auto(GStrv) expected = parse_line ("-m 64 d.img -chardev socket,id=qmig-monitor,path=/run/new,server=on,wait=off -mon "
                                       "chardev=qmig-monitor,mode=control");
  g_autofree char *a = g_strjoinv ("\n", with);
  g_autofree char *e = g_strjoinv ("\n", expected);

  g_assert_cmpstr (a, ==, e);
}

/* -- values of options --------------------------------------------------------- */

static void
test_keyval (void)
{
  static const struct
  {
    const char *text;
    const char *printed;
    const char *a;
  } rows[] = {
    { "", "", NULL },
    { "x", "x", NULL },
    { "x,a=1", "x,a=1", "1" },
    { "x,a", "x,a=on", "on" },
    { "x,noa", "x,a=off", "off" },
    { "x,a=1,a=2", "x,a=1,a=2", "2" },
    { "x,a=b,,c=d,e=f", "x,a=b,,c=d,e=f", "b,c=d" },
    { "a=x=y", "a=x=y", "x=y" },
    { "x,,y,a=", "x,,y,a=", "" },
    { "{\"a\":1,\"b\":[true,{\"c\":\"d\"}]}", "{\"a\":1,\"b\":[true,{\"c\":\"d\"}]}", "1" },
    { "{broken", "{broken", NULL },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (rows); i++)
    {
      g_autoptr(QmigKeyval) kv = qmig_keyval_parse (rows[i].text, "first");
      g_autofree char *printed = qmig_keyval_print (kv);

      g_assert_cmpstr (printed, ==, rows[i].printed);
      g_assert_cmpstr (qmig_keyval_get (kv, "a"), ==, rows[i].a);
      g_assert_false (qmig_keyval_is_changed (kv));
    }
}

static void
test_keyval_change (void)
{
  g_autoptr(QmigKeyval) plain = qmig_keyval_parse ("p,a=1,b=2,a=3", "first");
  g_autoptr(QmigKeyval) json = qmig_keyval_parse ("{\"a\":\"1\",\"o\":{\"p\":\"/x\"},\"w\":true}", NULL);
  g_autofree char *plain_text = NULL;
  g_autofree char *json_text = NULL;

  qmig_keyval_set (plain, "a", "4,5");
  qmig_keyval_set (plain, "first", "k=v");
  qmig_keyval_remove (plain, "b");
  plain_text = qmig_keyval_print (plain);
  g_assert_cmpstr (plain_text, ==, "first=k=v,a=4,,5,a=4,,5");

  g_assert_cmpstr (qmig_keyval_get (json, "o.p"), ==, "/x");
  g_assert_true (qmig_keyval_get_bool (json, "w", FALSE));
  qmig_keyval_set (json, "o.p", "/y");
  qmig_keyval_set (json, "w", "off");
  qmig_keyval_remove (json, "a");
  json_text = qmig_keyval_print (json);
  g_assert_cmpstr (json_text, ==, "{\"o\":{\"p\":\"/y\"},\"w\":false}");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/cmdline/same-machine", test_local);
  g_test_add_func ("/cmdline/other-machine", test_remote);
  g_test_add_func ("/cmdline/stable-over-moves", test_stable);
  g_test_add_func ("/cmdline/run-dir-changes", test_run_dir_changes);
  g_test_add_func ("/cmdline/new-name", test_new_name);
  g_test_add_func ("/cmdline/target-args", test_target_args);
  g_test_add_func ("/cmdline/unknown-directory", test_unknown_directory);
  g_test_add_func ("/cmdline/long-paths", test_long_paths);
  g_test_add_func ("/cmdline/monitor-path-with-comma", test_monitor_path_with_comma);
  g_test_add_func ("/cmdline/names-file", test_names_file);
  g_test_add_func ("/cmdline/inspect", test_inspect);
  g_test_add_func ("/cmdline/inspect-empty", test_inspect_empty);
  g_test_add_func ("/cmdline/inspect-foreign", test_inspect_foreign);
  g_test_add_func ("/cmdline/with-monitor", test_with_monitor);
  g_test_add_func ("/keyval/read", test_keyval);
  g_test_add_func ("/keyval/change", test_keyval_change);
  return g_test_run ();
}
