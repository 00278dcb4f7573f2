/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "qmig-cmdline.h"

#include <string.h>
#include <sys/un.h>

#include "qmig-cmdline-private.h"

/* -- looking at a command line -------------------------------------------- */

typedef struct
{
  const char *cwd;
  QmigCmdlineInfo *info;
  GHashTable *sockets;     /* chardev id → path it listens on */
  GPtrArray *qmp_chardevs; /* ids, "" for an unnamed one whose path stands in qmp_paths at that place */
  GPtrArray *qmp_paths;
  GPtrArray *device_ids;
  GPtrArray *device_types;
  GPtrArray *foreign;
} Inspection;

static char *
resolve (const char *cwd, const char *path)
{
  if (g_path_is_absolute (path) || cwd == NULL)
    return g_strdup (path);
  return g_build_filename (cwd, path, NULL);
}

static void
inspect_foreign (Inspection *in, const char *value)
{
  static const struct
  {
    const char *sign;
    const char *manager;
  } signs[] = {
    { "id=charmonitor", "libvirt" }, { "/var/lib/libvirt/qemu/", "libvirt" },
    { "/run/incus/", "Incus" },      { "/var/log/incus/", "Incus" },
    { "/run/lxd/", "LXD" },          { "/var/snap/lxd/", "LXD" },
    { "/run/ganeti/", "Ganeti" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (signs); i++)
    if (in->foreign->len == 0 && strstr (value, signs[i].sign) != NULL)
      g_ptr_array_add (in->foreign, g_strdup_printf ("%s manages this VM and holds its monitor (%s): move it with %s",
                                                     signs[i].manager, signs[i].sign, signs[i].manager));
}

static void
inspect_chardev (Inspection *in, const QmigKeyval *kv)
{
  const char *id = qmig_keyval_get (kv, "id");
  const char *path = qmig_keyval_get (kv, "path");

  if (id != NULL && path != NULL && qmig_keyval_get_bool (kv, "server", FALSE))
    g_hash_table_insert (in->sockets, g_strdup (id), resolve (in->cwd, path));
}

static void
inspect_qmp (Inspection *in, const char *device)
{
  g_autofree char *path = qmig_chardev_listen_path (device);

  if (g_str_has_prefix (device, "chardev:"))
    g_ptr_array_add (in->qmp_chardevs, g_strdup (device + strlen ("chardev:")));
  else if (path != NULL)
    {
      /* An id that no command line can spell keeps the order of the monitors. */
      g_autofree char *id = g_strdup_printf ("\n%u", in->qmp_chardevs->len);

      g_hash_table_insert (in->sockets, g_strdup (id), resolve (in->cwd, path));
      g_ptr_array_add (in->qmp_chardevs, g_steal_pointer (&id));
    }
}

static void
inspect_machine (Inspection *in, const QmigKeyval *kv)
{
  const char *type = qmig_keyval_get (kv, "type");
  const char *accel = qmig_keyval_get (kv, "accel");

  if (type != NULL)
    {
      g_free (in->info->machine);
      in->info->machine = g_strdup (type);
    }
  if (accel != NULL && strstr (accel, "kvm") != NULL)
    in->info->has_kvm = TRUE;
}

static void
inspect_device (Inspection *in, const QmigKeyval *kv)
{
  const char *id = qmig_keyval_get (kv, "id");
  const char *driver = qmig_keyval_get (kv, "driver");

  if (id != NULL)
    g_ptr_array_add (in->device_ids, g_strdup (id));
  else if (driver != NULL)
    g_ptr_array_add (in->device_types, g_strdup (driver));
}

static void
inspect_keyval (Inspection *in, const char *name, const QmigKeyval *kv)
{
  if (g_str_equal (name, "machine") || g_str_equal (name, "M"))
    inspect_machine (in, kv);
  else if (g_str_equal (name, "device"))
    inspect_device (in, kv);
  else if (g_str_equal (name, "drive") && g_strcmp0 (qmig_keyval_get (kv, "if"), "virtio") == 0)
    g_ptr_array_add (in->device_types, g_strdup ("virtio-blk")); /* QEMU makes it a -device */
  else if (g_str_equal (name, "chardev"))
    inspect_chardev (in, kv);
  else if (g_str_equal (name, "mon") && g_strcmp0 (qmig_keyval_get (kv, "mode"), "control") == 0)
    g_ptr_array_add (in->qmp_chardevs, g_strdup (qmig_keyval_get (kv, "chardev")));
  else if (g_str_equal (name, "object") && g_strcmp0 (qmig_keyval_get (kv, "qom-type"), "monitor-qmp") == 0)
    g_ptr_array_add (in->qmp_chardevs, g_strdup (qmig_keyval_get (kv, "chardev")));
  else if (g_str_equal (name, "accel") && g_strcmp0 (qmig_keyval_get (kv, "accel"), "kvm") == 0)
    in->info->has_kvm = TRUE;
  else if (g_str_equal (name, "name") && qmig_keyval_get (kv, "guest") != NULL)
    {
      g_free (in->info->name);
      in->info->name = g_strdup (qmig_keyval_get (kv, "guest"));
    }
}

static void
inspect_option (Inspection *in, const QmigOption *o)
{
  const QmigOptionRule *rule = qmig_option_rule_find (o->name);
  g_autoptr(QmigKeyval) kv = NULL;

  if (g_str_equal (o->name, "enable-kvm"))
    in->info->has_kvm = TRUE;
  if (o->value == NULL)
    return;
  inspect_foreign (in, o->value);
  if (g_str_equal (o->name, "incoming"))
    in->info->incoming = TRUE;
  else if (g_str_equal (o->name, "uuid"))
    {
      g_free (in->info->uuid);
      in->info->uuid = g_strdup (o->value);
    }
  else if (g_str_equal (o->name, "qmp") || g_str_equal (o->name, "qmp-pretty"))
    inspect_qmp (in, o->value);
  else
    {
      kv = qmig_keyval_parse (o->value, rule ? rule->implied : NULL);
      inspect_keyval (in, o->name, kv);
    }
}

/* Chardevs may be named before they are given, so the monitors are looked up when all is read. */
static void
collect_monitors (Inspection *in)
{
  for (guint i = 0; i < in->qmp_chardevs->len; i++)
    {
      const char *id = g_ptr_array_index (in->qmp_chardevs, i);
      const char *path = id ? g_hash_table_lookup (in->sockets, id) : NULL;

      if (path == NULL)
        continue;
      g_ptr_array_add (in->qmp_paths, g_strdup (path));
      if (g_str_equal (id, QMIG_MONITOR_ID) && in->info->qmig_qmp_path == NULL)
        in->info->qmig_qmp_path = g_strdup (path);
    }
}

static char **
to_strv (GPtrArray *array)
{
  g_ptr_array_add (array, NULL);

  return (char **) g_ptr_array_free (array, FALSE);
}

QmigCmdlineInfo *
qmig_cmdline_inspect (const char *const *argv, const char *cwd)
{
  g_autoptr(GPtrArray) options = qmig_options_parse (argv);
  Inspection in = { .cwd = cwd, .info = g_new0 (QmigCmdlineInfo, 1) };

  in.sockets = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  in.qmp_chardevs = g_ptr_array_new_with_free_func (g_free);
  in.qmp_paths = g_ptr_array_new ();
  in.device_ids = g_ptr_array_new ();
  in.device_types = g_ptr_array_new ();
  in.foreign = g_ptr_array_new ();

  for (guint i = 0; i < options->len; i++)
    inspect_option (&in, g_ptr_array_index (options, i));
  collect_monitors (&in);

  in.info->qmp_paths = to_strv (in.qmp_paths);
  in.info->device_ids = to_strv (in.device_ids);
  in.info->device_types = to_strv (in.device_types);
  in.info->foreign = to_strv (in.foreign);
  g_ptr_array_unref (in.qmp_chardevs);
  g_hash_table_unref (in.sockets);

  return in.info;
}

void
qmig_cmdline_info_free (QmigCmdlineInfo *self)
{
  g_free (self->name);
  g_free (self->uuid);
  g_free (self->machine);
  g_strfreev (self->qmp_paths);
  g_free (self->qmig_qmp_path);
  g_strfreev (self->device_ids);
  g_strfreev (self->device_types);
  g_strfreev (self->foreign);
  g_free (self);
}

/* -- looking for a file ----------------------------------------------------- */

static gboolean
is_file (const char *value, const char *cwd, const char *path)
{
  const char *plain = g_str_has_prefix (value, "file:") ? value + strlen ("file:") : value;
  g_autofree char *found = plain[0] != '\0' ? g_canonicalize_filename (plain, cwd ? cwd : "/") : NULL;

  return found != NULL && g_str_equal (found, path);
}

static gboolean
value_names_file (const char *value, const char *cwd, const char *path)
{
  g_autoptr(QmigKeyval) kv = qmig_keyval_parse (value, "");

  if (is_file (value, cwd, path))
    return TRUE;
  for (guint i = 0; i < qmig_keyval_length (kv); i++)
    {
      const char *part = qmig_keyval_value_at (kv, i);

      if (is_file (part, cwd, path)
          || (g_str_has_prefix (part, "json:{") && value_names_file (part + strlen ("json:"), cwd, path)))
        return TRUE;
    }
  return FALSE;
}

gboolean
qmig_cmdline_names_file (const char *const *argv, const char *cwd, const char *path)
{
  g_autoptr(GPtrArray) options = qmig_options_parse (argv);
  g_autofree char *absolute = g_canonicalize_filename (path, cwd ? cwd : "/");

  for (guint i = 0; i < options->len; i++)
    {
      const QmigOption *o = g_ptr_array_index (options, i);

      if (o->value != NULL && value_names_file (o->value, cwd, absolute))
        return TRUE;
    }
  return FALSE;
}

/* -- writing the destination's -------------------------------------------- */

static void
add_monitor (GPtrArray *argv, const char *path)
{
  g_autofree char *escaped = qmig_keyval_escape (path);

  g_ptr_array_add (argv, g_strdup ("-chardev"));
  g_ptr_array_add (argv, g_strdup_printf ("socket,id=" QMIG_MONITOR_ID ",path=%s,server=on,wait=off", escaped));
  g_ptr_array_add (argv, g_strdup ("-mon"));
  g_ptr_array_add (argv, g_strdup ("chardev=" QMIG_MONITOR_ID ",mode=control"));
}

static gboolean
has_option (GPtrArray *options, const char *name)
{
  for (guint i = 0; i < options->len; i++)
    if (g_str_equal (((QmigOption *) g_ptr_array_index (options, i))->name, name))
      return TRUE;
  return FALSE;
}

static gboolean
has_machine_type (GPtrArray *options)
{
  for (guint i = 0; i < options->len; i++)
    {
      const QmigOption *o = g_ptr_array_index (options, i);
      g_autoptr(QmigKeyval) kv = NULL;

      if (o->value == NULL || !(g_str_equal (o->name, "machine") || g_str_equal (o->name, "M")))
        continue;
      kv = qmig_keyval_parse (o->value, "type");
      if (qmig_keyval_get (kv, "type") != NULL)
        return TRUE;
    }
  return FALSE;
}

static gboolean
has_same (GPtrArray *options, const QmigOption *o)
{
  for (guint i = 0; i < options->len; i++)
    {
      const QmigOption *other = g_ptr_array_index (options, i);

      if (g_str_equal (other->name, o->name) && g_strcmp0 (other->value, o->value) == 0)
        return TRUE;
    }
  return FALSE;
}

/* An earlier move left this argument on the source's line already, or it would break the protocol. */
static gboolean
extra_is_wanted (QmigRewrite *r, GPtrArray *options, const QmigOption *o)
{
  const QmigOptionRule *rule = qmig_option_rule_find (o->name);
  g_autofree char *identity = qmig_option_identity (o);

  if (rule != NULL && (rule->rule == qmig_rule_drop || rule->rule == qmig_rule_silent_drop))
    {
      qmig_rewrite_warn (r, "--target-arg -%s: ignored, qmig itself decides how the destination starts", o->name);
      return FALSE;
    }
  return identity != NULL || !has_same (options, o);
}

static void
take_extra (QmigRewrite *r, GPtrArray *options)
{
  g_autoptr(GPtrArray) words = g_ptr_array_new ();
  g_autoptr(GPtrArray) given = NULL;

  g_ptr_array_add (words, (gpointer) r->target->binary);
  for (guint i = 0; r->target->extra != NULL && r->target->extra[i] != NULL; i++)
    g_ptr_array_add (words, (gpointer) r->target->extra[i]);
  g_ptr_array_add (words, NULL);
  given = qmig_options_parse ((const char *const *) words->pdata);

  for (guint i = 0; i < given->len; i++)
    {
      QmigOption *o = g_ptr_array_index (given, i);
      g_autofree char *identity = qmig_option_identity (o);

      if (!extra_is_wanted (r, options, o))
        continue;
      g_ptr_array_add (r->extra, g_memdup2 (o, sizeof *o));
      if (identity != NULL)
        g_hash_table_add (r->replaced, g_steal_pointer (&identity));
    }
}

/* The user's argument takes the place of the source's: the order of devices decides their addresses. */
static gboolean
replace_by_extra (QmigRewrite *r, const QmigOption *o)
{
  g_autofree char *identity = qmig_option_identity (o);

  if (identity == NULL || !g_hash_table_contains (r->replaced, identity))
    return FALSE;
  for (guint i = 0; i < r->extra->len; i++)
    {
      const QmigOption *extra = g_ptr_array_index (r->extra, i);
      g_autofree char *other = qmig_option_identity (extra);

      if (g_strcmp0 (identity, other) != 0)
        continue;
      qmig_rewrite_keep (r, extra);
      if (g_strcmp0 (o->value, extra->value) != 0)
        qmig_rewrite_note (r, "%s: replaced by --target-arg", identity);
      g_ptr_array_remove_index (r->extra, i);
      return TRUE;
    }
  /* Placed before: a second one of the same kind goes. */
  return TRUE;
}

/* It would take what follows it on the new line for its value. */
static void
refuse_without_value (QmigRewrite *r, GPtrArray *options)
{
  for (guint i = 0; i < options->len; i++)
    {
      const QmigOption *o = g_ptr_array_index (options, i);
      const QmigOptionRule *rule = qmig_option_rule_find (o->name);

      if (rule != NULL && rule->arity == QMIG_ARITY_VALUE && o->value == NULL)
        qmig_rewrite_refuse (r, "-%s: is the last word, and needs a value behind it", o->name);
    }
}

static void
rewrite_option (QmigRewrite *r, const QmigOption *o)
{
  const QmigOptionRule *rule = qmig_option_rule_find (o->name);

  if (replace_by_extra (r, o))
    return;
  if (rule == NULL)
    {
      qmig_rewrite_keep (r, o);
      qmig_rewrite_warn (r, "-%s: not known to qmig, kept as it is", o->name);
    }
  else if (rule->rule == NULL || (rule->arity == QMIG_ARITY_VALUE && o->value == NULL))
    qmig_rewrite_keep (r, o);
  else
    rule->rule (r, o);
}

static void
add_what_is_missing (QmigRewrite *r)
{
  const QmigCmdlineTarget *target = r->target;

  if (!r->machine_pinned && target->machine != NULL)
    {
      g_ptr_array_add (r->argv, g_strdup ("-machine"));
      g_ptr_array_add (r->argv, g_strdup (target->machine));
      qmig_rewrite_note (r, "-machine %s: added, the source runs it by default", target->machine);
    }
  if (!r->named && target->new_name != NULL)
    {
      g_autofree char *escaped = qmig_keyval_escape (target->new_name);

      g_ptr_array_add (r->argv, g_strdup ("-name"));
      g_ptr_array_add (r->argv, g_strconcat ("guest=", escaped, NULL));
      qmig_rewrite_note (r, "-name %s: added", target->new_name);
    }
  for (guint i = 0; i < r->extra->len; i++)
    qmig_rewrite_keep (r, g_ptr_array_index (r->extra, i));

  add_monitor (r->argv, target->monitor_path);
  g_ptr_array_add (r->argv, g_strdup ("-S"));
  g_ptr_array_add (r->argv, g_strdup ("-incoming"));
  g_ptr_array_add (r->argv, g_strdup ("defer"));
}

static void
check_paths (QmigRewrite *r)
{
  if (strlen (r->target->monitor_path) >= sizeof (((struct sockaddr_un *)0)->sun_path))
    qmig_rewrite_refuse (
        r,
        "the monitor %s would be longer than the 107 bytes a unix socket's name may have: use a shorter "
        "QMIG_RUNTIME_DIR",
        r->target->monitor_path);
}

QmigCmdlineResult *
qmig_cmdline_derive (const char *const *argv, const QmigCmdlineTarget *target)
{
  g_autoptr(GPtrArray) options = qmig_options_parse (argv);
  QmigCmdlineResult *result = g_new0 (QmigCmdlineResult, 1);
  QmigRewrite r = { .target = target };

  r.argv = g_ptr_array_new ();
  r.notes = g_ptr_array_new ();
  r.warnings = g_ptr_array_new ();
  r.refusals = g_ptr_array_new ();
  r.names = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  r.replaced = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  r.extra = g_ptr_array_new_with_free_func (g_free);
  /* QEMU went to "/" when it daemonized, after it had opened its files. */
  r.cwd = has_option (options, "daemonize") ? NULL : target->cwd;
  r.machine_is_typed = has_machine_type (options);
  g_hash_table_add (r.names, g_path_get_basename (target->monitor_path));
  g_hash_table_add (r.names, g_strdup ("migrate.sock"));
  g_hash_table_add (r.names, g_strdup ("qemu.log"));

  take_extra (&r, options);
  check_paths (&r);
  refuse_without_value (&r, options);
  refuse_without_value (&r, r.extra);
  g_ptr_array_add (r.argv, g_strdup (target->binary));
  for (guint i = 0; i < options->len; i++)
    rewrite_option (&r, g_ptr_array_index (options, i));
  add_what_is_missing (&r);

  result->argv = to_strv (r.argv);
  result->notes = to_strv (r.notes);
  result->warnings = to_strv (r.warnings);
  result->refusals = to_strv (r.refusals);
  g_hash_table_unref (r.names);
  g_hash_table_unref (r.replaced);
  g_ptr_array_unref (r.extra);

  return result;
}

void
qmig_cmdline_result_free (QmigCmdlineResult *self)
{
  g_strfreev (self->argv);
  g_strfreev (self->notes);
  g_strfreev (self->warnings);
  g_strfreev (self->refusals);
  g_free (self);
}

static gboolean
is_our_monitor (const QmigOption *o)
{
  const QmigOptionRule *rule = qmig_option_rule_find (o->name);
  g_autoptr(QmigKeyval) kv = NULL;

  if (o->value == NULL || !(g_str_equal (o->name, "chardev") || g_str_equal (o->name, "mon")))
    return FALSE;
  kv = qmig_keyval_parse (o->value, rule->implied);

  return g_strcmp0 (qmig_keyval_get (kv, g_str_equal (o->name, "mon") ? "chardev" : "id"), QMIG_MONITOR_ID) == 0;
}

char **
qmig_cmdline_with_monitor (const char *const *argv, const char *monitor_path)
{
  g_autoptr(GPtrArray) options = qmig_options_parse (argv);
  QmigRewrite r = { .argv = g_ptr_array_new () };

  g_ptr_array_add (r.argv, g_strdup (argv[0]));
  for (guint i = 0; i < options->len; i++)
    if (!is_our_monitor (g_ptr_array_index (options, i)))
      qmig_rewrite_keep (&r, g_ptr_array_index (options, i));
  add_monitor (r.argv, monitor_path);

  return to_strv (r.argv);
}
