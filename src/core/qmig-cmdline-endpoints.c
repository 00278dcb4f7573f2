/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Rules for what two processes cannot share: sockets, ports, logs, network devices. */

#include <stdlib.h>
#include <string.h>

#include "qmig-cmdline-private.h"

/* How far past a taken port QEMU looks for a free one. */
#define PORT_RANGE 99

static QmigKeyval *
parse (const QmigOption *o)
{
  return qmig_keyval_parse (o->value, qmig_option_rule_find (o->name)->implied);
}

static void
warn_port_kept (QmigRewrite *r, const char *what, const char *port)
{
  qmig_rewrite_warn (r, "%s: port %s is kept, it must be free on the destination", what, port);
}

/* On one machine the source holds the port: QEMU itself takes the next free one of the range. */
static void
widen_port_range (QmigRewrite *r, const char *what, QmigKeyval *kv, const char *port)
{
  long first = strtol (port, NULL, 10);
  g_autofree char *to = g_strdup_printf ("%ld", MIN (first + PORT_RANGE, 65535));

  if (first == 0 || qmig_keyval_get (kv, "to") != NULL)
    return;
  if (!r->target->same_machine)
    {
      warn_port_kept (r, what, port);
      return;
    }
  qmig_keyval_set (kv, "to", to);
  qmig_rewrite_warn (r, "%s: port %s is taken by the source, the destination listens on the first free one up to %s",
                     what, port, to);
}

static void
move_log (QmigRewrite *r, const char *what, QmigKeyval *kv)
{
  const char *log = qmig_keyval_get (kv, "logfile");
  g_autofree char *moved = NULL;

  if (log == NULL || g_str_has_prefix (log, "/dev/"))
    return;
  moved = qmig_rewrite_move_file (r, what, log);
  qmig_keyval_set (kv, "logfile", moved);
}

/* A server that waits for its client would keep the destination from starting. */
static void
do_not_wait (QmigKeyval *kv)
{
  qmig_keyval_set (kv, "wait", "off");
}

static void
rewrite_unix_socket (QmigRewrite *r, const char *what, QmigKeyval *kv)
{
  const char *path = qmig_keyval_get (kv, "path");

  if (qmig_keyval_get_bool (kv, "server", FALSE))
    {
      g_autofree char *moved = qmig_rewrite_move_socket (r, what, path);

      qmig_keyval_set (kv, "path", moved);
      qmig_keyval_remove (kv, "abstract");
      qmig_keyval_remove (kv, "tight");
      do_not_wait (kv);
    }
  else
    {
      g_autofree char *absolute = qmig_rewrite_absolute (r, what, path);

      if (absolute != NULL)
        qmig_keyval_set (kv, "path", absolute);
      qmig_rewrite_warn (r, "%s: connects to %s, which must serve the destination too", what,
                         qmig_keyval_get (kv, "path"));
    }
}

static void
rewrite_inet_socket (QmigRewrite *r, const char *what, QmigKeyval *kv, const char *port)
{
  if (qmig_keyval_get_bool (kv, "server", FALSE))
    {
      widen_port_range (r, what, kv, port);
      do_not_wait (kv);
    }
  else
    qmig_rewrite_warn (r, "%s: connects to port %s, which must serve the destination too", what, port);
}

static void
warn_stdio (QmigRewrite *r, const char *what)
{
  qmig_rewrite_warn (r, "%s: the destination has no terminal; what it writes there is in %s/qemu.log", what,
                     r->target->run_dir);
}

static void
rewrite_chardev_file (QmigRewrite *r, const char *what, QmigKeyval *kv)
{
  const char *path = qmig_keyval_get (kv, "path");
  g_autofree char *moved = NULL;

  if (path == NULL || g_str_has_prefix (path, "/dev/"))
    return;
  moved = qmig_rewrite_move_file (r, what, path);
  qmig_keyval_set (kv, "path", moved);
}

static void
rewrite_host_file (QmigRewrite *r, const char *what, QmigKeyval *kv)
{
  const char *path = qmig_keyval_get (kv, "path");
  g_autofree char *absolute = path ? qmig_rewrite_absolute (r, what, path) : NULL;

  if (absolute != NULL)
    qmig_keyval_set (kv, "path", absolute);
  if (path != NULL)
    qmig_rewrite_warn (r, "%s: %s must be there for the destination too, and not for both at once", what,
                       qmig_keyval_get (kv, "path"));
}

static void
rewrite_udp (QmigRewrite *r, const char *what, const char *local_port)
{
  if (local_port == NULL || g_str_equal (local_port, "0"))
    return;
  if (r->target->same_machine)
    qmig_rewrite_refuse (r, "%s: local port %s is taken by the source; replace it with --target-arg", what, local_port);
  else
    warn_port_kept (r, what, local_port);
}

static void
rewrite_chardev_backend (QmigRewrite *r, const char *what, QmigKeyval *kv)
{
  static const char *const host_files[] = { "pipe", "serial", "tty", "parallel", "parport", NULL };
  const char *backend = qmig_keyval_get (kv, "backend");
  const char *port = qmig_keyval_get (kv, "port");

  if (g_strcmp0 (backend, "socket") == 0 && qmig_keyval_get (kv, "path") != NULL)
    rewrite_unix_socket (r, what, kv);
  else if (g_strcmp0 (backend, "socket") == 0 && port != NULL)
    rewrite_inet_socket (r, what, kv, port);
  else if (g_strcmp0 (backend, "udp") == 0)
    rewrite_udp (r, what, qmig_keyval_get (kv, "localport"));
  else if (g_strcmp0 (backend, "file") == 0)
    rewrite_chardev_file (r, what, kv);
  else if (g_strcmp0 (backend, "stdio") == 0)
    warn_stdio (r, what);
  else if (backend != NULL && g_strv_contains (host_files, backend))
    rewrite_host_file (r, what, kv);
  if (qmig_keyval_get (kv, "fd") != NULL)
    qmig_rewrite_refuse (r, "%s: descriptor %s of the source cannot be passed on; replace it with --target-arg", what,
                         qmig_keyval_get (kv, "fd"));
}

void
qmig_rule_chardev (QmigRewrite *r, const QmigOption *o)
{
  g_autoptr(QmigKeyval) kv = parse (o);
  g_autofree char *what = qmig_option_describe (o);

  /* An earlier move's monitor: the new one takes its place. */
  if (g_strcmp0 (qmig_keyval_get (kv, "id"), QMIG_MONITOR_ID) == 0)
    return;
  rewrite_chardev_backend (r, what, kv);
  move_log (r, what, kv);
  qmig_rewrite_emit_keyval (r, o, kv);
}

void
qmig_rule_mon (QmigRewrite *r, const QmigOption *o)
{
  g_autoptr(QmigKeyval) kv = parse (o);

  if (g_strcmp0 (qmig_keyval_get (kv, "chardev"), QMIG_MONITOR_ID) != 0)
    qmig_rewrite_keep (r, o);
}

/* "HOST:PORT,options" of a legacy device; NULL where there is no port.  HOST may be a bracketed IPv6 address. */
static const char *
legacy_port (const char *address)
{
  const char *end = address + strcspn (address, ",");
  const char *colon = g_strrstr_len (address, end - address, ":");

  return colon ? colon + 1 : NULL;
}

static char *
rewrite_legacy_inet (QmigRewrite *r, const char *what, const char *scheme, const char *address, gboolean always_server)
{
  const char *options = address + strcspn (address, ",");
  const char *port = legacy_port (address);
  g_autofree char *host_port = g_strndup (address, options - address);
  g_autofree char *number = port ? g_strndup (port, options - port) : g_strdup ("");
  g_autoptr(QmigKeyval) kv = qmig_keyval_parse (options[0] == ',' ? options + 1 : options, NULL);
  g_autofree char *rest = NULL;

  if (always_server)
    widen_port_range (r, what, kv, number);
  else
    rewrite_inet_socket (r, what, kv, number);
  if (!qmig_keyval_is_changed (kv))
    return NULL;
  rest = qmig_keyval_print (kv);

  return g_strconcat (scheme, host_port, ",", rest, NULL);
}

static char *
rewrite_legacy_unix (QmigRewrite *r, const char *what, const char *address)
{
  g_autoptr(QmigKeyval) kv = qmig_keyval_parse (address, "path");
  g_autofree char *text = NULL;

  if (qmig_keyval_get (kv, "path") == NULL)
    return NULL;
  rewrite_unix_socket (r, what, kv);
  text = qmig_keyval_is_changed (kv) ? qmig_keyval_print (kv) : NULL;

  return text ? g_strconcat ("unix:", text, NULL) : NULL;
}

static char *
rewrite_legacy_path (QmigRewrite *r, const char *what, const char *scheme, const char *path)
{
  g_autofree char *moved = NULL;

  if (g_str_has_prefix (path, "/dev/"))
    return NULL;
  if (g_str_equal (scheme, "file:"))
    moved = qmig_rewrite_move_file (r, what, path);
  else
    {
      moved = qmig_rewrite_absolute (r, what, path);
      qmig_rewrite_warn (r, "%s: the pipe %s must be there for the destination too, and not for both at once", what,
                         path);
    }
  return moved ? g_strconcat (scheme, moved, NULL) : NULL;
}

/* "udp:HOST:PORT@HOST:LOCALPORT" */
static void
rewrite_legacy_udp (QmigRewrite *r, const char *what, const char *address)
{
  const char *local = strchr (address, '@');
  const char *port = local ? strrchr (local, ':') : NULL;

  rewrite_udp (r, what, port ? port + 1 : NULL);
}

/* The new text, or NULL when it stays as it is. */
static char *
rewrite_legacy_device (QmigRewrite *r, const char *what, const char *device, gboolean always_server)
{
  static const char *const inet[] = { "tcp:", "telnet:", "websocket:", "tn3270:" };

  for (gsize i = 0; i < G_N_ELEMENTS (inet); i++)
    if (g_str_has_prefix (device, inet[i]))
      return rewrite_legacy_inet (r, what, inet[i], device + strlen (inet[i]), always_server);
  if (g_str_has_prefix (device, "unix:"))
    return rewrite_legacy_unix (r, what, device + strlen ("unix:"));
  if (g_str_has_prefix (device, "file:"))
    return rewrite_legacy_path (r, what, "file:", device + strlen ("file:"));
  if (g_str_has_prefix (device, "pipe:"))
    return rewrite_legacy_path (r, what, "pipe:", device + strlen ("pipe:"));
  if (g_str_has_prefix (device, "udp:"))
    rewrite_legacy_udp (r, what, device + strlen ("udp:"));
  else if (g_str_equal (device, "stdio"))
    warn_stdio (r, what);
  else if (g_str_has_prefix (device, "/dev/") && !g_str_equal (device, "/dev/null"))
    qmig_rewrite_warn (r, "%s: %s must be there for the destination too, and not for both at once", what, device);
  return NULL;
}

void
qmig_rule_legacy_chardev (QmigRewrite *r, const QmigOption *o)
{
  g_autofree char *what = qmig_option_describe (o);
  gboolean mux = g_str_has_prefix (o->value, "mon:");
  g_autofree char *device = rewrite_legacy_device (r, what, mux ? o->value + strlen ("mon:") : o->value, FALSE);
  g_autofree char *value = device ? g_strconcat (mux ? "mon:" : "", device, NULL) : NULL;

  qmig_rewrite_emit (r, o, value ? value : o->value);
}

char *
qmig_chardev_listen_path (const char *device)
{
  g_autoptr(QmigKeyval) kv = NULL;

  if (g_str_has_prefix (device, "mon:"))
    device += strlen ("mon:");
  if (!g_str_has_prefix (device, "unix:"))
    return NULL;
  kv = qmig_keyval_parse (device + strlen ("unix:"), "path");
  if (!qmig_keyval_get_bool (kv, "server", FALSE))
    return NULL;

  return g_strdup (qmig_keyval_get (kv, "path"));
}

/* -gdb takes a chardev that always listens; -s is short for one. */
void
qmig_rule_gdb (QmigRewrite *r, const QmigOption *o)
{
  const QmigOption plain = { "-gdb", "gdb", o->value ? o->value : "tcp::1234" };
  g_autofree char *value = rewrite_legacy_device (r, "-gdb", plain.value, TRUE);

  if (value != NULL)
    qmig_rewrite_emit (r, &plain, value);
  else
    qmig_rewrite_keep (r, o);
}

/* -- displays --------------------------------------------------------------- */

static void
rewrite_vnc_display (QmigRewrite *r, QmigKeyval *kv)
{
  const char *address = qmig_keyval_get (kv, "vnc");
  const char *colon = strrchr (address, ':');
  long display = colon ? strtol (colon + 1, NULL, 10) : 0;
  g_autofree char *to = g_strdup_printf ("%ld", MIN (display + PORT_RANGE, 65535 - 5900));

  if (colon == NULL || qmig_keyval_get_bool (kv, "reverse", FALSE))
    return;
  if (!r->target->same_machine)
    qmig_rewrite_warn (r, "-vnc %s: display %ld is kept, it must be free on the destination", address, display);
  else if (qmig_keyval_get (kv, "websocket") != NULL)
    qmig_rewrite_refuse (r, "-vnc %s: its websocket port is taken by the source; replace it with --target-arg -vnc",
                         address);
  else if (qmig_keyval_get (kv, "to") == NULL)
    {
      qmig_rewrite_warn (
          r, "-vnc %s: display %ld is taken by the source, the destination takes the first free one up to %s", address,
          display, to);
      qmig_keyval_set (kv, "to", to);
    }
}

static void
rewrite_vnc (QmigRewrite *r, QmigKeyval *kv)
{
  const char *address = qmig_keyval_get (kv, "vnc");

  if (address == NULL || g_str_equal (address, "none"))
    return;
  if (g_str_has_prefix (address, "unix:"))
    {
      g_autofree char *moved = qmig_rewrite_move_socket (r, "-vnc", address + strlen ("unix:"));
      g_autofree char *value = g_strconcat ("unix:", moved, NULL);

      qmig_keyval_set (kv, "vnc", value);
    }
  else
    rewrite_vnc_display (r, kv);
}

void
qmig_rule_vnc (QmigRewrite *r, const QmigOption *o)
{
  g_autoptr(QmigKeyval) kv = parse (o);

  rewrite_vnc (r, kv);
  qmig_rewrite_emit_keyval (r, o, kv);
}

void
qmig_rule_spice (QmigRewrite *r, const QmigOption *o)
{
  g_autoptr(QmigKeyval) kv = parse (o);
  const char *port = qmig_keyval_get (kv, "port");
  const char *address = qmig_keyval_get (kv, "addr");

  if (port == NULL)
    port = qmig_keyval_get (kv, "tls-port");
  if (qmig_keyval_get_bool (kv, "unix", FALSE) && address != NULL)
    {
      g_autofree char *moved = qmig_rewrite_move_socket (r, "-spice", address);

      qmig_keyval_set (kv, "addr", moved);
    }
  else if (port != NULL && r->target->same_machine)
    qmig_rewrite_refuse (r, "-spice: port %s is taken by the source; replace it with --target-arg -spice", port);
  else if (port != NULL)
    warn_port_kept (r, "-spice", port);
  qmig_rewrite_emit_keyval (r, o, kv);
}

void
qmig_rule_display (QmigRewrite *r, const QmigOption *o)
{
  g_autofree char *type = g_strndup (o->value, strcspn (o->value, ",="));
  g_autoptr(QmigKeyval) kv = NULL;

  if (g_str_equal (type, "vnc"))
    {
      kv = parse (o);
      rewrite_vnc (r, kv);
      qmig_rewrite_emit_keyval (r, o, kv);
    }
  else if (g_str_equal (type, "curses"))
    {
      qmig_rewrite_note (r, "-display: curses → none, the destination has no terminal");
      qmig_rewrite_emit (r, o, "none");
    }
  else
    {
      qmig_rewrite_keep (r, o);
      if (g_str_equal (type, "spice-app") && r->target->same_machine)
        qmig_rewrite_refuse (
            r, "-display spice-app: its socket is taken by the source; replace it with --target-arg -display");
      else if (!g_str_equal (type, "none") && !g_str_equal (type, "egl-headless"))
        qmig_rewrite_warn (
            r,
            "-display %s: needs that desktop session on the destination; --target-arg -display --target-arg "
            "none does without",
            type);
    }
}

void
qmig_rule_nographic (QmigRewrite *r, const QmigOption *o)
{
  qmig_rewrite_keep (r, o);
  warn_stdio (r, "-nographic");
}

/* -- network ---------------------------------------------------------------- */

/* "tcp:[HOST]:PORT-[GUEST]:PORT": the host's port. */
static char *
forwarded_port (const char *rule)
{
  const char *dash = strchr (rule, '-');
  g_autofree char *host = dash ? g_strndup (rule, dash - rule) : g_strdup (rule);
  const char *colon = strrchr (host, ':');

  return g_strdup (colon ? colon + 1 : host);
}

static void
check_forwards (QmigRewrite *r, const char *what, const QmigKeyval *kv)
{
  for (guint i = 0; i < qmig_keyval_length (kv); i++)
    {
      g_autofree char *port = NULL;

      if (!g_str_has_prefix (qmig_keyval_key_at (kv, i), "hostfwd"))
        continue;
      port = forwarded_port (qmig_keyval_value_at (kv, i));
      if (g_str_equal (port, "0") || port[0] == '\0')
        continue;
      if (r->target->same_machine)
        qmig_rewrite_refuse (
            r, "%s: host port %s is taken by the source; replace it with --target-arg and another hostfwd", what, port);
      else
        warn_port_kept (r, what, port);
    }
}

static void
check_descriptors (QmigRewrite *r, const char *what, const QmigKeyval *kv)
{
  static const char *const keys[] = { "fd", "fds", "vhostfd", "vhostfds", "sock_fd" };
  const char *type = qmig_keyval_get (kv, "addr.type");

  for (gsize i = 0; i < G_N_ELEMENTS (keys); i++)
    if (qmig_keyval_get (kv, keys[i]) != NULL)
      {
        qmig_rewrite_refuse (
            r,
            "%s: %s=%s belongs to the source and cannot be passed on; replace it with --target-arg and "
            "ifname= or br=",
            what, keys[i], qmig_keyval_get (kv, keys[i]));
        return;
      }
  if (g_strcmp0 (type, "fd") == 0 || g_strcmp0 (qmig_keyval_get (kv, "local.type"), "fd") == 0)
    qmig_rewrite_refuse (r, "%s: a descriptor of the source cannot be passed on; replace it with --target-arg", what);
}

/* What the network back end of this type holds that a second QEMU on the same machine cannot have; NULL for nothing. */
static const char *
held_by_source (const char *type, const QmigKeyval *kv)
{
  static const struct
  {
    const char *type;
    const char *key;
  } holds[] = {
    { "tap", "ifname" },       { "af-xdp", "ifname" },    { "socket", "listen" },
    { "socket", "udp" },       { "l2tpv3", "srcport" },   { "dgram", "local.path" },
    { "dgram", "local.port" }, { "stream", "addr.path" }, { "vde", "port" },
  };

  for (gsize i = 0; i < G_N_ELEMENTS (holds); i++)
    if (g_strcmp0 (type, holds[i].type) == 0 && qmig_keyval_get (kv, holds[i].key) != NULL)
      return qmig_keyval_get (kv, holds[i].key);
  if (g_strcmp0 (type, "stream") == 0 && qmig_keyval_get_bool (kv, "server", FALSE))
    return qmig_keyval_get (kv, "addr.port");
  return NULL;
}

static void
check_network (QmigRewrite *r, const char *what, const QmigKeyval *kv)
{
  const char *type = qmig_keyval_get (kv, "type");
  const char *held = held_by_source (type, kv);

  if (g_strcmp0 (type, "vhost-user") == 0 && !qmig_rewrite_is_replaced (r, "chardev", qmig_keyval_get (kv, "chardev")))
    qmig_rewrite_refuse (r, "%s: its back end is another process that serves one QEMU; replace it with --target-arg",
                         what);
  else if (g_strcmp0 (type, "vhost-vdpa") == 0)
    qmig_rewrite_refuse (r, "%s: a device of the host cannot be at two QEMUs; replace it with --target-arg", what);
  else if (held != NULL && r->target->same_machine)
    qmig_rewrite_refuse (r, "%s: %s is taken by the source on this machine; replace it with --target-arg", what, held);
  else if (held != NULL)
    qmig_rewrite_warn (r, "%s: %s is kept, it must be there and free on the destination", what, held);
  check_descriptors (r, what, kv);
  check_forwards (r, what, kv);
}

void
qmig_rule_netdev (QmigRewrite *r, const QmigOption *o)
{
  g_autoptr(QmigKeyval) kv = parse (o);
  g_autofree char *what = qmig_option_describe (o);

  check_network (r, what, kv);
  qmig_rule_keyval_paths (r, o);
}
