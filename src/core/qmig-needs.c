/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "qmig-needs.h"

#include <string.h>

#include "qmig-cmdline-private.h"

/* Where the run directory stands before the destination has told its own: what lies there is qmig's to make. */
#define RUN_DIR "/run-directory-of-the-destination"

#define VNC_FIRST_PORT 5900

typedef struct
{
  GPtrArray *needs;
  char *option;          /* that is looked at */
  gint64 memory_bytes;
} Looking;

static void
add (Looking *l, const char *kind, const char *name, gint64 bytes)
{
  QmigNeed *need;

  if (name == NULL || *name == '\0' || g_str_has_prefix (name, RUN_DIR) || g_str_has_prefix (name, "/dev/fdset/"))
    return;
  need = qmig_need_new ();
  need->kind = g_strdup (kind);
  need->name = g_strdup (name);
  need->option = g_strdup (l->option);
  need->bytes = bytes;
  g_ptr_array_add (l->needs, need);
}

static void
add_path (Looking *l, const char *kind, const char *path)
{
  if (path != NULL && path[0] == '/')
    add (l, kind, path, QMIG_UNSET);
}

/* @host: (nullable) for any; port 0 is QEMU's own choice */
static void
add_port (Looking *l, const char *kind, const char *host, gint64 port)
{
  g_autofree char *name = g_strdup_printf ("%s:%" G_GINT64_FORMAT, host != NULL ? host : "", port);

  if (port > 0 && port <= G_MAXUINT16)
    add (l, kind, name, QMIG_UNSET);
}

/* "512M" in bytes, as -object takes it; unset when it is no size. */
static gint64
read_size (const char *text)
{
  static const char units[] = "kmgt";
  char *end = NULL;
  guint64 number = text != NULL ? g_ascii_strtoull (text, &end, 10) : 0;
  const char *unit = end != NULL && *end != '\0' ? strchr (units, g_ascii_tolower (*end)) : NULL;
  guint shift = unit != NULL ? 10 * (guint) (unit - units + 1) : 0;

  return number > 0 && number < (guint64) G_MAXINT64 >> shift ? (gint64) (number << shift) : QMIG_UNSET;
}

/* -- network ----------------------------------------------------------------- */

/* "tcp:[HOST]:PORT-[GUEST]:PORT" */
static void
add_forward (Looking *l, const char *rule)
{
  const char *dash = strchr (rule, '-');
  g_autofree char *outer = dash != NULL ? g_strndup (rule, (gsize) (dash - rule)) : g_strdup (rule);
  g_auto(GStrv) parts = g_strsplit (outer, ":", 3);
  gboolean udp = g_str_equal (parts[0] != NULL ? parts[0] : "", "udp");

  if (g_strv_length (parts) == 3)
    add_port (l, udp ? "udp-port" : "tcp-port", parts[1], g_ascii_strtoll (parts[2], NULL, 10));
}

static gboolean
is_program (const char *value)
{
  return value != NULL && *value != '\0' && !g_str_equal (value, "no");
}

static void
look_at_netdev (Looking *l, const QmigKeyval *kv)
{
  const char *type = qmig_keyval_get (kv, "type");
  const char *helper = qmig_keyval_get (kv, "helper");
  gboolean tap = g_strcmp0 (type, "tap") == 0;

  if (g_strcmp0 (type, "bridge") == 0 || (tap && qmig_keyval_get (kv, "br") != NULL))
    add (l, "bridge", qmig_keyval_get (kv, "br") != NULL ? qmig_keyval_get (kv, "br") : "br0", QMIG_UNSET);
  add_path (l, "program", helper);
  if (tap)
    add (l, "tap", qmig_keyval_get (kv, "ifname"), QMIG_UNSET);
  if (tap && is_program (qmig_keyval_get (kv, "script")))
    add_path (l, "program", qmig_keyval_get (kv, "script"));
  if (tap && is_program (qmig_keyval_get (kv, "downscript")))
    add_path (l, "program", qmig_keyval_get (kv, "downscript"));
  for (guint i = 0; i < qmig_keyval_length (kv); i++)
    if (g_str_has_prefix (qmig_keyval_key_at (kv, i), "hostfwd"))
      add_forward (l, qmig_keyval_value_at (kv, i));
}

/* -- sockets and ports ------------------------------------------------------- */

static void
look_at_socket (Looking *l, const QmigKeyval *kv)
{
  gboolean server = qmig_keyval_get_bool (kv, "server", FALSE);
  const char *port = qmig_keyval_get (kv, "port");

  if (!qmig_keyval_get_bool (kv, "abstract", FALSE))
    add_path (l, server ? "listen" : "socket", qmig_keyval_get (kv, "path"));
  if (server && port != NULL && qmig_keyval_get (kv, "to") == NULL)
    add_port (l, "tcp-port", qmig_keyval_get (kv, "host"), g_ascii_strtoll (port, NULL, 10));
}

/* "unix:PATH,server=on", "tcp:HOST:PORT,server=on" */
static void
look_at_device (Looking *l, const char *device)
{
  g_autofree char *listens = qmig_chardev_listen_path (device);
  const char *tcp = g_str_has_prefix (device, "mon:") ? device + strlen ("mon:") : device;
  g_autoptr(QmigKeyval) kv = NULL;
  const char *address, *colon;

  add_path (l, "listen", listens);
  if (!g_str_has_prefix (tcp, "tcp:"))
    return;
  kv = qmig_keyval_parse (tcp + strlen ("tcp:"), "address");
  address = qmig_keyval_get (kv, "address");
  colon = address != NULL ? strrchr (address, ':') : NULL;
  if (colon != NULL && qmig_keyval_get_bool (kv, "server", FALSE) && qmig_keyval_get (kv, "to") == NULL)
    {
      g_autofree char *host = g_strndup (address, (gsize) (colon - address));

      add_port (l, "tcp-port", host, g_ascii_strtoll (colon + 1, NULL, 10));
    }
}

static void
look_at_vnc (Looking *l, const QmigKeyval *kv)
{
  const char *display = qmig_keyval_get (kv, "vnc");
  const char *colon = display != NULL ? strrchr (display, ':') : NULL;

  if (display != NULL && g_str_has_prefix (display, "unix:"))
    add_path (l, "listen", display + strlen ("unix:"));
  else if (colon != NULL && g_ascii_isdigit (colon[1]) && qmig_keyval_get (kv, "to") == NULL)
    {
      g_autofree char *host = g_strndup (display, (gsize) (colon - display));

      add_port (l, "tcp-port", host, VNC_FIRST_PORT + g_ascii_strtoll (colon + 1, NULL, 10));
    }
}

/* -- memory and files --------------------------------------------------------- */

static void
look_at_object (Looking *l, const QmigKeyval *kv)
{
  const char *type = qmig_keyval_get (kv, "qom-type");
  gint64 size = read_size (qmig_keyval_get (kv, "size"));

  if (g_strcmp0 (type, "memory-backend-file") == 0)
    add (l, "memory", qmig_keyval_get (kv, "mem-path"), size);
  else if (g_strcmp0 (type, "memory-backend-memfd") == 0 && qmig_keyval_get_bool (kv, "hugetlb", FALSE))
    {
      gint64 page = read_size (qmig_keyval_get (kv, "hugetlbsize"));
      g_autofree char *name = g_strdup_printf ("%" G_GINT64_FORMAT, page > 0 ? page : 2 << 20);

      add (l, "huge-pages", name, size);
    }
}

static void
look_at_files (Looking *l, const QmigOption *o, const QmigKeyval *kv)
{
  static const char *const keys[] = { "file", "romfile" };

  for (gsize i = 0; i < G_N_ELEMENTS (keys); i++)
    add_path (l, "file", qmig_keyval_get (kv, keys[i]));
  if (g_str_equal (o->name, "acpitable"))
    add_path (l, "file", qmig_keyval_get (kv, "data"));
}

/* -- the command line ---------------------------------------------------------- */

static gboolean
is_one_of (const QmigOption *o, const char *names)
{
  g_auto(GStrv) list = g_strsplit (names, " ", -1);

  return g_strv_contains ((const char *const *) list, o->name);
}

static void
look_at (Looking *l, const QmigOption *o)
{
  const QmigOptionRule *rule = qmig_option_rule_find (o->name);
  g_autoptr(QmigKeyval) kv = rule != NULL && o->value != NULL ? qmig_keyval_parse (o->value, rule->implied) : NULL;

  if (kv == NULL)
    return;
  if (is_one_of (o, "netdev nic net"))
    look_at_netdev (l, kv);
  else if (is_one_of (o, "chardev") && g_strcmp0 (qmig_keyval_get (kv, "backend"), "socket") == 0)
    look_at_socket (l, kv);
  else if (is_one_of (o, "qmp qmp-pretty monitor serial parallel debugcon"))
    look_at_device (l, o->value);
  else if (is_one_of (o, "vnc"))
    look_at_vnc (l, kv);
  else if (is_one_of (o, "object"))
    look_at_object (l, kv);
  else if (is_one_of (o, "mem-path"))
    add (l, "memory", o->value, l->memory_bytes);
  else if (is_one_of (o, "kernel dtb bios"))
    add_path (l, "file", o->value);
  else if (is_one_of (o, "initrd") && strpbrk (o->value, ", ") == NULL)
    add_path (l, "file", o->value);
  else if (is_one_of (o, "device option-rom fw_cfg acpitable smbios"))
    look_at_files (l, o, kv);
}

static GPtrArray *
look (const char *const *argv, gint64 memory_bytes)
{
  g_autoptr(GPtrArray) options = qmig_options_parse (argv);
  Looking l = { g_ptr_array_new_with_free_func ((GDestroyNotify) qmig_need_free), NULL, memory_bytes };

  for (guint i = 0; i < options->len; i++)
    {
      g_autofree char *option = qmig_option_describe (g_ptr_array_index (options, i));

      l.option = option;
      look_at (&l, g_ptr_array_index (options, i));
    }
  return l.needs;
}

static gboolean
is_among (const GPtrArray *needs, const QmigNeed *wanted)
{
  for (guint i = 0; i < needs->len; i++)
    {
      const QmigNeed *need = g_ptr_array_index (needs, i);

      if (g_str_equal (need->kind, wanted->kind) && g_str_equal (need->name, wanted->name))
        return TRUE;
    }
  return FALSE;
}

/* Of the command line as the destination would get it, on another machine. */
static GPtrArray *
look_at_derived (const char *const *source, const char *cwd, const char *const *extra, gint64 memory_bytes)
{
  QmigCmdlineTarget target = {
    .cwd = cwd,
    .binary = source[0],
    .run_dir = RUN_DIR,
    .monitor_path = RUN_DIR "/qmp",
    .extra = extra,
  };
  g_autoptr(QmigCmdlineResult) result = qmig_cmdline_derive (source, &target);

  return look ((const char *const *) result->argv, memory_bytes);
}

GPtrArray *
qmig_needs_of (const char *const *source, const char *cwd, const char *const *extra, gint64 memory_bytes)
{
  g_autoptr(GPtrArray) ours = look_at_derived (source, cwd, NULL, memory_bytes);
  GPtrArray *needs = look_at_derived (source, cwd, extra, memory_bytes);

  for (guint i = 0; i < needs->len; i++)
    ((QmigNeed *) g_ptr_array_index (needs, i))->own = is_among (ours, g_ptr_array_index (needs, i));
  return needs;
}

/* -- the verdicts ---------------------------------------------------------------- */

static const struct
{
  const char *kind;
  const char *check;
  const char *word;
  const char *way_out;
} kinds[] = {
  { "bridge", "network", "bridge", "create it there, or replace the option with --target-arg" },
  { "tap", "network", "tap device", "create it there, or replace the option with --target-arg" },
  { "program", "network", "program", "install it there, or replace the option with --target-arg" },
  { "tcp-port", "port", "port", "free it there, or replace the option with --target-arg" },
  { "udp-port", "port", "UDP port", "free it there, or replace the option with --target-arg" },
  { "socket", "socket", "socket", "start there what serves it, or replace the option with --target-arg" },
  { "listen", "socket", "socket", "name another path with --target-arg" },
  { "memory", "memory-backend", "memory in", "make room there, or replace the option with --target-arg" },
  { "huge-pages", "memory-backend", "huge pages of bytes", "reserve enough of them there (vm.nr_hugepages), or replace the option" },
  { "file", "file", "file", "copy it there, or replace the option with --target-arg" },
};

/* What the source has on the same machine is told by the rules of the command line, which know what is done about it. */
static gboolean
is_held_by_source (const QmigNeed *need, gboolean same_machine)
{
  static const char *const alone[] = { "tcp-port", "udp-port", "listen", "tap", NULL };

  return same_machine && need->own && g_strv_contains (alone, need->kind);
}

static void
judge (const QmigNeed *need, gsize kind, const char *destination, GPtrArray *checks)
{
  g_autofree char *source = g_strdup_printf ("%s names %s", need->option, need->name);

  if (need->problem != NULL)
    qmig_check_set_evidence (qmig_check_add (checks, kinds[kind].check, QMIG_CHECK_FAIL, kinds[kind].way_out, "%s: %s %s does not serve on '%s': %s",
                                             need->option, kinds[kind].word, need->name, destination, need->problem),
                             source, need->problem);
  else
    qmig_check_set_evidence (qmig_check_add (checks, kinds[kind].check, QMIG_CHECK_OK, NULL, "%s: %s %s serves on '%s'", need->option,
                                             kinds[kind].word, need->name, destination),
                             source, "found");
}

void
qmig_needs_judge (const GPtrArray *there, gboolean same_machine, const char *destination, GPtrArray *checks)
{
  for (guint i = 0; there != NULL && i < there->len; i++)
    {
      const QmigNeed *need = g_ptr_array_index (there, i);

      for (gsize kind = 0; kind < G_N_ELEMENTS (kinds) && !is_held_by_source (need, same_machine); kind++)
        if (g_str_equal (need->kind, kinds[kind].kind))
          judge (need, kind, destination, checks);
    }
}
