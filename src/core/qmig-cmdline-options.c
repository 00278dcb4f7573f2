/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The table: every option of QEMU 7.2 to 11, whether it takes an argument, and what happens to it on the way. */

#include "qmig-cmdline-private.h"

#include <string.h>

#define FLAG QMIG_ARITY_FLAG
#define VALUE QMIG_ARITY_VALUE
#define MANY QMIG_MANY
#define SINGLE QMIG_SINGLE

static const QmigOptionRule rules[] = {
  /* what the guest or the stream sees: kept, the machine type pinned */
  { "machine", VALUE, MANY, NULL, "type", qmig_rule_machine },
  { "M", VALUE, MANY, NULL, "type", qmig_rule_machine },
  { "cpu", VALUE, SINGLE, NULL, NULL, qmig_rule_cpu },
  { "accel", VALUE, MANY, NULL, "accel", NULL },
  { "enable-kvm", FLAG, SINGLE, NULL, NULL, NULL },
  { "smp", VALUE, SINGLE, NULL, NULL, NULL },
  { "numa", VALUE, MANY, NULL, NULL, NULL },
  { "m", VALUE, SINGLE, NULL, NULL, NULL },
  { "mem-path", VALUE, SINGLE, NULL, NULL, qmig_rule_path },
  { "mem-prealloc", FLAG, SINGLE, NULL, NULL, NULL },
  { "overcommit", VALUE, SINGLE, NULL, NULL, NULL },
  { "set", VALUE, MANY, NULL, NULL, NULL },
  { "global", VALUE, MANY, NULL, NULL, NULL },
  { "boot", VALUE, SINGLE, NULL, NULL, NULL },
  { "k", VALUE, SINGLE, NULL, NULL, NULL },
  { "g", VALUE, SINGLE, NULL, NULL, NULL },
  { "vga", VALUE, SINGLE, NULL, NULL, NULL },
  { "usb", FLAG, SINGLE, NULL, NULL, NULL },
  { "usbdevice", VALUE, MANY, NULL, NULL, NULL },
  { "device", VALUE, MANY, "id", "driver", qmig_rule_device },
  { "object", VALUE, MANY, "id", "qom-type", qmig_rule_object },
  { "name", VALUE, SINGLE, NULL, "guest", qmig_rule_name },
  { "uuid", VALUE, SINGLE, NULL, NULL, NULL },
  { "rtc", VALUE, SINGLE, NULL, NULL, NULL },
  { "icount", VALUE, SINGLE, NULL, "shift", qmig_rule_icount },
  { "watchdog", VALUE, SINGLE, NULL, NULL, NULL },
  { "watchdog-action", VALUE, SINGLE, NULL, NULL, NULL },
  { "action", VALUE, MANY, NULL, NULL, NULL },
  { "nodefaults", FLAG, SINGLE, NULL, NULL, NULL },
  { "no-user-config", FLAG, SINGLE, NULL, NULL, NULL },
  { "no-acpi", FLAG, SINGLE, NULL, NULL, NULL },
  { "no-hpet", FLAG, SINGLE, NULL, NULL, NULL },
  { "no-reboot", FLAG, SINGLE, NULL, NULL, NULL },
  { "no-shutdown", FLAG, SINGLE, NULL, NULL, NULL },
  { "no-fd-bootchk", FLAG, SINGLE, NULL, NULL, NULL },
  { "win2k-hack", FLAG, SINGLE, NULL, NULL, NULL },
  { "only-migratable", FLAG, SINGLE, NULL, NULL, NULL },
  { "prom-env", VALUE, MANY, NULL, NULL, NULL },
  { "semihosting", FLAG, SINGLE, NULL, NULL, NULL },
  { "semihosting-config", VALUE, MANY, NULL, NULL, NULL },
  { "singlestep", FLAG, SINGLE, NULL, NULL, NULL },
  { "seed", VALUE, SINGLE, NULL, NULL, NULL },
  { "audio", VALUE, SINGLE, NULL, "driver", qmig_rule_audiodev },
  { "audiodev", VALUE, MANY, "id", "driver", qmig_rule_audiodev },
  { "xen-domid", VALUE, SINGLE, NULL, NULL, NULL },
  { "xen-attach", FLAG, SINGLE, NULL, NULL, NULL },
  { "xen-domid-restrict", FLAG, SINGLE, NULL, NULL, NULL },
  { "iscsi", VALUE, MANY, "id", NULL, NULL },

  /* files: absolute */
  { "", VALUE, MANY, NULL, NULL, qmig_rule_path },
  { "hda", VALUE, SINGLE, NULL, NULL, qmig_rule_path },
  { "hdb", VALUE, SINGLE, NULL, NULL, qmig_rule_path },
  { "hdc", VALUE, SINGLE, NULL, NULL, qmig_rule_path },
  { "hdd", VALUE, SINGLE, NULL, NULL, qmig_rule_path },
  { "fda", VALUE, SINGLE, NULL, NULL, qmig_rule_path },
  { "fdb", VALUE, SINGLE, NULL, NULL, qmig_rule_path },
  { "cdrom", VALUE, SINGLE, NULL, NULL, qmig_rule_path },
  { "mtdblock", VALUE, MANY, NULL, NULL, qmig_rule_path },
  { "sd", VALUE, MANY, NULL, NULL, qmig_rule_path },
  { "pflash", VALUE, MANY, NULL, NULL, qmig_rule_path },
  { "drive", VALUE, MANY, "id", NULL, qmig_rule_disk },
  { "blockdev", VALUE, MANY, "node-name", "driver", qmig_rule_disk },
  { "kernel", VALUE, SINGLE, NULL, NULL, qmig_rule_path },
  { "shim", VALUE, SINGLE, NULL, NULL, qmig_rule_path },
  { "initrd", VALUE, SINGLE, NULL, NULL, qmig_rule_path_list },
  { "dtb", VALUE, SINGLE, NULL, NULL, qmig_rule_path },
  { "append", VALUE, SINGLE, NULL, NULL, NULL },
  { "bios", VALUE, SINGLE, NULL, NULL, qmig_rule_data_file },
  { "option-rom", VALUE, MANY, NULL, "romfile", qmig_rule_keyval_paths },
  { "fw_cfg", VALUE, MANY, NULL, "name", qmig_rule_keyval_paths },
  { "smbios", VALUE, MANY, NULL, NULL, qmig_rule_keyval_paths },
  { "acpitable", VALUE, MANY, NULL, NULL, qmig_rule_keyval_paths },
  { "igvm-cfg", VALUE, MANY, NULL, NULL, qmig_rule_keyval_paths },
  { "plugin", VALUE, MANY, NULL, "file", qmig_rule_keyval_paths },
  { "L", VALUE, MANY, NULL, NULL, qmig_rule_data_dir },

  /* what two processes cannot share: moved into the run directory, or refused */
  { "qmp", VALUE, MANY, NULL, NULL, qmig_rule_legacy_chardev },
  { "qmp-pretty", VALUE, MANY, NULL, NULL, qmig_rule_legacy_chardev },
  { "monitor", VALUE, MANY, NULL, NULL, qmig_rule_legacy_chardev },
  { "serial", VALUE, MANY, NULL, NULL, qmig_rule_legacy_chardev },
  { "parallel", VALUE, MANY, NULL, NULL, qmig_rule_legacy_chardev },
  { "debugcon", VALUE, MANY, NULL, NULL, qmig_rule_legacy_chardev },
  { "qtest", VALUE, MANY, NULL, NULL, qmig_rule_legacy_chardev },
  { "qtest-log", VALUE, SINGLE, NULL, NULL, qmig_rule_move_file },
  { "mon", VALUE, MANY, NULL, "chardev", qmig_rule_mon },
  { "chardev", VALUE, MANY, "id", "backend", qmig_rule_chardev },
  { "gdb", VALUE, SINGLE, NULL, NULL, qmig_rule_gdb },
  { "s", FLAG, SINGLE, NULL, NULL, qmig_rule_gdb },
  { "vnc", VALUE, SINGLE, NULL, "vnc", qmig_rule_vnc },
  { "spice", VALUE, SINGLE, NULL, NULL, qmig_rule_spice },
  { "display", VALUE, SINGLE, NULL, "type", qmig_rule_display },
  { "nographic", FLAG, SINGLE, NULL, NULL, qmig_rule_nographic },
  { "netdev", VALUE, MANY, "id", "type", qmig_rule_netdev },
  { "nic", VALUE, MANY, "id", "type", qmig_rule_netdev },
  { "net", VALUE, MANY, "id", "type", qmig_rule_netdev },
  { "pidfile", VALUE, SINGLE, NULL, NULL, qmig_rule_move_file },
  { "D", VALUE, SINGLE, NULL, NULL, qmig_rule_move_file },
  { "d", VALUE, SINGLE, NULL, NULL, NULL },
  { "dfilter", VALUE, SINGLE, NULL, NULL, NULL },
  { "trace", VALUE, MANY, NULL, "enable", qmig_rule_trace },

  /* about the process */
  { "S", FLAG, MANY, NULL, NULL, qmig_rule_silent_drop },
  { "incoming", VALUE, MANY, NULL, NULL, qmig_rule_silent_drop },
  { "daemonize", FLAG, SINGLE, NULL, NULL, qmig_rule_drop },
  { "preconfig", FLAG, SINGLE, NULL, NULL, qmig_rule_drop },
  { "loadvm", VALUE, SINGLE, NULL, NULL, qmig_rule_drop },
  { "writeconfig", VALUE, SINGLE, NULL, NULL, qmig_rule_drop },
  { "dump-vmstate", VALUE, SINGLE, NULL, NULL, qmig_rule_drop },
  { "chroot", VALUE, SINGLE, NULL, NULL, qmig_rule_warn },
  { "runas", VALUE, SINGLE, NULL, NULL, qmig_rule_warn },
  { "run-with", VALUE, MANY, NULL, NULL, qmig_rule_run_with },
  { "sandbox", VALUE, SINGLE, NULL, NULL, NULL },
  { "async-teardown", FLAG, SINGLE, NULL, NULL, NULL },
  { "compat", VALUE, MANY, NULL, NULL, NULL },
  { "msg", VALUE, SINGLE, NULL, NULL, NULL },
  { "echr", VALUE, SINGLE, NULL, NULL, NULL },
  { "enable-sync-profile", FLAG, SINGLE, NULL, NULL, NULL },
  { "enable-fips", FLAG, SINGLE, NULL, NULL, NULL },
  { "full-screen", FLAG, SINGLE, NULL, NULL, NULL },
  { "portrait", FLAG, SINGLE, NULL, NULL, NULL },
  { "rotate", VALUE, SINGLE, NULL, NULL, NULL },

  /* state outside this process that does not travel, or cannot be opened a second time */
  { "snapshot", FLAG, SINGLE, NULL, NULL, qmig_rule_refuse },
  { "readconfig", VALUE, MANY, NULL, NULL, qmig_rule_refuse },
  { "add-fd", VALUE, MANY, NULL, NULL, qmig_rule_refuse },
  { "tpmdev", VALUE, MANY, "id", "type", qmig_rule_refuse },
  { "fsdev", VALUE, MANY, "id", "fsdriver", qmig_rule_refuse },
  { "virtfs", VALUE, MANY, "id", "fsdriver", qmig_rule_refuse },

  /* a running VM never has these, but they take no argument */
  { "h", FLAG, SINGLE, NULL, NULL, NULL },
  { "help", FLAG, SINGLE, NULL, NULL, NULL },
  { "version", FLAG, SINGLE, NULL, NULL, NULL },
  { "audio-help", FLAG, SINGLE, NULL, NULL, NULL },
};

const QmigOptionRule *
qmig_option_rule_find (const char *name)
{
  for (gsize i = 0; i < G_N_ELEMENTS (rules); i++)
    if (g_str_equal (rules[i].name, name))
      return &rules[i];
  return NULL;
}

static QmigOption *
take_option (const char *const *argv, guint *i)
{
  QmigOption *o = g_new0 (QmigOption, 1);
  const char *word = argv[(*i)++];
  const QmigOptionRule *rule;

  /* Dashes alone are no option, and take no value. */
  if (word[0] != '-' || word[strspn (word, "-")] == '\0')
    {
      o->name = "";
      o->value = word;
      return o;
    }
  o->option = word;
  o->name = word + (word[1] == '-' ? 2 : 1);
  rule = qmig_option_rule_find (o->name);
  /* Of an unknown option only the next word can tell whether it is its value. */
  if (argv[*i] != NULL && (rule ? rule->arity == QMIG_ARITY_VALUE : argv[*i][0] != '-'))
    o->value = argv[(*i)++];

  return o;
}

GPtrArray *
qmig_options_parse (const char *const *argv)
{
  GPtrArray *options = g_ptr_array_new_with_free_func (g_free);
  guint i = 0;

  if (argv != NULL && argv[0] != NULL)
    for (i = 1; argv[i] != NULL;)
      g_ptr_array_add (options, take_option (argv, &i));
  return options;
}

static char *
option_id (const QmigOption *o, const QmigOptionRule *rule)
{
  g_autoptr(QmigKeyval) kv = NULL;

  if (rule == NULL || rule->id_key == NULL || o->value == NULL)
    return NULL;
  kv = qmig_keyval_parse (o->value, rule->implied);

  return g_strdup (qmig_keyval_get (kv, rule->id_key));
}

char *
qmig_option_identity (const QmigOption *o)
{
  const QmigOptionRule *rule = qmig_option_rule_find (o->name);
  g_autofree char *id = option_id (o, rule);

  if (id != NULL)
    return g_strdup_printf ("-%s %s", o->name, id);
  if (rule != NULL && rule->multiplicity == QMIG_SINGLE)
    return g_strdup_printf ("-%s", o->name);
  return NULL;
}

char *
qmig_option_describe (const QmigOption *o)
{
  g_autofree char *id = option_id (o, qmig_option_rule_find (o->name));

  if (o->option == NULL)
    return g_strdup_printf ("disk image %s", o->value);
  return id ? g_strdup_printf ("-%s %s", o->name, id) : g_strdup_printf ("-%s", o->name);
}
