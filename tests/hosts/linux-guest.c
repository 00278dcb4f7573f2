/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "linux-guest.h"

/* The same here and there, as of a guest that moved: the network is to learn where it is now. */
#define MAC "52:54:00:71:6d:67"

static char *
make_initrd (const char *files, const char *dir)
{
  char *initrd = g_build_filename (dir, "initrd", NULL);
  const char *argv[] = { HOSTS_SOURCE_DIR "/make-linux-guest.sh", files, HOSTS_BUILD_DIR "/linux-guest-init", initrd, NULL };

  g_assert_cmpint (place_run (NULL, argv, NULL, -1), ==, 0);
  return initrd;
}

gboolean
linux_guest_start (Lab *lab)
{
  const char *chosen = g_getenv ("QMIG_TEST_LINUX_GUEST");
  const char *files = chosen != NULL ? chosen : QMIG_BUILD_ROOT "/linux-guest";
  g_autofree char *kernel = g_build_filename (files, "vmlinuz", NULL);
  g_autofree char *console = g_strdup_printf ("file,id=console,path=%s/console", lab->rig->dir);
  g_autofree char *initrd = NULL;
  const char *arguments[] = { "-kernel", kernel, "-initrd", NULL, "-append", "console=ttyS0 quiet panic=-1 guest.address=" NET_GUEST,
                              "-chardev", console, "-serial", "chardev:console",
                              "-netdev", "tap,id=net0,ifname=" NET_TAP ",script=no,downscript=no,vhost=off",
                              "-device", "virtio-net-pci,netdev=net0,id=nic0,romfile=,mac=" MAC, NULL };

  if (!g_file_test (kernel, G_FILE_TEST_EXISTS))
    {
      g_test_skip ("there is no Linux for a guest (./setup qemus)");
      return FALSE;
    }
  initrd = make_initrd (files, lab->rig->dir);
  arguments[3] = initrd;
  rig_start_own_guest (lab->rig, arguments);
  return TRUE;
}
