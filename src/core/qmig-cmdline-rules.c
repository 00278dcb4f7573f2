/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Rules for what the guest sees, for files, and for the process itself. */

#include <string.h>

#include "qmig-cmdline-private.h"

static QmigKeyval *
parse (const QmigOption *o)
{
  return qmig_keyval_parse (o->value, qmig_option_rule_find (o->name)->implied);
}

void
qmig_rule_drop (QmigRewrite *r, const QmigOption *o)
{
  qmig_rewrite_note (r, "-%s: dropped", o->name);
}

void
qmig_rule_silent_drop (QmigRewrite *r, const QmigOption *o)
{
}

void
qmig_rule_warn (QmigRewrite *r, const QmigOption *o)
{
  qmig_rewrite_keep (r, o);
  qmig_rewrite_warn (r, "-%s: kept, but it decides what the destination may reach of its files and sockets", o->name);
}

void
qmig_rule_refuse (QmigRewrite *r, const QmigOption *o)
{
  static const struct
  {
    const char *name;
    const char *reason;
  } reasons[] = {
    { "snapshot", "its disks are temporary files that only the source has; run the VM without -snapshot" },
    { "readconfig", "devices stand in a file that qmig does not read; put them on the command line" },
    { "add-fd", "a descriptor of the source cannot be opened a second time; name the file instead" },
    { "tpmdev", "the TPM's state does not travel; start another swtpm and replace this with --target-arg" },
    { "fsdev", "a shared directory (9p) cannot be migrated; unplug it, or replace it with --target-arg" },
    { "virtfs", "a shared directory (9p) cannot be migrated; unplug it, or replace it with --target-arg" },
  };
  g_autofree char *what = qmig_option_describe (o);
  const char *reason = "cannot be moved";
  g_autoptr(QmigKeyval) kv = o->value ? parse (o) : NULL;

  qmig_rewrite_keep (r, o);
  /* With its character device given anew, a TPM talks to another swtpm. */
  if (kv != NULL && g_str_equal (o->name, "tpmdev")
      && qmig_rewrite_is_replaced (r, "chardev", qmig_keyval_get (kv, "chardev")))
    return;
  for (gsize i = 0; i < G_N_ELEMENTS (reasons); i++)
    if (g_str_equal (reasons[i].name, o->name))
      reason = reasons[i].reason;
  qmig_rewrite_refuse (r, "%s: %s", what, reason);
}

void
qmig_rule_machine (QmigRewrite *r, const QmigOption *o)
{
  g_autoptr(QmigKeyval) kv = parse (o);
  const char *type = qmig_keyval_get (kv, "type");
  const char *pinned = r->target->machine;

  /* Several -machine add up: one without a type is touched only when none has one. */
  if (pinned != NULL && (type != NULL || (!r->machine_is_typed && !r->machine_pinned)))
    {
      if (type == NULL)
        qmig_rewrite_note (r, "-%s: type=%s added, the source runs it by default", o->name, pinned);
      else if (!g_str_equal (type, pinned))
        qmig_rewrite_note (r, "-%s: %s → %s", o->name, type, pinned);
      qmig_keyval_set (kv, "type", pinned);
      r->machine_pinned = TRUE;
    }
  qmig_rewrite_emit_keyval (r, o, kv);
}

void
qmig_rule_cpu (QmigRewrite *r, const QmigOption *o)
{
  static const char *const by_host[] = { "host", "max", NULL };
  g_autofree char *model = g_strndup (o->value, strcspn (o->value, ","));
  gboolean is_by_host = g_strv_contains (by_host, model);

  qmig_rewrite_keep (r, o);
  if (is_by_host && !r->target->same_machine)
    qmig_rewrite_warn (
        r,
        "-cpu %s: the guest sees this host's processor; the destination needs the same processor, kernel "
        "and QEMU",
        model);
  else if (is_by_host)
    qmig_rewrite_warn (r, "-cpu %s: depends on the QEMU version; the same binary is safe", model);
  if (strstr (o->value, "migratable=off") != NULL || strstr (o->value, "+invtsc") != NULL
      || strstr (o->value, "invtsc=on") != NULL)
    qmig_rewrite_warn (r, "-cpu: migratable=off and invtsc keep a VM from being migrated");
}

void
qmig_rule_name (QmigRewrite *r, const QmigOption *o)
{
  g_autoptr(QmigKeyval) kv = parse (o);

  r->named = TRUE;
  if (r->target->new_name != NULL)
    {
      const char *old = qmig_keyval_get (kv, "guest");

      if (g_strcmp0 (old, r->target->new_name) != 0)
        qmig_rewrite_note (r, "-name: %s → %s", old ? old : "", r->target->new_name);
      qmig_keyval_set (kv, "guest", r->target->new_name);
    }
  qmig_rewrite_emit_keyval (r, o, kv);
}

void
qmig_rule_move_file (QmigRewrite *r, const QmigOption *o)
{
  g_autofree char *what = qmig_option_describe (o);
  g_autofree char *moved = NULL;

  if (g_str_has_prefix (o->value, "/dev/"))
    {
      qmig_rewrite_keep (r, o);
      return;
    }
  moved = qmig_rewrite_move_file (r, what, o->value);
  qmig_rewrite_emit (r, o, moved);
}

void
qmig_rule_path (QmigRewrite *r, const QmigOption *o)
{
  g_autofree char *what = qmig_option_describe (o);
  g_autofree char *absolute = qmig_rewrite_absolute (r, what, o->value);

  qmig_rewrite_emit (r, o, absolute ? absolute : o->value);
}

/* A wrapper around QEMU adds its directories at each start: once is enough, or the line grows from move to move. */
void
qmig_rule_data_dir (QmigRewrite *r, const QmigOption *o)
{
  g_autofree char *absolute = qmig_rewrite_absolute (r, "-L", o->value);
  const char *dir = absolute ? absolute : o->value;

  for (guint i = 1; i < r->argv->len; i++)
    if (g_str_equal (g_ptr_array_index (r->argv, i), dir)
        && g_str_equal (g_ptr_array_index (r->argv, i - 1), o->option))
      return;
  qmig_rewrite_emit (r, o, dir);
}

/* -initrd: "FILE ARGUMENTS,FILE ARGUMENTS" with doubled commas inside. */
void
qmig_rule_path_list (QmigRewrite *r, const QmigOption *o)
{
  g_autoptr(QmigKeyval) kv = NULL;
  g_autofree char *what = qmig_option_describe (o);
  g_autoptr(GString) all = g_string_new (NULL);
  const char *p = o->value;

  while (*p != '\0')
    {
      const char *end = p;
      g_autofree char *piece = NULL;
      g_autofree char *absolute = NULL;

      while (*end != '\0' && !(end[0] == ',' && end[1] != ','))
        end += end[0] == ',' ? 2 : 1;
      piece = g_strndup (p, end - p);
      absolute = qmig_rewrite_absolute (r, what, piece);
      g_string_append (all, absolute ? absolute : piece);
      p = end;
      if (*p == ',')
        g_string_append_c (all, *p++);
    }
  qmig_rewrite_emit (r, o, all->str);
}

/* QEMU looks for a bare name in the working directory first, then among its own data. */
void
qmig_rule_data_file (QmigRewrite *r, const QmigOption *o)
{
  if (strchr (o->value, '/') != NULL)
    {
      qmig_rule_path (r, o);
      return;
    }
  qmig_rewrite_keep (r, o);
  qmig_rewrite_warn (r,
                     "-%s %s: expected among QEMU's own data; if it lies in %s, give its full path with --target-arg",
                     o->name, o->value, r->cwd ? r->cwd : "the source's directory");
}

/* What "data" and "events" mean depends on the option: a secret's data and a device's events are no files. */
static gboolean
key_is_path (const char *option, const char *key)
{
  static const char *const names[] = { "file", "filename",   "path", "dir", "mem-path", "sock",    "socket", "script",
                                       "downscript", "tftp", "smb", "keyfile",  "romfile", NULL };
  const char *dot = strrchr (key, '.');
  const char *name = dot ? dot + 1 : key;

  if (g_str_equal (name, "data"))
    return g_str_equal (option, "acpitable");
  if (g_str_equal (name, "events"))
    return g_str_equal (option, "trace");
  return g_strv_contains (names, name);
}

/* "no", "none" and names QEMU finds among its own data are no paths to resolve. */
static gboolean
value_is_path (const char *key, const char *value)
{
  if (g_str_equal (key, "romfile") || g_str_has_suffix (key, "script"))
    return strchr (value, '/') != NULL;
  return TRUE;
}

static void
make_paths_absolute (QmigRewrite *r, const QmigOption *o, QmigKeyval *kv)
{
  g_autofree char *what = qmig_option_describe (o);

  for (guint i = 0; i < qmig_keyval_length (kv); i++)
    {
      const char *key = qmig_keyval_key_at (kv, i);
      const char *value = qmig_keyval_value_at (kv, i);
      g_autofree char *absolute = NULL;

      if (!key_is_path (o->name, key) || !value_is_path (key, value))
        continue;
      absolute = qmig_rewrite_absolute (r, what, value);
      if (absolute != NULL)
        qmig_keyval_set_at (kv, i, absolute);
    }
}

void
qmig_rule_keyval_paths (QmigRewrite *r, const QmigOption *o)
{
  g_autoptr(QmigKeyval) kv = parse (o);

  make_paths_absolute (r, o, kv);
  qmig_rewrite_emit_keyval (r, o, kv);
}

void
qmig_rule_disk (QmigRewrite *r, const QmigOption *o)
{
  g_autoptr(QmigKeyval) kv = parse (o);
  g_autofree char *what = qmig_option_describe (o);

  make_paths_absolute (r, o, kv);
  qmig_rewrite_emit_keyval (r, o, kv);
  if (qmig_keyval_get_bool (kv, "snapshot", FALSE))
    qmig_rewrite_refuse (
        r, "%s: snapshot=on writes to a temporary file that only the source has; run the VM without it", what);
  for (guint i = 0; i < qmig_keyval_length (kv); i++)
    if (strstr (qmig_keyval_value_at (kv, i), "/dev/fdset/") != NULL)
      {
        qmig_rewrite_refuse (
            r, "%s: a descriptor of the source (%s) cannot be opened a second time; name the file instead", what,
            qmig_keyval_value_at (kv, i));
        break;
      }
}

static const char *
device_refusal (const char *driver, gboolean same_machine)
{
  static const struct
  {
    const char *prefix;
    const char *reason;
  } reasons[] = {
    { "vfio-", "a device of the host cannot be at two QEMUs; unplug it first" },
    { "usb-host", "a USB device of the host cannot be at two QEMUs; unplug it first" },
    { "virtio-9p", "a shared directory (9p) cannot be migrated; unplug it first" },
    { "ivshmem", "memory shared with other processes does not travel; unplug it first" },
    { "vhost-user-", "its back end is another process that serves one QEMU; start a second one" },
    { "vhost-vdpa-", "a device of the host cannot be at two QEMUs; unplug it first" },
    { "vhost-scsi", "a target of the host cannot be at two QEMUs; unplug it first" },
    { "igd-", "a device of the host cannot be at two QEMUs; unplug it first" },
  };

  if (driver == NULL)
    return NULL;
  for (gsize i = 0; i < G_N_ELEMENTS (reasons); i++)
    if (g_str_has_prefix (driver, reasons[i].prefix))
      return reasons[i].reason;
  if (same_machine && g_str_has_prefix (driver, "vhost-vsock"))
    return "its guest-cid is taken by the source; unplug it first";
  return NULL;
}

void
qmig_rule_device (QmigRewrite *r, const QmigOption *o)
{
  g_autoptr(QmigKeyval) kv = parse (o);
  g_autofree char *what = qmig_option_describe (o);
  const char *driver = qmig_keyval_get (kv, "driver");
  const char *reason = device_refusal (driver, r->target->same_machine);

  make_paths_absolute (r, o, kv);
  qmig_rewrite_emit_keyval (r, o, kv);
  if (reason == NULL || qmig_rewrite_is_replaced (r, "chardev", qmig_keyval_get (kv, "chardev"))
      || qmig_rewrite_is_replaced (r, "fsdev", qmig_keyval_get (kv, "fsdev")))
    return;
  if (qmig_keyval_get (kv, "id") != NULL)
    qmig_rewrite_refuse (r, "%s (%s): %s, or replace it with --target-arg -device and the same id", what, driver,
                         reason);
  else
    qmig_rewrite_refuse (r, "%s %s: %s", what, driver, reason);
}

/* A directory gives each QEMU a file of its own. */
static gboolean
is_memory_directory (const char *path)
{
  return g_str_has_suffix (path, "/") || g_str_has_prefix (path, "/dev/hugepages") || g_str_equal (path, "/dev/shm")
         || g_str_equal (path, "/tmp") || g_str_has_prefix (path, "/mnt/huge");
}

void
qmig_rule_object (QmigRewrite *r, const QmigOption *o)
{
  g_autoptr(QmigKeyval) kv = parse (o);
  g_autofree char *what = qmig_option_describe (o);
  const char *type = qmig_keyval_get (kv, "qom-type");
  const char *mem_path = qmig_keyval_get (kv, "mem-path");

  if (g_strcmp0 (type, "filter-dump") == 0 && qmig_keyval_get (kv, "file") != NULL)
    {
      g_autofree char *moved = qmig_rewrite_move_file (r, what, qmig_keyval_get (kv, "file"));

      qmig_keyval_set (kv, "file", moved);
    }
  make_paths_absolute (r, o, kv);
  qmig_rewrite_emit_keyval (r, o, kv);
  if (g_strcmp0 (type, "memory-backend-file") == 0 && qmig_keyval_get_bool (kv, "share", FALSE) && mem_path != NULL
      && r->target->same_machine && !is_memory_directory (mem_path))
    qmig_rewrite_refuse (
        r,
        "%s: both QEMUs would write the guest's memory in %s; replace it with --target-arg and another "
        "mem-path",
        what, mem_path);
}

void
qmig_rule_trace (QmigRewrite *r, const QmigOption *o)
{
  g_autoptr(QmigKeyval) kv = parse (o);

  if (qmig_keyval_get (kv, "file") != NULL)
    {
      g_autofree char *moved = qmig_rewrite_move_file (r, "-trace", qmig_keyval_get (kv, "file"));

      qmig_keyval_set (kv, "file", moved);
    }
  make_paths_absolute (r, o, kv);
  qmig_rewrite_emit_keyval (r, o, kv);
}

void
qmig_rule_audiodev (QmigRewrite *r, const QmigOption *o)
{
  g_autoptr(QmigKeyval) kv = parse (o);
  g_autofree char *what = qmig_option_describe (o);

  if (g_strcmp0 (qmig_keyval_get (kv, "driver"), "wav") == 0 && qmig_keyval_get (kv, "path") != NULL)
    {
      g_autofree char *moved = qmig_rewrite_move_file (r, what, qmig_keyval_get (kv, "path"));

      qmig_keyval_set (kv, "path", moved);
    }
  qmig_rewrite_emit_keyval (r, o, kv);
}

void
qmig_rule_run_with (QmigRewrite *r, const QmigOption *o)
{
  g_autoptr(QmigKeyval) kv = parse (o);

  if (qmig_keyval_get (kv, "exit-with-parent") != NULL)
    {
      qmig_keyval_remove (kv, "exit-with-parent");
      qmig_rewrite_note (r, "-run-with: exit-with-parent dropped, the VM outlives the agent");
    }
  if (qmig_keyval_get (kv, "chroot") != NULL || qmig_keyval_get (kv, "user") != NULL)
    qmig_rewrite_warn (r, "-run-with: kept, but it decides what the destination may reach of its files and sockets");
  if (qmig_keyval_length (kv) > 0)
    qmig_rewrite_emit_keyval (r, o, kv);
}

void
qmig_rule_icount (QmigRewrite *r, const QmigOption *o)
{
  g_autoptr(QmigKeyval) kv = parse (o);

  qmig_rewrite_keep (r, o);
  if (qmig_keyval_get (kv, "rr") != NULL)
    qmig_rewrite_refuse (r, "-icount rr=%s: a recording cannot be migrated", qmig_keyval_get (kv, "rr"));
}
