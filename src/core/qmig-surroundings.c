/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "qmig-surroundings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "pki.h"

/* For sockets, log and pid file. */
#define RUN_DIR_BYTES (1 << 20)
#define RANGE_MAX 1024

/* -- memory ---------------------------------------------------------------------- */

/* QMIG_UNSET for "max", for what is no number, and where there is no such file. */
static gint64
read_bytes (const char *dir, const char *file)
{
  g_autofree char *path = g_build_filename (dir, file, NULL);
  g_autofree char *text = NULL;
  gint64 bytes;

  if (!g_file_get_contents (path, &text, NULL, NULL) || !g_ascii_string_to_signed (g_strstrip (text), 10, 0, G_MAXINT64, &bytes, NULL))
    return QMIG_UNSET;
  return bytes;
}

static void
take_tighter (gint64 bytes, const char *name, gint64 *least, char **which)
{
  if (bytes == QMIG_UNSET || (*least != QMIG_UNSET && *least <= bytes))
    return;
  *least = bytes;
  g_free (*which);
  *which = g_strdup (name);
}

/* Of @group and all above it.  @limit, @used: files of version 2 or 1 */
static void
look_at_groups (const char *root, const char *group, const char *limit, const char *used, gint64 *least, char **which)
{
  g_autofree char *dir = g_build_filename (root, group, NULL);

  for (; g_str_has_prefix (dir, root); *strrchr (dir, '/') = '\0')
    {
      gint64 bytes = read_bytes (dir, limit);
      g_autofree char *name = g_build_filename (dir, limit, NULL);

      /* Version 1 says almost all there is for no limit. */
      if (bytes != QMIG_UNSET && bytes < G_MAXINT64 / 2)
        take_tighter (MAX (bytes - MAX (read_bytes (dir, used), 0), 0), name, least, which);
    }
}

gint64
qmig_surroundings_cgroup_bytes (const char *groups, const char *root, char **which)
{
  g_auto(GStrv) lines = g_strsplit (groups, "\n", -1);
  g_autofree char *first = g_build_filename (root, "memory", NULL);
  gint64 least = QMIG_UNSET;

  for (char **line = lines; *line != NULL; line++)
    {
      g_auto(GStrv) parts = g_strsplit (*line, ":", 3);

      if (g_strv_length (parts) < 3)
        continue;
      if (parts[1][0] == '\0')
        look_at_groups (root, parts[2], "memory.max", "memory.current", &least, which);
      else if (g_str_equal (parts[1], "memory"))
        look_at_groups (first, parts[2], "memory.limit_in_bytes", "memory.usage_in_bytes", &least, which);
    }
  return least;
}

static gint64
rlimit_bytes (int resource)
{
  struct rlimit limit;

  return getrlimit (resource, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY && limit.rlim_cur < G_MAXINT64 ? (gint64) limit.rlim_cur : QMIG_UNSET;
}

static gint64
meminfo_bytes (const char *text, const char *name)
{
  const char *line = strstr (text, name);

  return line != NULL ? g_ascii_strtoll (line + strlen (name), NULL, 10) * 1024 : 0;
}

/* With the strict rule a new mapping is refused that the kernel could not keep. */
static gint64
commit_bytes (void)
{
  g_autofree char *text = NULL;

  if (read_bytes ("/proc/sys/vm", "overcommit_memory") != 2 || !g_file_get_contents ("/proc/meminfo", &text, NULL, NULL))
    return QMIG_UNSET;
  return MAX (meminfo_bytes (text, "CommitLimit:") - meminfo_bytes (text, "Committed_AS:"), 0);
}

static void
fill_memory (QmigSurroundings *self)
{
  g_autofree char *groups = NULL;

  if (g_file_get_contents ("/proc/self/cgroup", &groups, NULL, NULL))
    self->memory_limit_bytes = qmig_surroundings_cgroup_bytes (groups, "/sys/fs/cgroup", &self->memory_limit);
  take_tighter (rlimit_bytes (RLIMIT_AS), "the limit of address space (ulimit -v)", &self->memory_limit_bytes, &self->memory_limit);
  take_tighter (rlimit_bytes (RLIMIT_DATA), "the limit of data (ulimit -d)", &self->memory_limit_bytes, &self->memory_limit);
  take_tighter (commit_bytes (), "vm.overcommit_memory=2", &self->memory_limit_bytes, &self->memory_limit);
}

/* -- processors -------------------------------------------------------------------- */

/* (transfer full) (nullable) */
static char *
cpuinfo_value (const char *text, const char *name)
{
  g_autofree char *head = g_strconcat (name, "\t", NULL);
  const char *line = strstr (text, head);
  const char *colon = line != NULL ? strchr (line, ':') : NULL;

  return colon != NULL ? g_strstrip (g_strndup (colon + 1, strcspn (colon + 1, "\n"))) : NULL;
}

static void
fill_processors (QmigSurroundings *self)
{
  g_autofree char *text = NULL;
  g_autofree char *flags = NULL;
  double load;

  self->processors = sysconf (_SC_NPROCESSORS_ONLN);
  if (getloadavg (&load, 1) == 1)
    self->load = load;
  if (!g_file_get_contents ("/proc/cpuinfo", &text, NULL, NULL))
    return;
  self->cpu_vendor = cpuinfo_value (text, "vendor_id");
  self->cpu_model = cpuinfo_value (text, "model name");
  flags = cpuinfo_value (text, "flags");
  self->cpu_flags = flags != NULL ? g_strsplit (flags, " ", -1) : NULL;
}

/* -- directory, ports, migrations, certificates ------------------------------------- */

static char *
run_dir_problem (const QmigEnv *env)
{
  g_autofree char *vms = g_build_filename (env->runtime_dir, "vm", NULL);
  const char *dir = g_file_test (vms, G_FILE_TEST_EXISTS) ? vms : env->runtime_dir;
  struct statvfs fs;

  if (!g_file_test (dir, G_FILE_TEST_IS_DIR))
    return g_strdup_printf ("'%s' is no directory", dir);
  if (access (dir, W_OK | X_OK) != 0 || statvfs (dir, &fs) != 0)
    return g_strdup_printf ("'%s': %s", dir, g_strerror (errno));
  /* Some file systems count no inodes. */
  if (fs.f_bavail * fs.f_frsize < RUN_DIR_BYTES || (fs.f_files > 0 && fs.f_favail == 0))
    return g_strdup_printf ("the file system of '%s' is full", dir);
  return NULL;
}

char *
qmig_port_problem (const char *host, gint64 port, gboolean udp)
{
  const char *numeric = host == NULL || *host == '\0' ? "0.0.0.0" : g_str_equal (host, "localhost") ? "127.0.0.1" : host;
  g_autoptr(GSocketAddress) address = port > 0 && port <= G_MAXUINT16 ? g_inet_socket_address_new_from_string (numeric, (guint) port) : NULL;
  g_autoptr(GSocket) socket = NULL;
  g_autoptr(GError) error = NULL;

  if (address == NULL)
    return NULL;
  socket = g_socket_new (g_socket_address_get_family (address), udp ? G_SOCKET_TYPE_DATAGRAM : G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_DEFAULT, &error);
  if (socket != NULL && g_socket_bind (socket, address, !udp, &error))
    return NULL;
  return g_strdup (error->message);
}

static void
fill_ports (QmigSurroundings *self, const QmigEnv *env, const QmigFactsRequest *request)
{
  gboolean asked = request->port > 0;
  gint64 first = asked ? request->port : env->migration_port;
  gint64 last = asked ? request->port_last : env->migration_port_last;
  const char *host = request->listen != NULL ? request->listen : env->migration_address;

  if (first <= 0)
    return;
  self->free_ports = 0;
  for (gint64 port = first; port <= MIN (MAX (first, last), first + RANGE_MAX); port++)
    {
      g_autofree char *problem = qmig_port_problem (host, port, FALSE);

      if (problem == NULL)
        self->free_ports++;
      else if (self->ports_problem == NULL)
        self->ports_problem = g_steal_pointer (&problem);
    }
}

static gint64
count_moves (QmigJournal *journal, const char *but)
{
  g_autoptr(GPtrArray) reservations = qmig_journal_list_reservations (journal, NULL);
  g_auto(GStrv) open = qmig_journal_list_open (journal, NULL);
  gint64 n = 0;

  for (char **id = open; id != NULL && *id != NULL; id++)
    n += g_strcmp0 (*id, but) != 0;
  /* A move within this host is one. */
  for (guint i = 0; reservations != NULL && i < reservations->len; i++)
    {
      const char *id = ((const QmigReservation *) g_ptr_array_index (reservations, i))->spec->migration;

      n += g_strcmp0 (id, but) != 0 && (open == NULL || !g_strv_contains ((const char *const *) open, id));
    }
  return n;
}

static void
fill_certificates (QmigSurroundings *self, const QmigEnv *env)
{
  static const char *const files[] = { "ca-cert.pem", "server-cert.pem", "client-cert.pem" };

  for (gsize i = 0; env->pki_dir != NULL && i < G_N_ELEMENTS (files); i++)
    {
      g_autoptr(QmigCertificate) certificate = qmig_pki_read_certificate (env->pki_dir, files[i], NULL);

      if (certificate == NULL)
        continue;
      if (self->certificates_start_s == QMIG_UNSET || certificate->not_before > self->certificates_start_s)
        self->certificates_start_s = certificate->not_before;
      if (self->certificates_end_s == QMIG_UNSET || certificate->not_after < self->certificates_end_s)
        self->certificates_end_s = certificate->not_after;
    }
}

QmigSurroundings *
qmig_surroundings_read (const QmigEnv *env, QmigJournal *journal, const QmigFactsRequest *request)
{
  QmigSurroundings *self = qmig_surroundings_new ();

  fill_memory (self);
  fill_processors (self);
  fill_ports (self, env, request);
  fill_certificates (self, env);
  self->run_dir_problem = run_dir_problem (env);
  if (journal != NULL)
    self->other_moves = count_moves (journal, request->migration);
  return self;
}
