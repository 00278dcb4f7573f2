/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "guest-vm.h"

/* kvm-probe [QEMU]: exit status 0 if the demo guest runs under KVM here, 1 with the reason on stderr if not. */
int
main (int argc, char **argv)
{
  g_autoptr(GError) error = NULL;

  if (argc > 2)
    {
      g_printerr ("usage: kvm-probe [QEMU]\n");
      return 2;
    }
  if (!guest_vm_probe (argc == 2 ? argv[1] : NULL, "kvm", &error))
    {
      g_printerr ("%s\n", error->message);
      return 1;
    }

  return 0;
}
