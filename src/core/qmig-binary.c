/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "qmig-binary.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api-error.h"
#include "qmp-client.h"
#include "qmp-commands.h"
#include "qmp-schema.h"

#define PROBE_MS 10000
/* What of a failed probe's stderr is told. */
#define STDERR_BYTES 1024

/* -- what is known already --------------------------------------------------- */

typedef struct
{
  struct stat st;
  QmigBinary *binary; /* (nullable) while not probed */
} Known;

static GMutex known_lock;
static GHashTable *known; /* path → Known */

static void
known_free (gpointer data)
{
  Known *entry = data;

  g_clear_pointer (&entry->binary, qmig_binary_free);
  g_free (entry);
}

static gboolean
is_same_file (const struct stat *a, const struct stat *b)
{
  return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size
         && a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* With the lock held; NULL where the file cannot be looked at. */
static Known *
find_known (const char *path)
{
  struct stat st;
  Known *entry;

  if (stat (path, &st) != 0)
    return NULL;
  if (known == NULL)
    known = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, known_free);
  entry = g_hash_table_lookup (known, path);
  if (entry != NULL && is_same_file (&entry->st, &st))
    return entry;

  entry = g_new0 (Known, 1);
  entry->st = st;
  g_hash_table_insert (known, g_strdup (path), entry);

  return entry;
}

static QmigBinary *
binary_copy (const QmigBinary *self)
{
  QmigBinary *copy = g_new0 (QmigBinary, 1);

  copy->version = g_strdup (self->version);
  copy->machines = g_strdupv (self->machines);
  copy->capabilities = g_strdupv (self->capabilities);
  copy->compressions = g_strdupv (self->compressions);

  return copy;
}

void
qmig_binary_free (QmigBinary *self)
{
  g_free (self->version);
  g_strfreev (self->machines);
  g_strfreev (self->capabilities);
  g_strfreev (self->compressions);
  g_free (self);
}

/* -- asking ---------------------------------------------------------------------- */

typedef struct
{
  GSubprocess *process;
  GIOStream *stream;
} Probe;

static void
probe_clear (Probe *probe)
{
  /* GLib reaps it. */
  if (probe->process != NULL)
    g_subprocess_force_exit (probe->process);
  g_clear_object (&probe->process);
  g_clear_object (&probe->stream);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Probe, probe_clear)

static GIOStream *
take_socket (int fd, GError **error)
{
  g_autoptr(GSocket) socket = g_socket_new_from_fd (fd, error);

  if (socket == NULL)
    {
      close (fd);
      return NULL;
    }
  return G_IO_STREAM (g_socket_connection_factory_create_connection (socket));
}

/* Its monitor is a socket pair: no path, nothing left behind. */
static gboolean
probe_start (Probe *probe, const char *path, GError **error)
{
  const char *const argv[] = { path, "-machine", "none", "-nodefaults", "-no-user-config", "-display", "none", "-S",
                               "-chardev", "socket,id=probe,fd=3", "-mon", "chardev=probe,mode=control", NULL };
  g_autoptr(GSubprocessLauncher) launcher
      = g_subprocess_launcher_new (G_SUBPROCESS_FLAGS_STDOUT_SILENCE | G_SUBPROCESS_FLAGS_STDERR_PIPE);
  int fds[2];

  if (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0)
    {
      g_set_error (error, QMIG_ERROR, QMIG_EXIT_ERROR, "cannot make a socket pair: %s", g_strerror (errno));
      return FALSE;
    }
  g_subprocess_launcher_take_fd (launcher, fds[1], 3);
  g_subprocess_launcher_set_cwd (launcher, "/");
  probe->stream = take_socket (fds[0], error);
  if (probe->stream == NULL)
    return FALSE;
  probe->process = g_subprocess_launcher_spawnv (launcher, argv, error);
  /* The child's end is closed here, so that its death ends the stream. */
  g_subprocess_launcher_close (launcher);

  return probe->process != NULL;
}

static void
add_stderr (Probe *probe, const char *path, GError **error)
{
  char text[STDERR_BYTES + 1];
  gssize got;
  g_autofree char *valid = NULL;

  g_subprocess_force_exit (probe->process);
  got = g_input_stream_read (g_subprocess_get_stderr_pipe (probe->process), text, STDERR_BYTES, NULL, NULL);
  valid = g_utf8_make_valid (text, MAX (got, 0));
  g_strdelimit (g_strstrip (valid), "\n\r\t", ' ');
  if (valid[0] != '\0')
    g_prefix_error (error, "'%s' says \"%s\": ", path, valid);
  else
    g_prefix_error (error, "'%s' does not answer as QEMU: ", path);
}

char **
qmig_binary_ask_compressions (QmpClient *client, QmpWait *wait, GError **error)
{
  static const char *const known_words[] = { "none", "zlib", "zstd", NULL };
  g_autoptr(QmpSchema) schema = qmp_schema_read (client, wait, error);
  g_autoptr(GStrvBuilder) words = g_strv_builder_new ();

  if (schema == NULL)
    return NULL;
  for (const char *const *word = known_words; *word != NULL; word++)
    if (qmp_schema_argument_accepts (schema, "migrate-set-parameters", "multifd-compression", *word))
      g_strv_builder_add (words, *word);
  return g_strv_builder_end (words);
}

static QmigBinary *
ask (Probe *probe, QmpWait *wait, GError **error)
{
  g_autoptr(QmpClient) client = qmp_client_open_stream (probe->stream, wait, error);
  g_auto(GStrv) machines = client ? qmp_query_machines (client, wait, error) : NULL;
  g_auto(GStrv) capabilities = machines ? qmp_query_capability_names (client, wait, error) : NULL;
  g_auto(GStrv) compressions = capabilities ? qmig_binary_ask_compressions (client, wait, error) : NULL;
  QmigBinary *binary;

  if (compressions == NULL)
    return NULL;
  binary = g_new0 (QmigBinary, 1);
  binary->version = g_strdup (qmp_client_get_version_text (client));
  binary->machines = g_steal_pointer (&machines);
  binary->capabilities = g_steal_pointer (&capabilities);
  binary->compressions = g_steal_pointer (&compressions);

  return binary;
}

static QmigBinary *
probe (const char *path, QmpWait *wait, GError **error)
{
  g_auto(Probe) probe = { NULL, NULL };
  g_autoptr(QmpWait) shorter = qmp_wait_new_within (wait, "the QEMU binary to say what it can", PROBE_MS);
  QmigBinary *binary;

  if (!probe_start (&probe, path, error))
    return NULL;
  binary = ask (&probe, shorter, error);
  if (binary == NULL)
    add_stderr (&probe, path, error);

  return binary;
}

QmigBinary *
qmig_binary_probe (const char *path, QmpWait *wait, GError **error)
{
  QmigBinary *binary = NULL;
  Known *entry;

  g_mutex_lock (&known_lock);
  entry = find_known (path);
  if (entry != NULL && entry->binary != NULL)
    binary = binary_copy (entry->binary);
  g_mutex_unlock (&known_lock);
  if (binary != NULL)
    return binary;

  binary = probe (path, wait, error);
  if (binary == NULL)
    return NULL;
  g_mutex_lock (&known_lock);
  entry = find_known (path);
  if (entry != NULL && entry->binary == NULL)
    entry->binary = binary_copy (binary);
  g_mutex_unlock (&known_lock);

  return binary;
}

int
qmig_binary_version_number (const char *version)
{
  int major = 0, minor = 0, micro = 0;

  return sscanf (version, "%d.%d.%d", &major, &minor, &micro) >= 2 ? major * 10000 + minor * 100 + micro : 0;
}
